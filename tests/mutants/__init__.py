"""Each guard of the product, taken out in turn: a narrow test must fail without it.

``guards.yml`` names them, the exact text that goes and what stands in its place, and the tests that
are expected to notice. ``python -m tests.mutants`` proves it in a copy of the tree that is thrown
away; the checkout is only read.
"""
