"""The command line's commands: each reads its options, starts things, prints."""
