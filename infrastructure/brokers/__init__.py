"""Brokers through FastStream. One file each: what arrives, what is sent, and what lies dead."""
