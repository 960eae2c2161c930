-- transactional: false
-- depends: 0101.session-priority

CREATE TABLE memory_tags (
    entry_id INTEGER NOT NULL REFERENCES memory_entries (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (entry_id, tag)
);

INSERT INTO memory_tags (entry_id, tag) SELECT id, memory_type FROM memory_entries;

-- SQLite refuses this on a table with rows: there is no value for those that are there.
ALTER TABLE sessions ADD COLUMN owner TEXT NOT NULL;
