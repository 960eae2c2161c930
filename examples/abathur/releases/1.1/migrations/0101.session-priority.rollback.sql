ALTER TABLE sessions DROP COLUMN last_event_at;

ALTER TABLE sessions DROP COLUMN priority;
