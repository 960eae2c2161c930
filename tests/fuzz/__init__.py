"""Seeded random damage, as much of it as somebody has time for; the tests run a little of it."""
