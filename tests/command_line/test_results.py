"""`repro figure` and `report`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from repro.data.dataset import synthetic
from repro.runs.store import Store
from tests.command_line.shell import complains, environment, repro
from tests.examples import record


@pytest.mark.slow
def test_figures_and_the_page_open_in_the_language_of_the_environment(home):
    repro(home, "figure", "3-9", "--out", home / "f", REPRO_LANG="zh")
    assert (home / "f" / "3-9-network.svg").read_text().count("池化") == 2
    repro(home, "report", "--recorded", "--out", home, REPRO_LANG="zh")
    assert '<html lang="zh' in (home / "index.html").read_text()


@pytest.mark.slow
def test_runs_of_another_engine_have_a_page_too(home):
    complains(repro(home, "report"), 4, "no runs yet")
    one = record(engine="torch")
    Store(home / "store").save(one, {"10": synthetic().test_labels})
    complains(repro(home, "report", "--engine", "kernels"), 4, "no runs yet")
    other = repro(home, "report", "--recorded", "--engine", "torch")
    complains(other, 4, "no recorded run is of this device and engine")
    done = repro(home, "report", "--engine", "torch", "--out", home / "page")
    assert done.returncode == 0, done.stderr
    assert one.spec.digest in (home / "page" / "index.html").read_text()


@pytest.mark.slow
def test_figures_are_listed_and_drawn(home):
    listed = repro(home, "figure")
    assert "3-9-network            Net, layer by layer" in listed.stdout
    done = repro(home, "figure", "3-9", "--out", home / "f", "--lang", "zh", "--dark")
    assert done.returncode == 0, done.stderr
    assert (home / "f" / "3-9-network.svg").read_text().count("池化") == 2
    complains(repro(home, "figure", "3-8"), 3, "3-8-images: needs CIFAR-10: `repro data fetch`")
    complains(repro(home, "figure", "differences"), 4, "`--recorded` takes those of the package")
    complains(repro(home, "figure", "4-4"), 2, "figure '4-4': expected one of 2-1-classes")
    done = repro(home, "figure", "all", "--out", home / "f", "--recorded", "--format", "png")
    assert done.returncode == 0
    assert "always-wrong: left out: needs CIFAR-10" in done.stderr
    assert (home / "f" / "differences.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_page_is_written_from_the_recorded_runs_and_torch_is_not_imported(home):
    complains(repro(home, "report"), 4, "no runs yet: `repro table all`", "`--recorded`")
    command = [
        sys.executable, "-X", "importtime", "-m", "repro", "report", "--recorded", "--out", str(home),
    ]  # fmt: skip
    done = subprocess.run(
        command, env=environment(home), capture_output=True, text=True, check=True, cwd=home.parent
    )
    assert done.stdout.strip() == str(home / "index.html")
    assert '<p class="lead">' in (home / "index.html").read_text(encoding="utf-8")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "matplotlib" in imported
    assert "torch" not in imported
