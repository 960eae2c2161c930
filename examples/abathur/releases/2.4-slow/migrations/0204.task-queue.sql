-- depends: 0101.session-priority

ALTER TABLE tasks ADD COLUMN queue TEXT NOT NULL DEFAULT 'default';
