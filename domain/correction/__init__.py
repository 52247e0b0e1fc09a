"""A correction: proposed, tried dry, approved by somebody else, applied member by member."""
