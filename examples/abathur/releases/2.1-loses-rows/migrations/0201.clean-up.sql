-- depends: 0101.session-priority

UPDATE audit SET memory_entry_id = NULL WHERE memory_entry_id IN (
    SELECT older.id FROM memory_entries AS older
    JOIN memory_entries AS newer
        ON newer.namespace = older.namespace AND newer.key = older.key
        AND newer.version > older.version
);

DELETE FROM memory_entries WHERE id IN (
    SELECT older.id FROM memory_entries AS older
    JOIN memory_entries AS newer
        ON newer.namespace = older.namespace AND newer.key = older.key
        AND newer.version > older.version
);

UPDATE tasks SET session_id = NULL
WHERE session_id IN (SELECT id FROM sessions WHERE events = '[]');

UPDATE agents SET session_id = NULL
WHERE session_id IN (SELECT id FROM sessions WHERE events = '[]');

UPDATE checkpoints SET session_id = NULL
WHERE session_id IN (SELECT id FROM sessions WHERE events = '[]');

DELETE FROM sessions WHERE events = '[]';
