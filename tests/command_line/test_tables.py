"""`repro table`, `claims`, `patterns` and `recipes`."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from repro.commands.context import Session
from repro.commands.recipes import search_recipes
from repro.commands.verify import verify_recorded
from repro.data.dataset import synthetic
from repro.data.png_export import export
from repro.errors import DataError, TrainingError
from repro.paths import packaged
from repro.runs.locations import user_store
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES
from repro.verdicts import stages
from repro.verdicts.recipes import CANDIDATES
from tests.command_line.shell import CLI, ROOT, complains, repro, repro_process
from tests.examples import record


@pytest.mark.slow
def test_a_table_is_trained_once_and_printed_in_every_format(home):
    arguments = ("table", "3-1", "--dataset", "synthetic", "--epochs", "10", "--seeds", "2")
    done = repro(home, *arguments)
    assert done.returncode == 0, "made-up images get no verdict"
    assert "Table 3-1, Net (ReLU)" in done.stdout
    assert "MADE UP" in done.stdout
    assert "made-up images: these numbers say nothing" in done.stdout
    assert "2 runs, 2 at a time" in done.stderr or "2 runs, 1 at a time" in done.stderr
    assert done.stderr.count("test accuracy") == 2

    again = repro(home, *arguments, "--format", "json")
    (row,) = json.loads(again.stdout)
    assert (row["cell"], row["n"], row["expected"]) == ("net-relu@10", 2, 0.5744)
    assert "runs" not in again.stderr, "nothing is trained twice"

    later = repro(home, *arguments[:-1], "1", "--first-seed", "1", "--format", "json")
    (second,) = json.loads(later.stdout)
    shown = repro(home, "runs", "show", "net-relu-seed1", "--format", "json").stdout
    assert (second["n"], second["mean"]) == (1, json.loads(shown)["readings"][0]["accuracy"])
    assert "1 run" not in later.stderr, "nothing is trained twice"
    last = ("--first-seed", str(2**63 - 1))
    complains(repro(home, *arguments, *last), 2, "expected one seed or more in [0, ")

    listed = repro(home, "runs")
    assert "net-relu-seed0-" in listed.stdout
    assert "net-relu-seed1-" in listed.stdout

    by_validation = repro(home, "runs", "best", "--format", "md").stdout.splitlines()
    assert [word.strip() for word in by_validation[0].split("|")[1:4]] == ["Run", "Epochs", "Best"]
    assert sum(line.startswith("|") for line in by_validation) == 2 + 2
    assert "made-up images" in by_validation[-1]

    shown = repro(home, "runs", "show", "net-relu-seed1", "--format", "json")
    whole = json.loads(shown.stdout)
    assert whole["spec"]["seed"] == 1
    assert [each["epoch"] for each in whole["epochs"]] == list(range(1, 11))
    assert (
        repro(home, "runs", "show", "net-relu-seed1").stdout.count(
            whole["epochs"][9]["weights_sha256"][:12]
        )
        == 1
    )

    assert repro(home, "predict", "net-relu-seed0").returncode == 0
    answers = home.parent / "data"
    export(synthetic(), answers, lambda *_: None)
    scored = repro(home, "score", "submission.csv", "data/testLables.csv", "--format", "json")
    accuracy = json.loads(repro(home, "runs", "show", "net-relu-seed0", "--format", "json").stdout)[
        "readings"
    ][0]["accuracy"]
    assert json.loads(scored.stdout)["accuracy"] == accuracy
    first = (home.parent / "submission.csv").read_bytes()
    assert repro(home, "predict", "net-relu-seed0", "--epoch", "10").returncode == 0
    assert (home.parent / "submission.csv").read_bytes() == first, (
        "recorded and fresh predictions agree"
    )
    complains(
        repro(home, "predict", "net-relu-seed0", "--epoch", "9"), 2, "stored predictions", "has 10"
    )


def test_recipes_say_what_to_do_first(home):
    done = repro(home, "recipes")
    assert (done.returncode, "`repro recipes --search`" in done.stdout) == (0, True)
    complains(repro(home, "recipes", "--search", "--recorded"), 2, "cannot be combined")


@pytest.mark.slow
def test_the_recorded_search_is_shown_stage_by_stage(home):
    shown = repro(home, "recipes", "--recorded")
    lines = shown.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == [
        "Stage",
        "Candidates",
        "Cells",
        "Seeds",
        "Nearest",
        "In",
        "use",
        "Rank",
    ]
    assert lines[1].split()[:4] == ["1", "111", "3", "1"]
    told = json.loads(repro(home, "recipes", "--recorded", "--format", "json").stdout)
    assert [stage["entered"] for stage in told["stages"]][:2] == [111, 30]
    assert len(told["spreads"]) == 17
    markdown = repro(home, "recipes", "--recorded", "--format", "md").stdout
    assert markdown.startswith("| Stage | Candidates |")
    assert repro(home, "recipes", "--recorded", "--format", "csv").stdout == (
        ROOT / "results" / "search" / "accuracies.csv"
    ).read_text(encoding="utf-8")


@pytest.mark.slow
def test_recipes_are_scored_over_the_cells_that_all_have(home):
    asked = ("recipes", "--recorded", "--shared", "--top", "141")
    shown = repro(home, *asked)
    assert max(map(len, shown.stdout.splitlines())) <= 80
    common = ["net-relu@10", "net-leaky_relu@10", "net-swish@10"]
    assert shown.stdout.split("they all have: ")[1].replace(",", "").split() == common
    told = json.loads(repro(home, *asked, "--format", "json").stdout)
    assert {tuple(each["differences"]) for each in told["candidates"]} == {tuple(common)}
    assert [each["rms"] for each in told["candidates"]] == sorted(
        each["rms"] for each in told["candidates"]
    )
    assert "spread of each cell" not in shown.stdout
    assert len(repro(home, *asked, "--format", "md").stdout.splitlines()) == 2 + len(
        told["candidates"]
    )


@pytest.mark.slow
def test_the_search_goes_through_its_stages_and_trains_nothing_twice(home, monkeypatch):
    """Two candidates and the recipe in use, on made-up images, to 10 epochs at most."""
    monkeypatch.setenv("REPRO_HOME", str(home))
    in_use = REPORT_RECIPES["net-relu"]
    few = [c for c in CANDIDATES if c.batch_size == 50 and c.pixels == "symmetric"][:2]
    monkeypatch.setattr(stages, "CANDIDATES", (*few, in_use))
    short = [
        dataclasses.replace(stage, epochs=dict.fromkeys(stage.epochs, 10), seeds=1)
        for stage in stages.STAGES
    ]
    short[1] = dataclasses.replace(short[1], entering=1, epochs={"net-relu": 10})
    short[2:] = [dataclasses.replace(each, entering=1) for each in short[2:]]
    short[3] = dataclasses.replace(short[3], epochs={"resnet": 10})
    monkeypatch.setattr("repro.commands.recipes.STAGES", short)
    monkeypatch.setattr(stages, "STAGES", short)
    monkeypatch.setattr("repro.verdicts.search.STAGES", short)
    told = Console(file=io.StringIO(), width=100)
    where = {"device": "cpu", "engine": "kernels", "dataset": "synthetic"}
    assert search_recipes(Session(console=told, quiet=True), **where) == []
    records = list(Store(home / "store").records())
    assert {record.spec.seed for record in records} == {100}
    assert sum(r.spec.recipe.architecture == "resnet" for r in records) in {1, 2}
    assert any(r.spec.recipe.initial_weights == "he" for r in records)
    assert (home / "store" / "batch_norm.csv").exists()
    # In another process, where the stages are the real ones.
    shown = repro_process(home, "recipes", "--dataset", "synthetic")
    assert max(map(len, shown.stdout.splitlines())) <= 80
    assert "net-swish@10 0.5787 3 " in " ".join(shown.stdout.split())
    monkeypatch.setattr("repro.commands.train.run", lambda *_, **__: 1 / 0)
    assert search_recipes(Session(console=told, quiet=True), **where) == [], (
        "nothing is trained twice"
    )


@pytest.mark.parametrize(
    ("form", "lang", "wanted"),
    [
        ("csv", "en", "net-relu@10,3-4,10,Net (ReLU),0.5744,0.05,0,"),
        ("md", "zh", "**表 3-4**"),
        ("latex", "en", r"\caption{Table 3-4}"),
        ("rich", "zh", "未运行"),
    ],
)
def test_every_format_and_language_is_printed(home, form, lang, wanted):
    made_up = ("table", "3-4", "--trained", "--dataset", "synthetic")
    done = repro(home, *made_up, "--format", form, "--lang", lang)
    assert done.returncode == 4, "nothing is trained"
    assert wanted in done.stdout


@pytest.mark.parametrize(
    ("failures", "accuracy", "code"),
    [
        ([TrainingError("")], 0.58, 4),
        ([TrainingError("")], 0.9, 1),
        ([TrainingError(""), DataError("")], 0.9, 3),
        ([], 0.58, 0),
    ],
)
def test_a_table_of_which_a_run_failed_is_no_success(
    monkeypatch, tmp_path, failures, accuracy, code
):
    """Also where the other seeds' runs fill every cell."""
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    store = user_store()
    store.begin()
    store.save(record(seed=0, accuracies={10: accuracy}), {"10": np.zeros(10_000, np.uint8)})
    monkeypatch.setattr("repro.commands.table.train_missing", lambda *_, **__: failures)
    words = ["table", "3-1", "--epochs", "10", "--seeds", "2", "--device", "cpu"]
    assert CliRunner().invoke(CLI.app, words).exit_code == code


def test_a_changed_record_fails_its_check_and_counts_for_no_cell(monkeypatch, tmp_path):
    results = shutil.copytree(
        packaged("results"), tmp_path / "results", ignore=shutil.ignore_patterns("checkpoint*")
    )
    path = next(results.glob("runs/resnet*/record.json"))
    path.write_bytes(path.read_bytes().replace(b'"accuracy": 0.', b'"accuracy": 0.9', 1))
    monkeypatch.setattr("repro.commands.verify.recorded_store", lambda: Store(results))
    monkeypatch.setenv("REPRO_HOME", str(tmp_path / "home"))
    checks, failures = verify_recorded(Session(console=Console(quiet=True)))
    failed = {check.what: check for check in checks if not check.holds}
    assert failures == []
    assert failed["table 3-4, resnet@10"].obtained.endswith("n = 9")
    assert failed[f"record of {path.parent.name}"].obtained == "refuted"


def test_claims_are_judged_by_the_recorded_runs_and_nothing_is_trained(home):
    done = repro(home, "claims", "--recorded", "--format", "json")
    rows = json.loads(done.stdout)
    assert len(rows) == 14
    assert all(row["n"] >= 2 for row in rows)
    told = any(row["finding"] != "NOT RUN" for row in rows)
    assert done.returncode == (0 if told else 4), "one seed cannot tell"
    assert not home.exists()
    none = repro(home, "claims", "--format", "json")
    assert none.returncode == 4
    assert {row["n"] for row in json.loads(none.stdout)} == {0}


def test_a_table_of_recorded_runs_begins_at_any_seed(home):
    means = {}
    for seed in (0, 1):
        one = ("--first-seed", seed, "--seeds", 1, "--epochs", 10, "--format", "json")
        (row,) = json.loads(repro(home, "table", "3-1", "--recorded", *one).stdout)
        run = repro(home, "runs", "show", "--recorded", f"net-relu-seed{seed}", "--format", "json")
        assert row["mean"] == json.loads(run.stdout)["readings"][0]["accuracy"]
        means[seed] = row["mean"]
    assert means[0] != means[1]


def test_nothing_recorded_is_exit_code_4(home):
    done = repro(home, "table", "3-4", "--recorded", "--engine", "torch")
    assert done.returncode == 4
    assert "2 NOT RUN" in done.stdout
    made_up = repro(home, "table", "3-4", "--recorded", "--dataset", "synthetic")
    complains(made_up, 2, "--dataset cannot be combined with --recorded: all its runs use CIFAR-10")


def test_seeds_that_are_not_recorded_are_missing(home):
    done = repro(home, "table", "3-4", "--recorded", "--seeds", "90")
    assert done.returncode == 4
    assert re.search(
        r"expected 90 seeds for every cell; a cell has only \d+: lower --seeds\n", done.stderr
    )
    assert "2 cells: " in done.stdout


def test_a_table_of_what_is_trained_trains_nothing(home):
    one = record(seed=3, accuracies={10: 0.58})
    Store(home / "store").save(one, {"10": synthetic().test_labels})
    done = repro(home, "table", "3-1", "--trained", "--device", "cpu", "--format", "json")
    assert [row["n"] for row in json.loads(done.stdout)] == [1, 0, 0, 0]
    assert done.returncode == 4
    assert repro(home, "table", "3-1", "--trained", "--epochs", "10").returncode == 0
    complains(repro(home, "table", "3-1", "--trained", "--recorded"), 2, "cannot be combined")
    workers = repro(home, "table", "3-1", "--trained", "--workers", "2")
    complains(workers, 2, "--workers cannot be combined with --trained, which trains nothing")


@pytest.mark.slow
def test_a_narrow_terminal_loses_no_figure(home):
    wide = repro_process(home, "table", "3-4", "--recorded", COLUMNS="80").stdout
    assert repro_process(home, "table", "3-4", "--recorded", COLUMNS="30").stdout == wide
    assert len(re.findall(r"REPRODUCED|CLOSE|DIFFERS|INCONCLUSIVE", wide)) > 2


@pytest.mark.slow
def test_a_wide_terminal_shows_the_intervals_of_claims(home):
    wide = repro_process(home, "claims", "--recorded", COLUMNS="120").stdout
    interval = re.compile(r"\([+-]0\.\d{3} to [+-]0\.\d{3}\)")
    assert interval.search(wide)
    assert max(map(len, wide.splitlines()[:20])) <= 120
    assert not interval.search(repro_process(home, "claims", "--recorded", COLUMNS="80").stdout)


def test_a_dry_run_says_what_would_be_trained_and_trains_nothing(home):
    asked = ("table", "3-4", "--seeds", 2, "--device", "cpu", "--dry-run")
    done = repro(home, *asked)
    assert (done.returncode, done.stderr) == (0, "")
    *runs, what, about = done.stdout.splitlines()
    assert [run.rpartition("-")[0] for run in runs] == [
        "net-relu-seed0", "net-relu-seed1", "resnet-relu-seed0", "resnet-relu-seed1",
    ]  # fmt: skip
    assert all(run.endswith(": epochs 1 to 10") for run in runs)
    assert what.startswith("4 runs, ")
    assert about.startswith("about ")
    assert not home.exists()
    recorded = Store(ROOT / "results")
    own = Store(home / "store")
    known = recorded.find("net-relu-seed0")
    own.save(known, recorded.predictions(known))
    assert len(repro(home, *asked).stdout.splitlines()) == 3 + 2, "one is there"
    train = ("train", "net", "--device", "cpu", "--dry-run")
    assert repro(home, *train).stdout == "nothing to train: every run is there\n"
    assert ": epochs 101 to 120\n" in repro(home, *train, "--epochs", 120).stdout
    complains(repro(home, *asked, "--recorded"), 2, "--dry-run cannot be combined with --recorded")


@pytest.mark.slow
def test_several_tables_and_figures_in_one_call(home):
    asked = ("table", "3-4", "3-1", "--recorded", "--format", "json")
    rows = json.loads(repro(home, *asked).stdout)
    assert [row["table"] for row in rows] == ["3-1"] * 4 + ["3-4"] * 2, "as the report has them"
    shown = repro(home, *asked[:-2]).stdout
    assert shown.index("Table 3-1") < shown.index("Table 3-4")
    assert "Table 3-2" not in shown
    complains(repro(home, "table", "3-1", "3-9", "--recorded"), 2, "table '3-9': expected 3-1")
    runs = repro(home, "table", "3-4", "3-2", "--device", "cpu", "--dry-run").stdout
    assert re.findall(r"^[a-z_-]+-seed0", runs, re.M) == [
        "net-leaky_relu-seed0", "net-swish-seed0", "net-relu-seed0", "resnet-relu-seed0",
    ]  # fmt: skip
    done = repro(home, "figure", "3-9", "activations", "--recorded", "--out", home / "f")
    assert done.returncode == 0, done.stderr
    names = [Path(line).name for line in done.stdout.splitlines()]
    assert names == ["3-9-network.svg", "activations.svg"]
    complains(repro(home, "figure", "3-9", "list"), 2, "figure 'list': expected one of")
