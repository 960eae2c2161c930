"""The store of files: one directory of a system, with all that lies in it.

Its fingerprint is a listing: for each name its type, rights and owner, of a file its length and
digest, of a link where it leads. Times are kept, and count for nothing.

Layers, lower ones first: ``tree`` (walking), ``listing`` (the fingerprint), ``copying``,
``exporting`` (what was written since), ``content`` (the answers to the actions in ``plain``),
``task``.
"""
