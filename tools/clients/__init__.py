"""The generator of the typed clients."""
