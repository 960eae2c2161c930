"""Bringing the data from one schema to the next."""
