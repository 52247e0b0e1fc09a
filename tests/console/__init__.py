"""Specifications of the console: its door over HTTP, its pages in a real browser."""
