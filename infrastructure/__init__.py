"""The vault and the tools: PostgreSQL, keys, clock, settings and logs, as the application asks for them."""
