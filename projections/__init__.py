"""The notice boards: one file answers one question, painted by reading the log from its first entry."""
