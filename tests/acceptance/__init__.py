"""Acceptance on real data: `python -m tests.acceptance FOLDER`.

Feeds that nobody here made go through the real store and a real server, every answer is read back over HTTP, and only
then the recorded outcomes are opened and compared.
"""
