"""The knowledge base: facts in a file of JSON lines, contexts of them in TOON."""
