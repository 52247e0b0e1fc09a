"""The HTTP door: requests become commands, answers and refusals become JSON."""
