"""The nearest of the stored vectors, by cosine similarity: all have length 1, so by dot product."""

from __future__ import annotations

import heapq
import sqlite3
from array import array
from collections.abc import Iterator
from operator import itemgetter, mul

from abathur.database import has_vectors

ALL = "SELECT rowid, embedding FROM document_embeddings"
NEAREST = (
    "SELECT rowid, 1 - vec_distance_cosine(embedding, :vector) AS likeness"
    " FROM document_embeddings ORDER BY likeness DESC LIMIT :limit"
)


def nearest(
    connection: sqlite3.Connection, vector: array[float], limit: int
) -> list[tuple[int, float]]:
    """Return (rowid, likeness) of the `limit` vectors most like `vector`, the best first."""
    if not any(vector):
        return []
    if has_vectors(connection):
        found = connection.execute(NEAREST, {"vector": vector.tobytes(), "limit": limit})
        return [(row[0], row[1]) for row in found]
    return heapq.nlargest(limit, _likenesses(connection, vector), key=itemgetter(1))


def _likenesses(
    connection: sqlite3.Connection, vector: array[float]
) -> Iterator[tuple[int, float]]:
    # A query of a few words is zero nearly everywhere: looking only where it is not makes the scan
    # about ten times faster than a full product.
    places = [place for place, value in enumerate(vector) if value]
    weights = [vector[place] for place in places]
    pick = itemgetter(*places, places[0])  # one more than needed: always a tuple, never one number
    stored = array("f")
    for rowid, blob in connection.execute(ALL):
        del stored[:]
        stored.frombytes(blob)
        yield rowid, sum(map(mul, weights, pick(stored)))
