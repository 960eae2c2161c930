"""The store of records: one JSONL file of a system, to which its service appends.

What is a record is decided by the validator in ``jsonl``. The end of a file is where its last
whole record ends: what lies behind it is a record in the making, or what a crash left, and never
goes into a copy. Nothing is ever cut out of a file that served.

Layers, lower ones first: ``model`` (what a user declared), ``lines`` (ends, prefixes, and what lies
between records), ``taking`` (a copy beside the writer), ``compare`` (by key), ``suffix`` (what was
written since), ``content`` (the answers to the actions in ``plain``), ``task``.
"""
