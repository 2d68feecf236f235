"""What `nox -s gpu_verify` keeps and tells, with another repro in the place of the real one."""

from __future__ import annotations

import shutil
import sys
import tarfile

import pytest

from benchmarks import gpu_verify

PYTHON = sys.executable

REPRO = """#!{python}
import os, sys
from pathlib import Path

command, home = sys.argv[3], Path(os.environ["REPRO_HOME"])
with open(home.parent.parent / "calls", "a") as file:
    print(*sys.argv[3:], file=file)
if command == "verify":
    if {text!r}:
        run = home / "verify" / "runs" / "net"
        run.mkdir(parents=True)
        for name in ("record.json", "predictions.safetensors", "checkpoint.safetensors"):
            (run / name).write_text(name)
        print({text!r})
    if {code} < 0:
        os.kill(os.getpid(), -{code})
    sys.exit({code})
if command == "report":
    if not (home / "store").exists():
        sys.exit(2)
    page = Path(sys.argv[sys.argv.index("--out") + 1]) / "index.html"
    page.parent.mkdir()
    page.write_text("a page")
    sys.exit({page})
"""


@pytest.fixture
def verify(tmp_path, monkeypatch):
    def verify(code, text="1 checks", page=0):
        fake = tmp_path / "python"
        fake.write_text(REPRO.format(python=PYTHON, code=code, text=text, page=page))
        fake.chmod(0o755)
        monkeypatch.setattr(gpu_verify.sys, "executable", str(fake))
        return gpu_verify.verify(tmp_path / "out", "all", ["--seeds", "3"], "cuda")

    return verify


@pytest.mark.parametrize("code", [0, 1, 3, 4])
def test_the_verdicts_page_and_records_are_there_whatever_the_code(tmp_path, verify, code):
    assert verify(code) == code
    out = tmp_path / "out"
    assert (out / "exit-code").read_text() == f"{code}\n"
    assert (out / "verdicts.md").read_text() == "1 checks\n"
    assert (out / "page/index.html").read_text() == "a page"
    with tarfile.open(out / "records.tar.gz") as file:
        names = {"store/runs/net/record.json", "store/runs/net/predictions.safetensors"}
        assert set(file.getnames()) == names
    first, second = (tmp_path / "calls").read_text().splitlines()
    assert first == "verify all --fresh --device cuda --format md --seeds 3"
    assert second.startswith("report --device cuda --out ")


@pytest.mark.parametrize(("code", "told"), [(1, 4), (2, 2), (3, 3), (-9, 137)])
def test_a_verification_that_compared_nothing_is_no_change(tmp_path, verify, code, told):
    """A traceback ends Python with 1, as a verdict that is not as listed does."""
    assert verify(code, text="") == told
    assert (tmp_path / "out/exit-code").read_text() == f"{told}\n"
    assert f"ended with {told} and compared nothing" in (tmp_path / "out/verdicts.md").read_text()
    assert not (tmp_path / "out/records.tar.gz").exists()


@pytest.mark.parametrize(("code", "told"), [(0, 4), (1, 1)])
def test_a_page_that_fails_fails_and_hides_no_verdict(tmp_path, verify, code, told):
    assert verify(code, page=3) == told
    assert (tmp_path / "out/exit-code").read_text() == f"{code}\n"


def test_what_was_trained_another_night_is_not_fresh(tmp_path, verify):
    assert verify(0) == 0
    shutil.copytree(tmp_path / "out/home/store", tmp_path / "out/home/verify")
    assert verify(0) == 0, "the folder would have been there"
