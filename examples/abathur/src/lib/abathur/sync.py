"""Bringing the index of documents up to the files of a directory."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abathur import clock
from abathur.database import Database
from abathur.documents import terms
from abathur.embedding import MODEL, Embedder
from abathur.operation import Unavailable

SUFFIXES = (".md", ".txt")
CHUNK = 1000  # characters: about as much as one idea needs
FORGET_VECTORS = (
    "DELETE FROM document_embeddings WHERE rowid IN"
    " (SELECT rowid FROM document_embeddings_data WHERE document_id = :id)"
)


@dataclass(frozen=True)
class Seen:
    """How a file looked when it was last read: enough to know without reading that it changed."""

    size: int
    changed: int


class DocumentSync:
    """Indexes the files of one directory: each becomes a document with its chunks' vectors."""

    def __init__(self, database: Database, embedder: Embedder, directory: Path) -> None:
        self._database = database
        self._embedder = embedder
        self._directory = directory
        self._seen: dict[Path, Seen] = {}
        self._present: set[str] | None = None

    def run_once(self) -> Counter[str]:
        """Index what is new or changed, drop what is gone; returns how many of each result."""
        if not self._directory.is_dir():
            return Counter()  # a directory that is away is no reason to forget its documents
        results: Counter[str] = Counter()
        files = look(self._directory)
        for path, seen in files.items():
            if self._seen.get(path) == seen:
                continue
            result = self._index(path)
            results[result] += 1
            if result != "failed":
                self._seen[path] = seen
        present = {str(path) for path in files}
        if present != self._present:
            results["dropped"] += self._drop_missing(present)
            self._present = present
        return +results

    def _index(self, path: Path) -> str:
        text = path.read_text(encoding="utf-8", errors="replace")
        digest = hashlib.sha256(text.encode()).hexdigest()
        document = self._announce(path, text, digest)
        if document is None:
            return "unchanged"
        chunks = split(text)
        try:
            vectors = [self._embedder(chunk).tobytes() for chunk in chunks]
        except Unavailable:
            self._mark(document, "failed")
            return "failed"
        with self._database.writing() as connection:
            forget(connection, document)
            for number, vector in enumerate(vectors):
                row = connection.execute(
                    "INSERT INTO document_embeddings_data (document_id, chunk_index, embedding)"
                    " VALUES (?, ?, ?)",
                    (document, number, vector),
                )
                connection.execute(
                    "INSERT OR REPLACE INTO document_embeddings (rowid, embedding) VALUES (?, ?)",
                    (row.lastrowid, vector),
                )
            connection.execute(
                "UPDATE document_index SET sync_status = 'synced', chunk_count = :chunks,"
                " embedding_model = :model, last_synced_at = :now, updated_at = :now"
                " WHERE id = :id",
                {"id": document, "chunks": len(chunks), "model": MODEL, "now": clock.now()},
            )
        return "synced"

    def _announce(self, path: Path, text: str, digest: str) -> int | None:
        """Note that the file waits; returns its document, or None when it is indexed already."""
        with self._database.writing() as connection:
            row = connection.execute(
                "SELECT id, content_hash, sync_status FROM document_index WHERE file_path = ?",
                (str(path),),
            ).fetchone()
            values: dict[str, Any] = {
                "path": str(path),
                "title": title(path, text),
                "type": path.suffix.lstrip("."),
                "hash": digest,
                "metadata": json.dumps({"characters": len(text), "terms": terms(text)}),
                "now": clock.now(),
            }
            if row is None:
                added = connection.execute(
                    "INSERT INTO document_index (file_path, title, document_type, content_hash,"
                    " metadata, created_at, updated_at) VALUES (:path, :title, :type, :hash,"
                    " :metadata, :now, :now)",
                    values,
                )
                return added.lastrowid
            if row["content_hash"] == digest and row["sync_status"] == "synced":
                return None
            connection.execute(
                "UPDATE document_index SET title = :title, content_hash = :hash,"
                " metadata = :metadata, sync_status = 'stale', updated_at = :now"
                " WHERE file_path = :path",
                values,
            )
            return int(row["id"])

    def _mark(self, document: int, status: str) -> None:
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE document_index SET sync_status = ?, updated_at = ? WHERE id = ?",
                (status, clock.now(), document),
            )

    def _drop_missing(self, present: set[str]) -> int:
        below = f"{self._directory}/"
        found = (
            "SELECT id, file_path FROM document_index"
            " WHERE file_path >= :below AND file_path < :beyond"
        )
        bounds = {"below": below, "beyond": f"{self._directory}0"}  # `0` follows `/`
        with self._database.reading() as connection:
            rows = connection.execute(found, bounds).fetchall()
        gone = [row for row in rows if row["file_path"] not in present]
        for row in gone:
            self._seen.pop(Path(row["file_path"]), None)
            with self._database.writing() as connection:
                forget(connection, row["id"])
                connection.execute("DELETE FROM document_index WHERE id = ?", (row["id"],))
        return len(gone)


def look(directory: Path) -> dict[Path, Seen]:
    """Return the files to index below `directory`, in order, and how they look now."""
    files = {}
    for path in sorted(directory.rglob("*")):
        if path.suffix not in SUFFIXES:
            continue
        try:
            found = path.stat()
        except FileNotFoundError:  # removed since the directory was read
            continue
        files[path] = Seen(found.st_size, found.st_mtime_ns)
    return files


def forget(connection: sqlite3.Connection, document: int) -> None:
    """Remove the vectors of a document."""
    connection.execute(FORGET_VECTORS, {"id": document})
    connection.execute(
        "DELETE FROM document_embeddings_data WHERE document_id = :id", {"id": document}
    )


def title(path: Path, text: str) -> str:
    """Return the document's first heading, or its file's name."""
    for line in text.splitlines():
        if line.startswith("#"):
            return line.lstrip("# ").strip() or path.stem
    return path.stem


def split(text: str) -> list[str]:
    """Cut `text` at paragraphs into chunks of about `CHUNK` characters; there is always one."""
    chunks = [""]
    for paragraph in text.split("\n\n"):
        if chunks[-1] and len(chunks[-1]) + len(paragraph) > CHUNK:
            chunks.append("")
        chunks[-1] += paragraph + "\n\n"
    return chunks
