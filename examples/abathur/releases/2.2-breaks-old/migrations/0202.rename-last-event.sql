-- depends: 0101.session-priority

ALTER TABLE sessions RENAME COLUMN last_event_at TO last_activity_at;
