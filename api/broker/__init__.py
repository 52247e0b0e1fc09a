"""Brokers: activities that arrive through one, and events that go out through it."""
