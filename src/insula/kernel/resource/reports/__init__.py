"""Reports: what an app says of its many rows, as something that can be drawn."""
