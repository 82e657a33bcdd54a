"""The service that offers a tenant's operations to programs of artificial intelligence."""
