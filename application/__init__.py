"""The clerk: loads a stream, asks the domain, saves the answer; and names what it needs from outside."""
