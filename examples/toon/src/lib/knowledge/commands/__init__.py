"""The programs of a release for a command line."""
