"""Brokers: real ones, that are killed."""
