"""The whole application lived in at random: many members, all commands, and laws that hold after each step.

`rules` makes rulebooks, `life` is one program and what happens in it, `deeds` are the kinds of things that happen,
`ledger` holds the log against the laws. A step is a kind and a few numbers, so that Hypothesis may shrink what it finds
(`test_machine`), and a seed may repeat it (`python -m tests.simulation SEED STEPS`).
"""
