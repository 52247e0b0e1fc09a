"""The whole application lived in at random: many members, all commands, and laws that hold after each step.

`rules` makes rulebooks, `life` is one program and what happens in it, `deeds` (and `program`) are the kinds of things
that happen, `over_http` asks for them over the API, `ledger` holds the log against the laws. A new kind is a function
and a line of `DEEDS`; with a line of `ROUTES` some of its steps go over HTTP.

A step is a kind and a few numbers, so that Hypothesis may shrink what it finds (`test_machine`), and a seed may repeat
it (`python -m tests.simulation SEED STEPS`).
"""
