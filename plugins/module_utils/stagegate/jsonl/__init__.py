"""JSONL files: what is a record is proved line by line, and what is none is told with its place.

Layers, each knowing only those above it: ``model`` (the words), ``rules`` (what the user allows),
``strict`` (one line, with the standard library alone), ``schema``, ``lines`` and ``quick`` (many
lines at once), ``pieces`` (reading with bounded memory), ``crew`` (two processors), ``opened`` (is
it still the same file?), ``scan``, ``records``, ``quarantine``, ``act``.
"""
