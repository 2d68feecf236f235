"""Locks on a file system that has none: Lustre, and some of NFS."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from repro.paths import IMPORT_ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD is Linux's")

HOLD = """
import sys, time
from pathlib import Path
from repro.files import locked
said = []
def on_wait(whose):
    print("waits" + whose, flush=True)
    if "--leave" in sys.argv:
        sys.exit(7)
with locked(Path(sys.argv[1]), on_wait):
    print("holds", flush=True)
    if "--stay" in sys.argv:
        time.sleep(60)
"""


@pytest.fixture(scope="module")
def without_flock(tmp_path_factory):
    """An environment in which `flock` answers that there is none."""
    folder = tmp_path_factory.mktemp("flock")
    source, library = folder / "none.c", folder / "none.so"
    source.write_text(
        "#include <errno.h>\nint flock(int f, int o) { errno = ENOSYS; return -1; }\n"
    )
    subprocess.run(
        [sys.executable, "-m", "ziglang", "cc", "-shared", "-fPIC", "-o", library, source],
        check=True,
    )
    return {**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(IMPORT_ROOT)}


def hold(environment, path, *options):
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), *options],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def outcome(process):
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


def test_one_after_the_other(without_flock, tmp_path):
    for _ in range(2):
        assert outcome(hold(without_flock, tmp_path / "lock")) == (0, "holds\n", "")


def test_a_file_that_a_system_with_locks_left_is_nobodys(without_flock, tmp_path):
    path = tmp_path / "lock"
    with_locks = {name: value for name, value in without_flock.items() if name != "LD_PRELOAD"}
    assert outcome(hold(with_locks, path))[0] == 0
    assert path.stat().st_size == 0
    os.utime(path, (time.time() - 60,) * 2)
    assert outcome(hold(without_flock, path)) == (0, "holds\n", "")


def test_a_living_holder_is_waited_for_and_a_dead_one_is_not(without_flock, tmp_path):
    path = tmp_path / "lock"
    holder = hold(without_flock, path, "--stay")
    try:
        assert holder.stdout.readline() == "holds\n"
        code, out, _ = outcome(hold(without_flock, path, "--leave"))
        assert code == 7
        assert out.startswith(f"waits, process {holder.pid} on ")
        assert f"if it no longer runs, delete {path}" in out
    finally:
        holder.kill()
        holder.communicate()
    assert outcome(hold(without_flock, path))[:2] == (0, "holds\n")


def test_a_holder_on_another_machine_is_named(without_flock, tmp_path):
    path = tmp_path / "lock"
    path.write_text(f"123\nnot-{socket.gethostname()}\n")
    code, out, _ = outcome(hold(without_flock, path, "--leave"))
    assert code == 7
    assert out == (
        f"waits, process 123 on not-{socket.gethostname()}; if it no longer runs, delete {path}\n"
    )
