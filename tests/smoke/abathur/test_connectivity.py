"""Smoke tests 1 to 5: the database is there, complete, sound, and used with the right settings."""

from __future__ import annotations

# As SQLite reports them: synchronous 1 is NORMAL, temp_store 2 is MEMORY.
PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 1,
    "foreign_keys": 1,
    "busy_timeout": 5000,
    "wal_autocheckpoint": 1000,
    "cache_size": -64000,
    "temp_store": 2,
    "mmap_size": 268435456,
}
SEEDS = [
    ("agent_instructions", "default_workflow"),
    ("config", "memory_lifecycle_policies"),
    ("defaults", "user_preference_template"),
]


def test_t01_database_connection_successful(place, service, database):
    health = service.expect(200, "GET", "/health")
    assert health["status"] == "healthy"
    assert health["version"] == place.release
    # Of the service's own connections: one opened here would say nothing about them.
    assert health["pragmas"] == PRAGMAS
    assert health["pragmas_agree"]
    assert health["connections_read"] >= 1
    pool = health["pool"]
    assert (pool["min"], pool["max"], pool["timeout"]) == (5, 20, 30)
    stored, answer = database(("PRAGMA journal_mode", []), ("SELECT 1", []))
    assert (stored, answer) == ([["wal"]], [[1]])


def test_t02_all_tables_exist_and_are_accessible(service, database, expected):
    read = [(f'SELECT 1 FROM "{table}" LIMIT 1', []) for table in expected["tables"]]
    assert len(database(*read)) == len(expected["tables"]) == 11
    # What the first day's migrations put into them.
    for namespace, key in SEEDS:
        service.expect(200, "GET", "/memory", namespace=f"app:abathur:{namespace}", key=key)
    service.expect(200, "GET", "/sessions/example-session")


def test_t03_all_indexes_created(database, expected):
    (rows,) = database(("SELECT name FROM sqlite_schema WHERE type = 'index'", []))
    missing = set(expected["indexes"]) - {row[0] for row in rows}
    assert not missing
    assert len(set(expected["indexes"])) == 33


def test_t04_integrity_check_passes(database):
    assert database(("PRAGMA integrity_check", [])) == [[["ok"]]]


def test_t05_foreign_key_check_passes(database):
    assert database(("PRAGMA foreign_key_check", [])) == [[]]
