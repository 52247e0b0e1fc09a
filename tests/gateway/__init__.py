"""The gateway: other systems' messages, read by mappings, taken in once."""
