"""Specifications of the HTTP contract, over a real PostgreSQL."""
