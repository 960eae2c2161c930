"""A memory service for agents: sessions, versioned memories, tasks, documents and their search.

Two processes share one SQLite database: `api` answers requests, `workers` keeps the documents of a
watched directory indexed. Both run from the release directory that they were started in.
"""
