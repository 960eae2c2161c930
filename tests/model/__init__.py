"""The real ledger, lock, fence and ways back over a simulated system, from one seed.

The core is not changed and nothing of it is replaced: below it stand a disk that forgets what was
not synced, a clock that jumps, processes that are killed at any call, and a network that delays,
loses and repeats (``disk``, ``system``, ``network``). Above it stand the story of the playbooks and
the drivers' few acts, as small as they can be told (``host``, ``story``). ``invariants`` says what
must never be seen.
"""
