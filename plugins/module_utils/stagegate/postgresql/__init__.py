"""The PostgreSQL store: one database of a server on this host, migrated in place or as a copy."""
