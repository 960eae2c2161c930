-- Tasks and everything that hangs on a task.
-- depends: 0001.memory-tables

CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    prompt TEXT NOT NULL,
    agent_type TEXT NOT NULL DEFAULT 'general',
    priority INTEGER NOT NULL DEFAULT 5,
    status TEXT NOT NULL DEFAULT 'pending',
    input_data TEXT,
    result_data TEXT,
    error_message TEXT,
    retry_count INTEGER NOT NULL DEFAULT 0,
    max_retries INTEGER NOT NULL DEFAULT 3,
    max_execution_timeout_seconds INTEGER NOT NULL DEFAULT 3600,
    submitted_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    started_at TEXT,
    completed_at TEXT,
    last_updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    created_by TEXT,
    parent_task_id TEXT REFERENCES tasks (id),
    dependencies TEXT,
    session_id TEXT REFERENCES sessions (id) ON DELETE SET NULL
);

CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    specialization TEXT NOT NULL,
    task_id TEXT NOT NULL REFERENCES tasks (id),
    state TEXT NOT NULL,
    model TEXT NOT NULL,
    spawned_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    terminated_at TEXT,
    resource_usage TEXT,
    session_id TEXT REFERENCES sessions (id) ON DELETE SET NULL
);

CREATE TABLE state (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id TEXT NOT NULL REFERENCES tasks (id),
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    UNIQUE (task_id, key)
);

CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    agent_id TEXT REFERENCES agents (id),
    task_id TEXT NOT NULL REFERENCES tasks (id),
    action_type TEXT NOT NULL,
    action_data TEXT,
    result TEXT,
    memory_operation_type TEXT,
    memory_namespace TEXT,
    memory_entry_id INTEGER REFERENCES memory_entries (id) ON DELETE SET NULL,
    CHECK (memory_operation_type IN ('create', 'update', 'delete', 'consolidate', 'publish'))
);

CREATE TABLE metrics (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    metric_name TEXT NOT NULL,
    metric_value REAL NOT NULL,
    labels TEXT,
    CHECK (metric_value >= 0)
);

CREATE TABLE checkpoints (
    task_id TEXT NOT NULL REFERENCES tasks (id),
    iteration INTEGER NOT NULL,
    state TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')),
    session_id TEXT REFERENCES sessions (id) ON DELETE SET NULL,
    PRIMARY KEY (task_id, iteration)
);
