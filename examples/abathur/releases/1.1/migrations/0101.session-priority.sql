-- Columns are only added, with defaults, so that 1.0 can go on with this schema.
-- depends: 0005.seed-data

ALTER TABLE sessions ADD COLUMN priority INTEGER NOT NULL DEFAULT 5;

ALTER TABLE sessions ADD COLUMN last_event_at TEXT;

UPDATE sessions SET last_event_at = json_extract(events, '$[#-1].timestamp');
