"""Texts as vectors: 768 floats of length 1, the nearer the more words and parts of words two share.

No model: every word, pair of words and three letters of a word falls on one dimension by its hash.
The same text has the same vector everywhere, for ever.
"""

from __future__ import annotations

import http.client
import json
import math
import re
from array import array
from collections import defaultdict
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import urlsplit

from prometheus_client import Counter, Gauge

from abathur.operation import Unavailable

DIMENSIONS = 768
MODEL = "nomic-embed-text-v1.5"
WORD = re.compile(r"\w+")
# What a shared feature counts: the word itself, its neighbourhood, its likeness to another form.
WORD_WEIGHT, PAIR_WEIGHT, LETTERS_WEIGHT = 1.0, 0.5, 0.3

GENERATED = Counter("abathur_embeddings_generated", "Embeddings made or fetched")
FAILED = Counter("abathur_embedding_failures", "Embeddings that could not be had")
FAILED_IN_A_ROW = Gauge("abathur_embedding_failures_consecutive", "Failures since the last success")


def embed(text: str) -> array[float]:
    """Return the vector of `text`; all zeros when it has no words."""
    weights: defaultdict[str, float] = defaultdict(float)
    words = WORD.findall(text.lower())
    for word in words:
        weights[word] += WORD_WEIGHT
        for start in range(len(word) - 2):
            weights["~" + word[start : start + 3]] += LETTERS_WEIGHT
    for pair in zip(words, words[1:]):
        weights[" ".join(pair)] += PAIR_WEIGHT
    vector = [0.0] * DIMENSIONS
    for feature, weight in weights.items():
        dimension, sign = _place(feature)
        # The logarithm keeps a word said fifty times from drowning the others.
        vector[dimension] += sign * math.log1p(weight)
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return array("f", [value / length for value in vector])


@lru_cache(maxsize=65536)
def _place(feature: str) -> tuple[int, int]:
    number = int.from_bytes(blake2b(feature.encode(), digest_size=8).digest(), "big")
    return number % DIMENSIONS, 1 if number & (1 << 63) else -1


class Embedder:
    """Makes embeddings, or fetches them from a server that speaks as Ollama does."""

    def __init__(self, url: str = "") -> None:
        self._url = urlsplit(url)

    def __call__(self, text: str) -> array[float]:
        """Return the vector of `text`; raises Unavailable when the server does not give one."""
        try:
            vector = self._fetch(text) if self._url.netloc else embed(text)
        except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
            FAILED.inc()
            FAILED_IN_A_ROW.inc()
            raise Unavailable(f"no embedding from {self._url.netloc}: {error}") from error
        GENERATED.inc()
        FAILED_IN_A_ROW.set(0)
        return vector

    def _fetch(self, text: str) -> array[float]:
        connection = http.client.HTTPConnection(self._url.netloc, timeout=5)
        try:
            body = json.dumps({"model": MODEL, "prompt": text})
            connection.request("POST", "/api/embeddings", body)
            answer = connection.getresponse()
            vector = array("f", json.loads(answer.read())["embedding"])
        finally:
            connection.close()
        if len(vector) != DIMENSIONS:
            raise ValueError(f"{len(vector)} dimensions instead of {DIMENSIONS}")
        return vector
