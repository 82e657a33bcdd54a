"""Insula: one house in which many tenants live, each behind walls of their own."""

__version__ = "0.1.0"
