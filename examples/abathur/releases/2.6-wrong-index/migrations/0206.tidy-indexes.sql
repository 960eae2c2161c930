-- depends: 0101.session-priority

DROP INDEX idx_memory_conflict_detection;

CREATE INDEX idx_memory_key_lookup ON memory_entries (key, namespace);
