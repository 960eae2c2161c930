-- What the service expects to find on its first day.
-- depends: 0004.indexes

INSERT INTO memory_entries (namespace, key, value, memory_type, created_by, updated_by)
VALUES (
    'app:abathur:agent_instructions', 'default_workflow',
    '{"steps": ["read the task", "recall related memories", "act", "record the outcome"]}',
    'procedural', 'system', 'system'
);

INSERT INTO memory_entries (namespace, key, value, memory_type, created_by, updated_by)
VALUES (
    'app:abathur:config', 'memory_lifecycle_policies',
    '{"episodic_ttl_days": 90, "versions_kept": 100, "events_per_session": 1000}',
    'procedural', 'system', 'system'
);

INSERT INTO memory_entries (namespace, key, value, memory_type, created_by, updated_by)
VALUES (
    'app:abathur:defaults', 'user_preference_template',
    '{"language": "en", "verbosity": "normal", "notifications": true}',
    'semantic', 'system', 'system'
);

INSERT INTO sessions (id, app_name, user_id, project_id, state)
VALUES ('example-session', 'abathur', 'example', 'example-project', '{"app:purpose": "smoke"}');
