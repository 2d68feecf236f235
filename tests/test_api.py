"""The Python interface, as the documentation shows it."""

from __future__ import annotations

import dataclasses
import doctest
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import repro
from repro import claims, compare, figure, images, predictions, run, table
from repro.data.layout import CLASSES
from repro.errors import DataError, NoRunsError, TrainingError, UsageError
from repro.reporting.cell_tables import cells_foot
from repro.reporting.figures import registry
from repro.reporting.figures.style import Style
from repro.runs.store import Store
from tests.examples import record
from tests.recorded import recorded_evidence

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "python.md"


def test_the_documentation_shows_what_comes_out(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    test = doctest.DocTestParser().get_doctest(
        PAGE.read_text(encoding="utf-8"), {}, PAGE.name, str(PAGE), 0
    )
    assert len(test.examples) == 6
    runner = doctest.DocTestRunner()
    runner.run(test, out=sys.stdout.write)
    assert runner.failures == 0


@pytest.mark.slow
def test_a_run_goes_on_and_has_a_history(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    one = run("net", epochs=1, dataset="synthetic", quiet=True)
    two = run("net", epochs=2, dataset="synthetic", quiet=True)
    assert two.epochs[:1] == one.epochs
    assert list(pd.DataFrame(two.epochs)["epoch"]) == [1, 2]


def test_a_table_is_a_frame_with_a_row_a_cell():
    frame = table(recorded=True)
    assert len(frame[frame["dropout_on"] != (not repro.spec.REPORT_DROPOUT_AT_PREDICTION)]) == 22
    assert frame["expected"].between(0, 1).all()
    assert list(table("3-4", epochs=10, recorded=True)["cell"]) == ["net-relu@10", "resnet@10"]


def test_a_frame_has_the_same_verdicts_as_the_foot_of_the_tables():
    frame = table(recorded=True)
    counted = frame[frame["counts"]].drop_duplicates("cell")
    foot = cells_foot(recorded_evidence().verdicts, "en")
    said = {words: int(count) for count, words in re.findall(r"(\d+) ([A-Z][A-Z ]+[A-Z])", foot)}
    assert dict(counted["verdict"].value_counts()) == said
    assert sum(said.values()) == 17


def test_tables_of_another_report_and_of_ones_own_runs(monkeypatch, tmp_path):
    example = ROOT / "examples" / "pytorch-tutorial"
    (row,) = table("1", report=example, recorded=True).to_dict("records")
    assert (row["cell"], row["n"], row["verdict"]) == ("tutorial@2", 5, "INCONCLUSIVE")
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    Store(tmp_path / "store").save(record(), {"10": np.zeros(10_000, np.uint8)})
    frame = table("3-1", trained=True, device="cpu")
    assert list(frame["n"]) == [1, 0, 0, 0]
    with pytest.raises(UsageError, match="expected one of them"):
        table(recorded=True, trained=True)


def test_what_is_wrong_is_raised(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="table '9-9'"):
        table("9-9", recorded=True)
    with pytest.raises(UsageError, match="epochs: expected an integer from 1"):
        run("net", epochs=0)
    monkeypatch.setattr("repro.api.train_one", lambda *_: (None, []))
    with pytest.raises(TrainingError, match="could not be trained"):
        run("net", dataset="synthetic")


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"device": "tpu"}, "device: expected one of auto, cpu, cuda, mps; got 'tpu'"),
        (
            {"engine": "fast"},
            "engine: expected one of auto, kernels, torch, portable, native; got 'fast'",
        ),
        ({"dataset": "mnist"}, "dataset: expected one of cifar10, synthetic; got 'mnist'"),
        ({"seeds": 0}, "expected one seed or more"),
    ],
)
def test_a_word_that_means_nothing_is_refused(given, message, recorded, monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    with pytest.raises(UsageError, match=message):
        table("3-1", recorded=recorded, **given)


def test_data_that_cannot_be_had_are_not_a_trainings_fault(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    for user in ("table", "train"):
        monkeypatch.setattr(
            f"repro.commands.{user}.train_missing", lambda *_, **__: [DataError("no disk")]
        )
    with pytest.raises(DataError, match="table 3-1"):
        table("3-1")
    with pytest.raises(DataError, match="could not be trained"):
        run("net")


def test_claims_are_what_the_command_says():
    from typer.testing import CliRunner

    from repro.__main__ import load_cli

    frame = claims(recorded=True)
    said = CliRunner().invoke(load_cli().app, ["claims", "--recorded", "--format", "json"]).stdout
    pd.testing.assert_frame_equal(frame, pd.DataFrame(json.loads(said)))
    assert set(frame["finding"]) >= {"SUPPORTED", "CONTRADICTED"}
    assert (frame["k"] <= frame["n"]).all()


@pytest.mark.slow
def test_chinese_words_stand_in_frames_of_the_same_form():
    for make in (claims, lambda **given: table("3-3", **given)):
        english, chinese = make(recorded=True), make(recorded=True, lang="zh")
        assert list(chinese.columns) == list(english.columns)
        numbers = english.select_dtypes("number").columns
        pd.testing.assert_frame_equal(chinese[numbers], english[numbers])
    assert "得到支持" in set(claims(recorded=True, lang="zh")["finding"])
    assert claims(recorded=True, lang="zh")["says"].str.contains("[一-龥]").all()
    told = table("3-3", recorded=True, lang="zh")
    assert set(told["column"]) == {"原模型（ReLU）", "改进后模型"}
    assert set(told["verdict"]) == {"已复现", "接近"}


def test_claims_without_a_run_say_so(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    assert set(claims(device="cpu")["finding"]) == {"NOT RUN"}


def test_a_figure_is_the_commands_svg_whatever_the_backend(monkeypatch, tmp_path):
    monkeypatch.setenv("MPLBACKEND", "module://no_such_backend")
    drawn = figure("overview", recorded=True, lang="zh")
    picture = registry.find("overview")
    same = registry.render_picture(picture, Style(lang="zh"), recorded_evidence(), "svg")
    assert drawn._repr_svg_() == same.decode()
    assert drawn.title == picture.title_zh
    assert repr(drawn) == "Drawing(name='overview')"
    drawn.save(tmp_path / "overview.svg")
    assert (tmp_path / "overview.svg").read_bytes() == same


def test_a_figure_that_cannot_be_drawn_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="figure 'no'"):
        figure("no", recorded=True)
    with pytest.raises(NoRunsError, match="overview: no runs yet"):
        figure("overview", device="cpu")
    with pytest.raises(DataError, match="3-8-images: needs CIFAR-10"):
        figure("3-8", recorded=True)


@pytest.mark.slow
def test_a_figure_needs_no_pyplot():
    code = (
        "import repro, sys; repro.figure('overview', recorded=True);"
        "assert not {'matplotlib.pyplot', 'torch', 'IPython'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.slow
@pytest.mark.parametrize(("given", "kept"), [("svg", "svg"), ("no_such_backend", None)])
def test_a_notebooks_own_figures_keep_its_backend(given, kept):
    code = (
        "import repro, os; repro.figure('3-3', recorded=True); import matplotlib;"
        "backend = matplotlib.rcParams._get_backend_or_none();"
        f"assert (backend, os.environ['MPLBACKEND']) == ({kept!r}, {given!r}), backend"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=ROOT,
        env={**os.environ, "MPLBACKEND": given},
    )


def test_predictions_stand_beside_the_labels(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    labels = np.arange(10_000, dtype=np.uint8) % 10
    monkeypatch.setattr("repro.api.load_test_labels", lambda *_: labels)
    frame = predictions("net-relu-seed0-19", recorded=True)
    assert list(frame.columns) == ["true", "predicted"]
    assert (frame.index.name, list(frame.index)) == ("image", list(range(10_000)))
    assert list(frame["true"][:10]) == list(CLASSES)
    recorded = recorded_evidence().predictions("net-relu", 100)[0]
    assert list(frame["predicted"]) == [CLASSES[each] for each in recorded]
    early = predictions("net-relu-seed0-19", epoch=10, recorded=True)
    assert list(early["predicted"]) != list(frame["predicted"])
    with pytest.raises(UsageError, match="expected an epoch with stored predictions"):
        predictions("net-relu-seed0-19", epoch=11, recorded=True)
    with pytest.raises(UsageError, match="has no dropout"):
        predictions("net-relu-seed0-19", dropout="on", recorded=True)
    off, on = (predictions("improved-relu-seed0", dropout=d, recorded=True) for d in ("off", "on"))
    assert (off["predicted"] != on["predicted"]).any()


@pytest.mark.slow
def test_predictions_of_ones_own_run(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    one = run("net", epochs=1, dataset="synthetic", quiet=True)
    frame = predictions(one)
    assert set(frame["true"]) | set(frame["predicted"]) <= set(CLASSES)
    assert len(frame) == 100, "as many as the made-up data set has"
    assert images(frame.head(3), dataset="synthetic")._repr_svg_().startswith("<?xml")


def test_images_carry_their_classes():
    told = pd.DataFrame(
        {"true": ["cat", "ship"], "predicted": ["cat", "truck"]},
        index=pd.Index([5, 2], name="image"),
    )
    svg = images(told, dataset="synthetic", lang="zh")._repr_svg_()
    for each in ("✓ 猫", "✗ 卡车", "（船）"):
        assert each in svg
    with pytest.raises(UsageError, match="expected 1 to 60 rows"):
        images(told[:0], dataset="synthetic")
    with pytest.raises(UsageError, match="expected 1 to 60 rows"):
        images(pd.concat([told] * 31), dataset="synthetic")
    with pytest.raises(UsageError, match="expected the columns true and predicted"):
        images(told[["true"]], dataset="synthetic")
    with pytest.raises(UsageError, match="no test image 100"):
        images(told.set_axis([5, 100]), dataset="synthetic")


def test_a_run_is_compared_with_the_recorded_one():
    (recorded,) = recorded_evidence().runs("net-swish")[:1]
    young = dataclasses.replace(
        recorded, epochs=recorded.epochs[:10], readings=recorded.readings[:1]
    )
    assert compare(young) == (
        "compared with the recorded run: the same weights after each of 10 epochs, bit for bit"
    )
    last = dataclasses.replace(young.epochs[-1], weights_sha256="0" * 64)
    other = dataclasses.replace(young, epochs=(*young.epochs[:-1], last))
    assert compare(other).endswith("differs from epoch 10 on")
    foreign = record("net-swish", seed=77)
    assert compare(foreign) == f"no run is recorded to compare {foreign.spec.name} with"


def test_a_record_shows_itself_in_a_notebook():
    shown = record(accuracies={10: 0.58, 30: 0.6})._repr_html_()
    assert all(each in shown for each in ("net-relu-seed0", "0.5800", "0.6000", "<table"))


def test_every_name_is_there_and_completed():
    for name in repro.__all__:
        assert getattr(repro, name) is not None
        assert name in dir(repro)


def test_asking_for_the_package_alone_imports_nothing_slow():
    code = (
        "import repro, sys; repro.__version__;"
        "assert not {'numpy', 'rich', 'msgspec', 'repro.api'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        repro.nothing  # noqa: B018
