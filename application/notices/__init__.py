"""Notices: what members are told by e-mail, if they agreed to it.

`settings.py` says of what and in which words, `texts.py` has words to begin with and puts in the numbers, `noting.py`
is the follower that notes what is to be told, `telling.py` tells it.
"""
