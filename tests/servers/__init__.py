"""Real servers for tests: each in a folder of its own, on a free port, gone with the block.

Use `with postgresql.running()` and `with redis.running()`; both skip the test when the server
is not installed on this machine.
"""
