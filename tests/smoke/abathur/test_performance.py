"""Smoke tests 16 to 23: the promised times, the background work, and the indexes behind both."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

READERS = 50
# Which of the declared indexes may answer each of the service's statements.
INDEXES = {
    "session by id": {"idx_sessions_pk"},
    "sessions of a user": {"idx_sessions_user_created"},
    "open sessions": {"idx_sessions_status_updated"},
    "current memory": {"idx_memory_namespace_key_version", "idx_memory_conflict_detection"},
    "memories of a namespace": {"idx_memory_namespace_prefix"},
    "conflicting memories": {"idx_memory_conflict_detection", "idx_memory_namespace_key_version"},
    "tasks of a session": {"idx_tasks_session"},
    "audit of a task": {"idx_audit_task"},
    "audit of a namespace": {"idx_audit_memory_namespace"},
    "audit of an operation": {"idx_audit_memory_operations"},
    "document by path": {"idx_document_file_path"},
    "documents that wait": {"idx_document_sync_status"},
}


def test_t16_session_retrieval_under_10_ms(service, data):
    path = f"/sessions/{data.session()['id']}"
    assert service.usual_seconds(path) < 0.010


def test_t17_memory_retrieval_under_20_ms(service, data):
    made = data.memory({"likes": "tea"})
    name = {"namespace": made["namespace"], "key": made["key"]}
    assert service.usual_seconds("/memory", **name) < 0.020


def test_t18_namespace_query_under_50_ms(service, data):
    for number in range(10):
        data.memory(number)
    assert service.usual_seconds("/memory/search", prefix=data.namespace) < 0.050


def test_t19_50_concurrent_session_reads_under_1_s(service, data):
    path = f"/sessions/{data.session()['id']}"
    ready = threading.Barrier(READERS + 1)

    def read():
        service.connect()
        ready.wait(timeout=10)
        return service.ask("GET", path).status

    with ThreadPoolExecutor(READERS) as readers:
        answers = [readers.submit(read) for _ in range(READERS)]
        ready.wait(timeout=10)
        start = time.perf_counter()
        assert [answer.result() for answer in answers] == [200] * READERS
        seconds = time.perf_counter() - start
    assert seconds < 1.0


def test_t20_semantic_search_under_500_ms(service):
    seconds = service.usual_seconds("/search/semantic", samples=5, q="how a deployment goes back")
    assert seconds < 0.500


def test_t21_hybrid_search_under_600_ms(service):
    seconds = service.usual_seconds("/search/hybrid", samples=5, q="how a deployment goes back")
    assert seconds < 0.600


def test_t22_background_sync_processes_a_file(data, documents, database):
    text = "# Harbour\n\nThe pilot boards every ship before the breakwater.\n"
    path = documents.write(data.name(), text)
    document = documents.indexed(path, text)
    assert document["title"] == "Harbour"
    stored = "SELECT length(embedding) FROM document_embeddings_data WHERE document_id = ?"
    assert database((stored, [document["id"]])) == [[[4 * 768]] * document["chunk_count"]]


def test_t23_index_usage_verified_by_query_plan(service):
    # The plans of the service's own statements, made by its own connection.
    plans = service.expect(200, "GET", "/diagnostics/plans")["plans"]
    scans = {name: plan for name, plan in plans.items() if any("SCAN" in line for line in plan)}
    assert not scans
    unused = {
        name: plans[name]
        for name, indexes in INDEXES.items()
        if not any(index in plans[name][0].split() for index in indexes)
    }
    assert not unused
