from __future__ import annotations

import base64
import errno
import random
import re
import ssl

import pytest

import repro
from repro.data import addresses
from repro.data import download as module
from repro.data.download import download
from repro.errors import DataError
from tests.hosts import Host, serving

BODY = random.Random(0).randbytes(300_000)


def fetch(host, path, **options):
    seen = []
    download(host.url, path, progress=lambda done, total: seen.append((done, total)), **options)
    return seen


def test_a_file_comes_whole_with_progress(tmp_path):
    with serving(Host(BODY, pieces=10)) as host:
        seen = fetch(host, tmp_path / "new" / "folder" / "a")
    assert (tmp_path / "new" / "folder" / "a").read_bytes() == BODY
    assert not (tmp_path / "new" / "folder" / "a.part").exists()
    assert seen[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_host_is_told_who_asks(tmp_path):
    class Listening(Host):
        def answer(self, handler):
            agents.append(handler.headers["User-Agent"])
            super().answer(handler)

    agents = []
    with serving(Listening(BODY)) as host:
        fetch(host, tmp_path / "a")
    assert agents == [f"repro/{repro.__version__}"]


def test_a_slow_host_is_waited_for(tmp_path):
    with serving(Host(BODY, pieces=8, pause_s=0.1)) as host:
        fetch(host, tmp_path / "a", timeout_s=0.5)
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_silent_host_is_given_up_and_what_came_is_kept(tmp_path):
    with serving(Host(BODY, cuts_after=1000, hangs_s=1.0)) as host:
        with pytest.raises(
            DataError, match=r"nothing came for 0.2 s \(1 attempt; 1,000 bytes are kept\)"
        ):
            host.manners["cuts_after"] = 1000
            fetch_once(host, tmp_path)
    assert (tmp_path / "a.part").read_bytes() == BODY[:1000]
    assert not (tmp_path / "a").exists()


def fetch_once(host, tmp_path):
    original = host.answer

    def answer(handler):
        if host.requests:
            host.manners["cuts_after"] = 0
        original(handler)

    host.answer = answer
    fetch(host, tmp_path / "a", timeout_s=0.2, attempts=1)


def test_a_host_that_sends_a_little_for_ever_is_given_up(tmp_path):
    with serving(Host(BODY, cuts_after=10)) as host:
        with pytest.raises(DataError, match=r"\(200 attempts; 2,000 bytes are kept\)"):
            fetch(host, tmp_path / "a", attempts=2)


def test_a_host_that_claims_more_than_it_has_is_given_up(tmp_path):
    """It answers the question for the rest with 416, and the next one with everything again."""
    with serving(Host(BODY, claims=len(BODY) + 5)) as host:
        with pytest.raises(DataError, match=r"\(2 attempts; "):
            fetch(host, tmp_path / "a", attempts=2)
        assert len(host.requests) <= 4


def test_a_transfer_that_breaks_off_goes_on_where_it_was(tmp_path):
    with serving(Host(BODY, cuts_after=70_000)) as host:
        fetch(host, tmp_path / "a", attempts=1)
    assert (tmp_path / "a").read_bytes() == BODY
    starts = [int((r or "bytes=0-").removeprefix("bytes=").rstrip("-")) for r in host.requests]
    assert starts == sorted(set(starts)), "each request asks for the rest only"
    assert len(starts) == 5


def test_a_transfer_that_never_gets_on_is_given_up_with_what_came(tmp_path):
    with serving(Host(BODY, cuts_after=0)) as host:
        with pytest.raises(
            DataError,
            match=r"broke off at 0 of 300,000 bytes \(2 attempts; 0 bytes are kept\)",
        ):
            fetch(host, tmp_path / "a", attempts=2)
    assert len(host.requests) == 2


def test_a_later_call_goes_on_where_an_earlier_one_was_killed(tmp_path):
    (tmp_path / "a.part").write_bytes(BODY[:123_456])
    with serving(Host(BODY)) as host:
        fetch(host, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert host.requests == ["bytes=123456-"]


def test_a_host_that_refuses_ranges_is_asked_for_everything(tmp_path):
    (tmp_path / "a.part").write_bytes(b"x" * 200_000)
    with serving(Host(BODY, refuses_ranges=True)) as host:
        fetch(host, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY


@pytest.mark.parametrize("extra", [0, 5])
def test_a_part_that_is_not_shorter_than_the_whole_begins_again(tmp_path, extra):
    (tmp_path / "a.part").write_bytes(b"x" * (len(BODY) + extra))
    with serving(Host(BODY)) as host:
        fetch(host, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_host_that_gives_no_length_and_no_type_is_believed_at_its_end(tmp_path):
    with serving(Host(BODY, no_length=True, no_type=True)) as host:
        seen = fetch(host, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == BODY
    assert seen[-1] == (len(BODY), None)


def test_a_web_page_with_status_200_is_refused_at_once(tmp_path):
    with serving(Host(b"<html>", type="text/html; charset=utf-8")) as host:
        with pytest.raises(DataError, match=r"expected an archive; got a web page \(HTML\)"):
            fetch(host, tmp_path / "a")
    assert len(host.requests) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("status", [404, 403, 503])
def test_a_refusal_is_reported_with_its_number(tmp_path, status):
    with serving(Host(BODY, status=status)) as host:
        with pytest.raises(DataError, match=f"the host answered {status}"):
            fetch(host, tmp_path / "a")


def test_a_host_that_refuses_every_range_is_given_up(tmp_path):
    with serving(Host(BODY, status=416)) as host:
        with pytest.raises(DataError, match=r"the host has no such range \(2 attempts; 0 bytes"):
            fetch(host, tmp_path / "a", attempts=2)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nobody_there_is_reported_with_the_address(tmp_path, scheme):
    with serving(Host(BODY)) as host:
        pass
    host.url = host.url.replace("http", scheme, 1)
    with pytest.raises(DataError, match=rf"^{scheme}://127.0.0.1:\d+/.*cannot be reached"):
        fetch(host, tmp_path / "a", attempts=2)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with serving(Host(BODY)) as host:
        with pytest.raises(DataError, match=f"^{tmp_path}/file/a.part: cannot be written: "):
            fetch(host, tmp_path / "file" / "a")
        assert not host.requests
        with pytest.raises(DataError, match=f"^{tmp_path}/folder: cannot be written: Is a dir"):
            fetch(host, tmp_path / "folder")


def test_more_than_a_gibibyte_is_refused(tmp_path, monkeypatch):
    with serving(Host(BODY, claims=2 << 30)) as host:
        with pytest.raises(
            DataError, match="expected under 1,073,741,824 bytes; got 2,147,483,648"
        ):
            fetch(host, tmp_path / "a")
    monkeypatch.setattr(module, "_SIZE_LIMIT", 1000)
    with serving(Host(BODY, no_length=True)) as host:
        with pytest.raises(DataError, match="expected under 1,000 bytes"):
            fetch(host, tmp_path / "b")


def test_a_network_that_goes_away_is_a_transfer_that_broke_off(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise OSError(errno.EHOSTUNREACH, "No route to host")

    monkeypatch.setattr(addresses.urllib.request, "urlopen", unreachable)
    with pytest.raises(DataError, match=r"broke off: .*No route to host.*\(2 attempts"):
        download("http://127.0.0.1/x", tmp_path / "a", progress=lambda *_: None, attempts=2)


def test_what_will_not_change_is_tried_once(tmp_path):
    with serving(Host(BODY)) as host:
        pass
    with pytest.raises(DataError, match=r"cannot be reached: \[Errno \d+\] Connection refused$"):
        fetch(host, tmp_path / "a", attempts=2)


def test_a_certificate_that_is_not_trusted_says_what_helps():
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate in certificate chain"
    assert "set SSL_CERT_FILE to their file" in module._why(error)


@pytest.mark.slow
def test_a_host_that_is_too_slow_is_left_where_there_are_others(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SLOW_S", 0.3)
    with serving(Host(BODY, pieces=30, pause_s=0.05)) as host:
        with pytest.raises(DataError, match=r"expected 10,000 kB/s or more; got \d+"):
            fetch(host, tmp_path / "a", least_rate=1e7)
        fetch(host, tmp_path / "a", least_rate=1.0)
    assert (tmp_path / "a").read_bytes() == BODY


def test_a_password_is_sent_and_never_printed(tmp_path):
    class Guarded(Host):
        def answer(self, handler):
            given.append(handler.headers["Authorization"])
            super().answer(handler)

    given = []
    with serving(Guarded(BODY)) as host:
        address = host.url.replace("//", "//reader:s%40cret@") + "?token=hidden"
        download(address, tmp_path / "a", progress=lambda *_: None)
        host.manners["status"] = 403
        with pytest.raises(DataError, match="the host answered 403") as error:
            download(address, tmp_path / "b", progress=lambda *_: None)
    assert given[0] == "Basic " + base64.b64encode(b"reader:s@cret").decode()
    assert not re.search("cret|hidden|reader", str(error.value))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_cannot_be_used_is_named(tmp_path, monkeypatch, scheme):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(f"{scheme}_proxy", "socks5://me:secret@127.0.0.1:1080")
    message = f"^{scheme}_proxy: expected an http:// proxy; got socks5://127.0.0.1:1080$"
    with pytest.raises(DataError, match=message):
        download(f"{scheme}://host.example/x", tmp_path / "a", progress=lambda *_: None)


def test_certificates_are_those_that_a_variable_names(tmp_path, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    addresses._certificates.cache_clear()
    with pytest.raises(DataError, match=r"^REQUESTS_CA_BUNDLE=.*none.pem: no certificates"):
        download("https://127.0.0.1:1/x", tmp_path / "a", progress=lambda *_: None)
    addresses._certificates.cache_clear()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/x", "x", "http://[x"])
def test_other_schemes_are_refused(tmp_path, url):
    with pytest.raises(DataError, match="expected an http or https address|not an address"):
        download(url, tmp_path / "a", progress=lambda *_: None)


@pytest.mark.parametrize("failing", ["open", "truncate", "write"])
def test_a_full_disk_is_said_and_does_not_look_like_a_broken_line(tmp_path, monkeypatch, failing):
    class Full:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def truncate(self, _):
            full("truncate")

        def seek(self, _):
            pass

        def write(self, _):
            full("write")

    def full(operation):
        if operation == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        return Full()

    monkeypatch.setattr("pathlib.Path.open", lambda *_, **__: full("open"))
    with serving(Host(BODY)) as host:
        with pytest.raises(DataError, match="a.part: cannot be written: the disk is full"):
            fetch(host, tmp_path / "a")
    assert len(host.requests) == 1
