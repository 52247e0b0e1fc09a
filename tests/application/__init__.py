"""Use cases on a real PostgreSQL: what a client would see, without HTTP in between."""
