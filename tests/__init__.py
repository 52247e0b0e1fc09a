"""Specifications that run, arranged like the rooms they describe."""
