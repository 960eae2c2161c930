"""JSONL files: what is a record is proved line by line, and what is none is told with its place.

Layers, each knowing only those above it: ``model`` (the words), ``schema`` and ``rules`` (what the
user allows), ``strict``, ``glued`` and ``line`` (one line, by the standard library alone),
``joined``, ``plain`` and ``quick`` (many lines at once), ``kinds``, ``judge``, ``pieces`` (reading
with bounded memory), ``crew`` (several processes), ``opened`` (is it still the same file?),
``account``, ``scan``, ``records``, ``quarantine``, ``act``.
"""
