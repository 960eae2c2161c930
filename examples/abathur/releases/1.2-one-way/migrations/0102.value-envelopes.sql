-- Every value goes into an envelope; there is no way back that older code could read.
-- depends: 0101.session-priority

UPDATE memory_entries SET value = json_object('format', 2, 'body', json(value));
