"""The front doors: HTTP, command line and console, and the one file that knows every room (`wiring`)."""
