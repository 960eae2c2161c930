"""The Redis store: images that a server of our own has loaded, and the way back to one.

A deployment does not change what Redis holds, and most go back without touching it. Only for a
migration that leads nowhere back is a frozen image kept, and put in the place of the live files.

Layers, lower ones first: ``model`` (what a user declared), ``password``, ``client`` (the protocol),
``server`` (what it says of itself), ``content`` and ``difference`` (what it holds), ``scratch`` (a
server of our own), ``manifest`` and ``image`` (what is kept), ``placing`` and ``unit`` (the live
files and process), ``retention``. Above them lie the actions: ``probe``, ``backup``, ``freeze``
(stage, seal, activate), ``evidence`` (forensic and delta), ``restore``; and ``driver``, which calls
them by name.
"""
