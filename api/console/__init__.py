"""The web console: pages made here, over the same use cases as the HTTP API. Start at `app.py`."""
