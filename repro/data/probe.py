"""Which of several web addresses sends fastest: all are asked at once, for the first bytes."""

from __future__ import annotations

import http.client
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from repro.data.addresses import open_address
from repro.errors import DataError

SAMPLE = 1 << 20
"""Bytes that are read of each, at most."""

LIMIT_S = 4.0
"""Nobody is waited for any longer."""

SETTLE_S = 1.0
"""How long the others are waited for after the first has sent its sample."""

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What an address sent in time."""

    url: str
    bytes_per_s: float
    """From the request to the last byte of the sample; 0 if nothing came."""


def probe(
    urls: Sequence[str], *, limit_s: float = LIMIT_S, settle_s: float = SETTLE_S
) -> list[Answer]:
    """Ask all at once; those that answer, the fastest first.

    Takes `limit_s` seconds at most, whatever the hosts do: one that is silent is left to its
    thread, which ends with the process.
    """
    answers: queue.Queue[Answer] = queue.Queue()
    end = time.monotonic() + limit_s
    for url in urls:
        threading.Thread(target=_ask, args=(url, end, answers), daemon=True).start()
    found: list[Answer] = []
    while len(found) < len(urls):
        try:
            answer = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        found.append(answer)
        if answer.bytes_per_s:
            end = min(end, time.monotonic() + settle_s)
    return sorted((each for each in found if each.bytes_per_s), key=lambda each: -each.bytes_per_s)


def _ask(url: str, end: float, answers: queue.Queue[Answer]) -> None:
    start, size = time.monotonic(), 0
    try:
        left = max(0.1, end - start)
        wanted = {"Range": f"bytes=0-{SAMPLE - 1}"}
        with open_address(url, timeout_s=left, headers=wanted) as response:
            if "html" not in response.headers.get("Content-Type", ""):
                while size < SAMPLE and time.monotonic() < end:
                    chunk = response.read1(min(_CHUNK, SAMPLE - size))
                    if not chunk:
                        break
                    size += len(chunk)
    except (OSError, http.client.HTTPException, ValueError, DataError):
        pass  # it does not answer: what came until then is its answer
    answers.put(Answer(url, size / max(time.monotonic() - start, 1e-6)))
