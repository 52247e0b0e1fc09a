"""The command line door: `guerdon` and its subcommands."""
