"""Webhooks: what is told, to whom, however often it takes."""
