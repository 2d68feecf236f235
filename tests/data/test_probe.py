"""Which host is the fastest, on loopback."""

from __future__ import annotations

import random
import time

from repro.data.probe import SAMPLE, probe
from tests.hosts import Host, serving

BODY = random.Random(1).randbytes(2 * SAMPLE)


def test_the_fastest_comes_first_and_is_asked_for_a_sample():
    with serving(Host(BODY, pieces=8, pause_s=0.02)) as slower, serving(Host(BODY)) as faster:
        found = probe([slower.url, faster.url])
    assert [each.url for each in found] == [faster.url, slower.url]
    assert found[0].bytes_per_s > found[1].bytes_per_s > 0
    assert faster.requests == [f"bytes=0-{SAMPLE - 1}"]


def test_nobody_is_waited_for_long():
    with serving(Host(BODY, cuts_after=0, hangs_s=3)) as silent, serving(Host(BODY)) as good:
        start = time.monotonic()
        assert [each.url for each in probe([silent.url, good.url], settle_s=0.2)] == [good.url]
        assert time.monotonic() - start < 2
        start = time.monotonic()
        assert probe([silent.url], limit_s=0.5) == []
        assert time.monotonic() - start < 1.5


def test_who_refuses_or_sends_a_page_does_not_answer():
    with (
        serving(Host(BODY, status=404)) as missing,
        serving(Host(BODY, type="text/html")) as page,
    ):
        gone = missing.url.replace("127.0.0.1", "host.invalid")
        assert probe([missing.url, page.url, gone, "ftp://x/y", "http://[x"], limit_s=2) == []


def test_nobody_to_ask():
    assert probe([]) == []
