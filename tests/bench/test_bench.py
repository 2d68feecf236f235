from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from repro.bench import baseline_process, floor, measuring
from repro.bench.floor import useful_operations
from repro.bench.measuring import BenchResult, Measured, measure
from repro.data.dataset import synthetic
from repro.data.png_export import export
from repro.errors import TrainingError, UsageError
from repro.networks import models
from repro.reporting import bench_page
from repro.reporting.bench_page import MARKS, markdown, write
from repro.spec import REPORT_RECIPES

MEASURED = Measured(
    model="net-relu",
    cores=2,
    steps=400,
    seconds={"plain": [4.0, 2.0, 3.0], "kernels": [2.0, 2.0, 1.0]},
    accuracy={"plain": 0.31, "kernels": 0.3},
    operations=3_000_000,
    rate=1e11,
)


def test_throughput_counts_a_run_on_every_core():
    assert MEASURED.epochs_per_hour("plain") == pytest.approx(3600 * 400 * 20 / 3 / 40_000)
    assert MEASURED.epochs_per_hour("kernels") == pytest.approx(3600 * 2 * 400 * 20 / 2 / 40_000)


def test_a_ratio_is_taken_within_each_turn():
    assert MEASURED.ratio("kernels", "plain") == 4.0  # of 4, 2 and 6


def test_the_floor_is_the_operations_at_the_products_rate():
    seconds = 3_000_000 * 40_000 / 1e11
    assert MEASURED.share_of_floor("kernels") == pytest.approx(
        seconds / (40_000 / 400 / 20 / 2 * 2)
    )


def test_the_products_rate_is_the_faster_librarys(monkeypatch):
    monkeypatch.setattr(torch, "matmul", lambda *_: time.sleep(0.02))
    monkeypatch.setattr(floor, "_by_onednn", lambda *_: time.sleep(0.001))
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    assert floor.product_rate(0.05) > 2 * 1024**3 / 0.015


def test_the_spread_is_half_the_distance_of_the_quartiles():
    assert MEASURED.spread("plain") == pytest.approx(0.5 / 3)
    assert Measured(**{**vars(MEASURED), "seconds": {"plain": [3.0]}}).spread("plain") == 0


def test_the_tables_replace_what_stands_between_the_marks(tmp_path):
    page = tmp_path / "README.md"
    page.write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    report = BenchResult(
        machine={"cores": "2"}, networks=[MEASURED], workers={1: 100.0},
        threads={"net-relu": {1: 3.0, 2: 2.0}}, commands={"repro x": [0.2]},
    )  # fmt: skip
    for _ in range(2):
        write(report, page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert text.count("| D, ours, kernels | 720.0 | ±12.5% | 4.00 | 0.24 | 0.300 |") == 1
    assert "| net-relu | 2 | 1.50 |" in text
    assert "| `repro x` | 0.20 | 0.20 | 1 |" in text
    assert json.loads(page.with_suffix(".json").read_text())["networks"][0]["steps"] == 400


def test_the_hours_are_those_of_all_runs_or_of_the_longest():
    """Each run has 100 epochs (ResNet 10) at 360 an hour and core, but for ImprovedNet at 3.6."""
    slow = {**vars(MEASURED), "model": "improved", "seconds": {"kernels": [200.0]}}
    networks = [
        MEASURED, Measured(**slow), Measured(**{**vars(MEASURED), "model": "resnet"}),
    ]  # fmt: skip
    hours = bench_page._hours(BenchResult(machine={}, networks=networks))
    longest, others = 100 / 3.6, (3 * 100 + 10) / 360
    assert hours[1] == pytest.approx(longest)
    assert hours[10] == pytest.approx(10 * (longest + others) / 2)
    assert bench_page._hours(BenchResult(machine={}, networks=networks[:2])) == {}


def test_the_figure_has_what_was_measured(tmp_path):
    report = BenchResult(
        machine={}, networks=[MEASURED], workers={1: 300.0, 2: 600.0, 4: 590.0},
        seeds={1: 12.0, 2: 12.5, 5: 36.0},
    )  # fmt: skip
    bench_page.draw(report, tmp_path / "cost.svg")
    text = (tmp_path / "cost.svg").read_text()
    assert text.count("<use ") > 6, "a mark each"
    assert "seeds of Net" in text


@pytest.mark.slow
def test_seeds_are_trained_anew_each_time(tmp_path):
    said = []
    taken = measuring.measure_seeds(
        (1, 2), cores=2, home=tmp_path, dataset="synthetic", say=said.append
    )
    assert list(taken) == [1, 2]
    assert min(taken.values()) > 0.1, "a process is started"


def test_a_page_without_marks_is_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("mine")
    with pytest.raises(UsageError, match=r"page\.md: expected the lines"):
        write(BenchResult(machine={}, networks=[]), page)
    assert page.read_text() == "mine"


def test_useful_operations_of_net_are_those_of_its_layers():
    forward = [
        2 * 3 * 6 * 25 * 28 * 28, 2 * 6 * 16 * 25 * 10 * 10,
        2 * 400 * 120, 2 * 120 * 84, 2 * 84 * 10,
    ]  # fmt: skip
    assert useful_operations(models.Net()) == 3 * sum(forward) - forward[0]


def test_operations_with_padding_are_not_useful():
    """Counted by hand on the map of ones: each output of a kernel of ones says how many it saw."""
    layer = torch.nn.Conv2d(1, 1, 3, 2, 1, bias=False)
    network = torch.nn.Sequential(layer, torch.nn.Flatten(), torch.nn.Linear(256, 1))
    with torch.no_grad():
        seen = F.conv2d(torch.ones(1, 1, 32, 32), torch.ones(1, 1, 3, 3), stride=2, padding=1).sum()
    model = torch.nn.Sequential(_FirstChannel(), network)
    assert useful_operations(model) == 2 * 2 * int(seen) + 3 * 2 * 256


class _FirstChannel(torch.nn.Module):
    def forward(self, x):
        return x[:, :1]


@pytest.fixture(scope="module")
def png(tmp_path_factory):
    folder = tmp_path_factory.mktemp("png")
    export(synthetic(), folder, lambda done, total: None)
    return folder


@pytest.mark.slow
def test_one_run_is_measured_on_several_cores(tmp_path):
    taken = measuring.measure_threads(
        "net-relu", (1, 2), steps=3, rounds=2, home=tmp_path, dataset="synthetic", say=print
    )
    assert list(taken) == [1, 2]
    assert min(taken.values()) > 0


@pytest.mark.slow
def test_loops_train_by_turns(tmp_path, png):
    said = []
    got = measure(
        "net-relu", ["files", "kernels"], steps=3, rounds=2, steps_to_learn=10, cores=1,
        home=tmp_path, png=png, dataset="synthetic", say=said.append,
    )  # fmt: skip
    assert {which: len(turns) for which, turns in got.seconds.items()} == {
        "files": 2, "kernels": 2,
    }  # fmt: skip
    assert all(seconds > 0 for turns in got.seconds.values() for seconds in turns)
    assert all(0 <= share <= 1 for share in got.accuracy.values())
    assert got.operations == useful_operations(models.build(REPORT_RECIPES["net-relu"], seed=0))
    assert got.rate > 1e8
    assert [line for line in said if "trains 10 steps, to be validated" in line] == said[:2]
    assert len(said) == 4
    assert "| D, ours, kernels |" in markdown(BenchResult(machine={}, networks=[got]))


@pytest.mark.slow
def test_a_loop_that_ends_says_why(tmp_path):
    given = {"model": "net-relu", "home": str(tmp_path), "png": "", "dataset": "cifar10"}
    with (
        baseline_process.LoopProcess("kernels", given) as one,
        pytest.raises(TrainingError, match=r"D, ours, kernels \(net-relu\): ended: .*data fetch"),
    ):
        one.hear()


@pytest.mark.slow
def test_what_python_prints_as_it_starts_is_no_answer(tmp_path, monkeypatch):
    """A sitecustomize.py, as some institutions have; and a library's words are in any encoding."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys; print('hello', flush=True); os.write(2, b'caf\\xe9\\n')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    given = {"model": "net-relu", "home": str(tmp_path), "png": "", "dataset": "synthetic"}
    with baseline_process.LoopProcess("kernels", given) as one:
        assert one.hear()["ready"]


@pytest.mark.slow
def test_the_script_for_gpus_runs(tmp_path):
    """On the CPU and tiny, so that a borrowed GPU meets a script that works."""
    out = tmp_path / "gpu.jsonl"
    script = Path(__file__).parents[2] / "benchmarks" / "first_ten_minutes.py"
    done = subprocess.run(
        [sys.executable, str(script), str(out), "--small"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert {each["part"] for each in found} == {
        "machine", "bits", "epochs", "together", "plain", "kernels",
    }  # fmt: skip
    assert all(each["same"] for each in found if "same" in each)


def test_a_verdict_of_a_command_is_timed_and_a_failure_is_not(monkeypatch):
    """Exit code 1 says that something differs. Once it threw away a quarter of an hour of turns."""
    codes = iter([0, 1])
    monkeypatch.setattr(
        measuring.subprocess, "run",
        lambda words, **_: subprocess.CompletedProcess(words, next(codes), stderr="no\nwhy"),
    )  # fmt: skip
    assert len(measuring.measure_commands([["verify"]], 2)["repro verify"]) == 2
    codes = iter([70])
    with pytest.raises(TrainingError, match="repro verify: ended with code 70: why"):
        measuring.measure_commands([["verify"]], 1)
