"""Stores that are plain data: one file, or one directory with all that lies in it.

They live in generations, and every action is the same for both but for the content itself: how it
is copied, read, compared and told. That is a ``Content``, of which each driver has one.

Beside the data a generation may hold ``.migrations.json``, the account of the migrations that were
applied to it. It goes wherever the data go.

Layers, lower ones first: ``content`` (what a driver answers), ``account``, ``task``, ``live``
(where the data are), ``manifest``, ``backup``. Above them lie the actions: ``probe``, ``proof``
(backup and compare), ``forward`` (stage, seal and activate), ``evidence`` (forensic and delta),
``restore``; and ``driver``, which calls them by name.
"""
