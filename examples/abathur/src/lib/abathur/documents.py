"""Documents: what is indexed, and the two searches over it."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from typing import Any

from abathur import vectors
from abathur.embedding import DIMENSIONS, MODEL, Embedder
from abathur.operation import Call, NotFound, Operation

SELECT = (
    "SELECT id, file_path, title, document_type, content_hash, chunk_count, embedding_model,"
    " metadata, last_synced_at, sync_status, created_at, updated_at FROM document_index"
)
BY_ID = f"{SELECT} WHERE id = :id"
BY_PATH = f"{SELECT} WHERE file_path = :path"
WAITING = f"{SELECT} WHERE sync_status IN ('pending', 'stale') ORDER BY last_synced_at LIMIT :limit"
NEWEST = f"{SELECT} ORDER BY id DESC LIMIT :limit"
OF_CHUNK = "SELECT document_id, chunk_index FROM document_embeddings_data WHERE rowid = :rowid"
# A hybrid result is mostly meaning, corrected by the words that are literally there.
MEANING_WEIGHT, WORDS_WEIGHT = 0.7, 0.3
TERMS_KEPT = 200
WORD = re.compile(r"\w{3,}")


def terms(text: str) -> list[str]:
    """Return the words of `text` that are kept for the search by words, the most frequent first."""
    counted = Counter(WORD.findall(text.lower()))
    return [word for word, _ in counted.most_common(TERMS_KEPT)]


def decode(row: sqlite3.Row) -> dict[str, Any]:
    """Return the document as callers see it."""
    document = dict(row)
    document["metadata"] = json.loads(document["metadata"])
    return document


def get(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Return the document of a path."""
    row = connection.execute(BY_PATH, {"path": call.asked("path")}).fetchone()
    if row is None:
        raise NotFound(f"no document of {call.query['path']!r} is indexed")
    return decode(row)


def search(connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
    """Return the newest documents, or with `waiting` those that are not indexed yet."""
    query = WAITING if call.query.get("waiting") else NEWEST
    rows = connection.execute(query, {"limit": call.limit()})
    return {"documents": [decode(row) for row in rows]}


class Search:
    """The searches; they need an embedding of the question."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def semantic(self, connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
        """Return the documents whose best chunk is most like the question `q`."""
        limit = call.limit(5)
        found = self._by_meaning(connection, call.asked("q"), limit)[:limit]
        for result in found:
            del result["terms"]
        return {"results": found}

    def hybrid(self, connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
        """Return the same, ordered anew by how many of the question's words are literally there."""
        limit = call.limit(5)
        asked = set(terms(call.asked("q")))
        found = self._by_meaning(connection, call.query["q"], 4 * limit)
        for result in found:
            shared = asked.intersection(result.pop("terms"))
            words = len(shared) / len(asked) if asked else 0.0
            result["score"] = MEANING_WEIGHT * result["score"] + WORDS_WEIGHT * words
        return {"results": sorted(found, key=lambda result: -result["score"])[:limit]}

    def _by_meaning(
        self, connection: sqlite3.Connection, question: str, limit: int
    ) -> list[dict[str, Any]]:
        results: dict[int, dict[str, Any]] = {}
        # A document may own several of the best chunks: ask for more chunks than documents.
        for rowid, score in vectors.nearest(connection, self._embedder(question), 4 * limit):
            chunk = connection.execute(OF_CHUNK, {"rowid": rowid}).fetchone()
            if chunk is None or chunk["document_id"] in results:
                continue
            row = connection.execute(BY_ID, {"id": chunk["document_id"]}).fetchone()
            document = decode(row)
            results[document["id"]] = {
                "file_path": document["file_path"],
                "title": document["title"],
                "chunk": chunk["chunk_index"],
                "score": score,
                "terms": document["metadata"].get("terms", []),
            }
        return list(results.values())

    def embeddings(self, _connection: sqlite3.Connection, call: Call) -> dict[str, Any]:
        """Answer as Ollama's endpoint does."""
        return {"embedding": list(self._embedder(call.text("prompt")))}

    def operations(self) -> tuple[Operation, ...]:
        """Return what this adds to the service."""
        return (
            Operation("GET", "/search/semantic", self.semantic),
            Operation("GET", "/search/hybrid", self.hybrid),
            Operation("POST", "/api/embeddings", self.embeddings),
        )


def tags(_connection: sqlite3.Connection, _call: Call) -> dict[str, Any]:
    """Answer which models there are, as Ollama's endpoint does."""
    return {"models": [{"name": MODEL, "details": {"dimensions": DIMENSIONS}}]}


OPERATIONS = (
    Operation("GET", "/documents", search),
    Operation("GET", "/documents/by-path", get),
    Operation("GET", "/api/tags", tags),
)
