"""The door of a system behind HAProxy, worked through its runtime socket.

What is set is always read back, and what a host's ledger says was set last can be set again: a
reload forgets whatever was said over the socket.

Layers, lower ones first: ``model`` (what a user declared), ``runtime`` (one command, one answer),
``servers`` (what HAProxy says of a backend), ``config`` (what a reload would keep), ``door`` (set,
read back, wait). Above them lie the actions: ``probe``, ``closing`` (close and shut), ``opening``
(announce and open), ``steady`` (steady and weight); and ``driver``, which calls them by name.
"""
