"""Where things are on a broker, whichever it is."""

from urllib.parse import urlsplit

PREFIX = "guerdon"
TYPE = "application/cloudevents+json"


def activities(prefix: str, program: str) -> str:
    """Where activities for a program arrive."""
    return f"{prefix}.activities.{program}"


def dead(prefix: str, program: str) -> str:
    """Where those lie that could not be recorded."""
    return f"{prefix}.dead.{program}"


def events(prefix: str, program: str) -> str:
    """Where a program's events go."""
    return f"{prefix}.events.{program}"


def safe(url: str) -> str:
    """An address without the password that may be in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
