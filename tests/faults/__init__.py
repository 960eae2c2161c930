"""The fault matrix: every fault as a row of data, what proves it, and what its last run gave.

A row is a file `NNN-short-name.yml` in this folder. `python -m tests.faults` runs what the rows
name and writes `docs/fault-results.json` and, from both, the page `docs/fault-matrix.md`.
"""
