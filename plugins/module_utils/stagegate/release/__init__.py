"""Releases: immutable directories of code, unpacked from archives that say what they contain."""
