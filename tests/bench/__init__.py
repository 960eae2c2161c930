"""Measurements, each beside a peer that does the same work or its bare core, in the same run.

Nothing here judges a build: a wall time says as much of the machine as of the program, so that only
ratios of interleaved runs are compared with a target, and a missed target is printed, not raised.
"""
