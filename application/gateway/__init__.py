"""What other systems send in their own words, and what becomes of it.

`mapping.py` says what of a message means what, `check.py` what is wrong with such a document, `builtin.py` has some;
`signatures.py` tells whether a message is genuine. `sources.py` keeps the senders, `inbox.py` takes their messages in,
`arrivals.py` is the follower that wakes those that waited for a member or an order.
"""
