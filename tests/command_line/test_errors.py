"""Bad usage, broken places and streams: one line, an exit code, and nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from repro.runs.store import Store
from tests.command_line.shell import CLI, ROOT, complains, environment, repro, repro_process


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB, or a skip where this process may not mount one."""
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", path], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a tmpfs")
    yield path
    subprocess.run(["umount", path], check=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["table", "3-5"], ["table '3-5': expected 3-1, 3-2, 3-3, 3-4 or all"]),
        (["table", "3-1", "--epochs", "0"], ["--epochs"]),
        (["table", "3-1", "--epochs", "-1"], ["--epochs"]),
        (["table", "3-1", "--epochs", "9"], ["table 3-1 begins with the row of 10 epochs"]),
        (["table", "3-1", "--seeds", "0"], ["--seeds"]),
        (["table", "3-1", "--workers", "0"], ["--workers"]),
        (["table", "3-1", "--device", "tpu"], ["tpu"]),
        (["table", "3-1", "--format", "pdf"], ["pdf"]),
        (["train", "lenet"], ["lenet"]),
        (["train", "net", "--epochs", "0"], ["--epochs"]),
        (["train", "net", "--epochs", "-1"], ["--epochs"]),
        (["train", "net", "--seed", "-1"], ["--seed"]),
        (["train", "net", "--activation", "gelu"], ["gelu"]),
        (
            ["train", "resnet", "--activation", "swish"],
            ["activation: ResNet is torchvision's resnet18"],
        ),
        (["train", "net", "--epochs", "100001"], ["expected an integer from 1 to 100000"]),
        (["runs", "show", "x"], ["'x': expected a unique prefix of a run's name"]),
        (
            ["data", "fetch", "--from", "no-such-folder"],
            ["--from no-such-folder: expected a folder"],
        ),
        (["table", "3-1", "--address", "host:1"], ["--address requires --executor ray"]),
        (["train", "net", "--gpu-share", "0.5"], ["--gpu-share requires --executor ray"]),
        (["verify", "--fresh", "--gpu-share", "1"], ["--gpu-share requires --executor ray"]),
        (
            ["data", "fetch", "--source", "gopher"],
            ["source 'gopher': expected mirror, npm, official"],
        ),
        (["data", "fetch", "--source", "~nobody-of-this-name/x"], ["source '~nobody"]),
        (["table", "3-1", "--device", "mps"], ["--device mps: expected a Mac"]),
        (["table"], ["Missing argument"]),
        (["train", "vgg"], ["MODEL: expected net, improved or resnet; got 'vgg' (see"]),
        (["train", "net", "--device", "cud"], ["auto, cpu, cuda or mps; got 'cud'. Did you mean"]),
        (["train", "net", "--epochs", "1.5"], ["--epochs: expected a whole number; got '1.5'"]),
        (["train", "net", "--epochs", "0"], ["--epochs: expected a number of at least 1; got '0'"]),
        (["audit", "--minutes", "x"], ["--minutes: expected a number; got 'x'"]),
        (["audit", "--minutes", "1e9"], ["--minutes: expected a number of at most 1000000; got"]),
        (["frobnicate"], ["frobnicate"]),
    ],
)
def test_bad_usage_is_exit_code_2_and_writes_nothing(home, arguments, words):
    assert complains(repro(home, *arguments), 2, *words)
    assert not home.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("verify --device cuda", "--device requires --fresh"),
        ("verify --gpu-share 0.5", "--gpu-share requires --fresh"),
        ("table 3-1 --recorded --executor ray", "--executor cannot be combined with --recorded"),
        ("recipes --workers 2", "--workers requires --search"),
        ("data fetch --source npm --from .", "and --from cannot be combined"),
        ("audit --minutes inf", "at most 1000000"),
        ("table 3-1 --first-seed 99 --seeds 2", "other than 100 to 102"),
    ],
)
def test_what_would_mean_nothing_is_refused(home, words, message):
    complains(repro(home, *words.split()), 2, message)


def test_the_home_folder_of_nobody_is_one_line(home):
    done = repro(home, "runs", REPRO_HOME="~nosuchuser/x")
    complains(done, 2, "REPRO_HOME: ~nosuchuser/x: ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "table all --recorded", "table all --recorded --format csv", "--help", "table --help",
        "--version",
    ],
)  # fmt: skip
def test_who_reads_the_output_may_leave(home, words):
    """Long before the end: 1 would say that a cell differs."""
    program = [sys.executable, "-m", "repro", *words.split()]
    environment = {**os.environ, "REPRO_HOME": str(home)}
    with subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as begun:
        begun.stdout.close()
        assert begun.stderr.read() == b""
    assert begun.returncode == 141


def test_a_fault_of_the_package_has_no_verdicts_exit_code(monkeypatch, capsys):
    monkeypatch.setattr("repro.reporting.cell_tables.cells_to_rich", lambda *_: 1 / 0)
    done = CliRunner().invoke(CLI.app, ["table", "all", "--recorded"])
    assert done.exit_code == 70
    assert "ZeroDivisionError" in done.stderr


def test_a_command_without_memory_is_one_line(monkeypatch):
    def short(*_):
        raise MemoryError("Unable to allocate 176 MiB")

    monkeypatch.setattr("repro.reporting.cell_tables.cells_to_rich", short)
    done = CliRunner().invoke(CLI.app, ["table", "all", "--recorded"])
    assert done.exit_code == 4
    assert done.stderr.startswith("repro: out of memory (Unable to allocate 176 MiB); ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["--nope"], ["--recorded", "runs"], ["table", "--nope"]])
def test_an_unknown_option_is_one_line_wherever_it_stands(home, words):
    done = repro(home, *words)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "No such option: --" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("tabel", "No such command 'tabel'. Did you mean 'table'?"),
        ("fetch", "No such command 'fetch'. Did you mean 'data fetch'?"),
        (
            "data fetsh",
            "No such command 'fetsh'. Did you mean 'data fetch'?",
        ),
        ("runs unit x", "No such command 'unit'. Did you mean 'runs units'?"),
        ("data foo", "No such command 'foo'. Expected export, fetch, show or verify."),
        ("frobnicate", "No such command 'frobnicate'. (see `"),
        ("table 3-1 --seedz 3", "No such option: --seedz. Did you mean '--seeds'?"),
        ("claims --record", "No such option: --record. Did you mean '--recorded'?"),
        ("data fetch --form x", "No such option: --form. Did you mean '--from'?"),
        ("table 3-1 --xyzzy", "No such option: --xyzzy (see `"),
    ],
)
def test_a_mistyped_command_or_option_is_answered_with_the_nearest(home, words, message):
    done = repro(home, *words.split())
    complains(done, 2, message)
    assert len(done.stderr.splitlines()) == 1


def test_messages_are_text_and_no_pictures(home, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("root:x:0")
    complains(repro(home, "score", path, path), 3, "root:x:0")


def test_strange_paths_are_paths_and_no_markup(tmp_path):
    home = tmp_path / "h[/old]x"
    assert "h[/old]x" in repro(home, "runs", cwd=tmp_path).stdout
    out = tmp_path / "s[red].csv"
    done = repro(home, "predict", "net-relu-seed0", "--recorded", "--out", out, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "s[red].csv: 10000 predictions" in done.stdout
    assert out.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("数据", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
        ("数据", {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "gbk"}),
        ("caf\udce9", {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}),
    ],
    ids=["ASCII", "GBK", "no text"],
)
def test_a_home_of_any_name_is_used_under_any_encoding(tmp_path, name, more):
    """A name of Chinese characters is no text under an ASCII locale, nor is a Latin-1 one ever."""
    place = tmp_path / name
    try:
        place.mkdir()
    except (OSError, UnicodeError) as error:
        pytest.skip(f"this file system has no such name: {error}")
    out = f"{place}/out"
    for words in [
        ("train", "net", "--dataset", "synthetic", "--epochs", "10", "--quiet"),
        ("train", "net", "--dataset", "synthetic", "--epochs", "10", "--format", "json"),
        ("runs", "--format", "json"),
        ("runs",),
        ("runs", "show", "net", "--format", "json"),
        ("table", "3-1", "--dataset", "synthetic", "--epochs", "10", "--seeds", "1"),
        ("predict", "net", "--out", f"{out}.csv"),
        ("figure", "3-3", "--out", out),
        ("export", "weights", "net", f"{out}-weights"),
        ("report", "--recorded", "--out", f"{out}.html"),
    ]:
        done = repro_process(place, *words, cwd=tmp_path, errors="surrogateescape", **more)
        assert done.returncode == 0, (words, done.stderr)
    done = repro_process(place, "data", "verify", cwd=tmp_path, errors="surrogateescape", **more)
    assert complains(done, 3, "not there; `repro data fetch` gets it")
    assert (place / "out.csv").exists()
    assert list(place.glob("out/*.svg"))


@pytest.mark.slow
def test_output_that_cannot_be_written_is_one_line(home):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "repro", "table", "3-1", "--recorded"], env=environment(home),
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=home.parent,
        )  # fmt: skip
    assert done.returncode == 3
    assert "No space left on device" in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr
    plain = repro_process(home, "table", "3-1", "--recorded", PYTHONIOENCODING="ascii")
    assert "Traceback" not in plain.stderr
    assert "0.5744" in plain.stdout


@pytest.mark.slow
def test_a_full_disk_is_exit_code_3_and_loses_nothing(small_disk):
    arguments = ("train", "net", "--dataset", "synthetic", "--epochs")
    assert repro_process(small_disk / "home", *arguments, "1").returncode == 0
    (small_disk / "filler").write_bytes(bytes(600_000))
    done = repro_process(small_disk / "home", *arguments, "2")
    assert done.returncode == 3
    assert (
        "the disk is full; free some space and run the same command again to resume" in done.stderr
    )
    (kept,) = Store(small_disk / "home" / "store").records()
    assert len(kept.epochs) == 1
    (small_disk / "filler").unlink()
    done = repro_process(small_disk / "home", *arguments, "2", "--format", "json")
    assert len(json.loads(done.stdout)["epochs"]) == 2


@pytest.mark.slow
def test_a_read_only_store_is_exit_code_3(small_disk):
    arguments = ("train", "net", "--dataset", "synthetic", "--epochs")
    assert repro(small_disk / "home", *arguments, "1").returncode == 0
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert repro(small_disk / "home", *arguments, "1", "-q").returncode == 0, (
        "what is there can be read"
    )
    done = repro(small_disk / "home", *arguments, "2")
    assert done.returncode == 3
    assert "the file system is read-only; choose another place (for" in done.stderr
    assert "Traceback" not in done.stderr


def test_python_m_repro_and_the_version():
    done = subprocess.run(
        [sys.executable, "-m", "repro", "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.startswith("repro 0.")
