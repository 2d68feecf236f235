"""Another report, as data: its tables, recipes and network, with no change of the package."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rich.console import Console

from repro import streams
from repro.data.dataset import synthetic
from repro.errors import DataError, TrainingError, UsageError
from repro.execution.scheduler import Task, run
from repro.networks import models
from repro.paths import packaged
from repro.reporting.cell_tables import cells_foot, cells_to_rich, cells_to_text
from repro.runs.records import dump, parse
from repro.runs.store import Store
from repro.spec import REPORT_RECIPES, Recipe, RunSpec
from repro.training.torch_engine import Trainer
from repro.verdicts.cells import load_cells
from repro.verdicts.judging import judge, judge_records
from repro.verdicts.reports import load_report, this_report
from tests.examples import parameter_count, record

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "pytorch-tutorial"

NETWORK = """
from torch import nn

def small():
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 8), nn.Dropout(0.5), nn.Linear(8, 10))

def wrong():
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 7))

def late():
    raise RuntimeError("not today")
"""


@pytest.fixture
def folder(tmp_path):
    """A report with a network of its own and one of torchvision, in two tables."""
    (tmp_path / "report.toml").write_text(
        'title = "A paper"\nsource = "doi"\n'
        '[models.small]\narchitecture = "networks.py:small"\nlearning_rate = 0.05\n'
        '[models.shuffle]\narchitecture = "torchvision:shufflenet_v2_x0_5"\nbatch_size = 10\n'
    )
    (tmp_path / "networks.py").write_text(NETWORK)
    head = "epochs,column,model,accuracy,tolerance,place\n"
    (tmp_path / "table-1.csv").write_text(
        head + "1,Small,small,0.3,0.1,row 1\n3,Small,small,0.5,0.1,row 2\n"
    )
    (tmp_path / "table-2.csv").write_text(head + "1,Shuffle,shuffle,0.2,1,row 1\n")
    return tmp_path


def repro(home, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "repro", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "REPRO_HOME": str(home), "COLUMNS": "100"},
    )  # fmt: skip


def recipe_of(folder, model="small"):
    return load_report(folder).recipes[model]


def test_this_report_is_one_of_them():
    report = this_report(packaged("expected_results"))
    assert report.recipes == REPORT_RECIPES
    assert len(report.cells) == 22


def test_a_folder_is_read_whole(folder):
    report = load_report(folder)
    assert report.title == "A paper"
    assert [(cell.table, cell.name) for cell in report.cells] == [
        ("1", "small@1"), ("1", "small@3"), ("2", "shuffle@1"),
    ]  # fmt: skip
    small = report.recipes["small"]
    assert small.readings == (1, 3), "it is read where the tables have rows"
    assert small.learning_rate == 0.05
    assert report.code[small.code_sha256] == NETWORK
    assert report.recipes["shuffle"].code_sha256 == ""


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("report.toml", "title = ", "cannot be read as TOML"),
        ("report.toml", 'name = "x"', "expected title, source and"),
        ("report.toml", '[models.small]\nspeed = 3', "speed"),
        ("report.toml", '[models.small]\narchitecture = "net"\nbatch_size = 0', "batch_size"),
        ("report.toml", '[models.small]\narchitecture = "nets"', "architecture: expected one of"),
        ("report.toml", '[models.small]\narchitecture = "gone.py:small"', "gone.py"),
        ("report.toml", '[models.other]\narchitecture = "net"', "expected one of other"),
        ("table-1.csv", "epochs,accuracy\n1,2", "expected the columns"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_that_names_the_file(folder, file, change, message):
    (folder / file).write_text(change)
    (folder / "table-2.csv").unlink()
    with pytest.raises(DataError, match=message) as caught:
        load_report(folder)
    assert str(folder) in str(caught.value)


def test_a_folder_without_a_report_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError) as refused:
        load_report(tmp_path)
    assert str(refused.value) == (
        f"--report {tmp_path}: expected a folder with report.toml and table-*.csv"
    )
    (tmp_path / "report.toml").write_text('[models.a]\narchitecture = "net"')
    with pytest.raises(DataError) as without:
        load_report(tmp_path)
    assert str(without.value) == f"{tmp_path}: expected a table-NAME.csv; there is none"


def test_a_report_without_title_and_source_has_its_folders_name(folder):
    text = (folder / "report.toml").read_text()
    (folder / "report.toml").write_text(text[text.index("[models") :])
    report = load_report(folder)
    assert (report.title, report.source) == (folder.name, "")


@pytest.mark.parametrize("text", ['title = "x"', "models = 3", "[models]"])
def test_a_report_without_models_says_what_it_has(folder, text):
    (folder / "report.toml").write_text(text)
    with pytest.raises(DataError) as refused:
        load_report(folder)
    found = text.split()[0].strip("[]")
    assert str(refused.value) == (
        f"{folder / 'report.toml'}: expected title, source and [models.NAME]; got {found}"
    )


def test_two_models_of_one_recipe_are_refused(folder):
    text = (folder / "report.toml").read_text()
    again = text.replace("[models.shuffle]", "[models.twin]").split("[models.twin]")[0]
    (folder / "report.toml").write_text(
        again + '[models.twin]\narchitecture = "networks.py:small"\nlearning_rate = 0.05\n'
    )
    (folder / "table-2.csv").write_text(
        "epochs,column,model,accuracy,tolerance,place\n1,T,twin,0.2,1,r\n3,T,twin,0.2,1,r\n"
    )
    with pytest.raises(DataError) as refused:
        load_report(folder)
    assert str(refused.value) == (
        f"{folder / 'report.toml'}: expected another recipe for each model; two are the same"
    )


def test_other_code_is_another_run(folder):
    before = RunSpec(recipe=recipe_of(folder), seed=0, engine="torch")
    (folder / "networks.py").write_text(NETWORK + "\n# a comment\n")
    after = RunSpec(recipe=recipe_of(folder), seed=0, engine="torch")
    assert before.name != after.name
    assert before.name.startswith("small-seed0-")


def test_the_reports_own_runs_keep_their_digests():
    """The fields that other reports need say nothing in ours."""
    spec = RunSpec(recipe=REPORT_RECIPES["net-relu"], seed=0)
    assert spec.name == "net-relu-seed0-193bf8325dcb"
    assert spec.to_dict()["recipe"].keys() == {
        "architecture", "activation", "optimiser", "learning_rate", "momentum", "batch_size",
        "pixels", "dropout_at_prediction",
    }  # fmt: skip


@pytest.mark.parametrize("file", ["my-networks.py", "v1.2.py", "2023.py", "网络.py"])
def test_a_file_of_networks_may_have_any_name(folder, file):
    (folder / "networks.py").rename(folder / file)
    path = folder / "report.toml"
    path.write_text(path.read_text().replace("networks.py", file), encoding="utf-8")
    report = load_report(folder)
    recipe = report.recipes["small"]
    model = models.build(recipe, seed=0, code=report.code[recipe.code_sha256])
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "../b.py:f"}, "architecture: expected one of"),
        ({"architecture": "..py:f"}, "architecture: expected one of"),
        ({"architecture": "a/b.py:f"}, "architecture: expected one of"),
        ({"architecture": "os:system"}, "architecture: expected one of"),
        ({"architecture": "networks.py:small"}, "code_sha256: expected"),
        ({"architecture": "net", "code_sha256": "0" * 64}, "code_sha256: expected"),
        ({"architecture": "torchvision:vgg11", "activation": "swish"}, "has its own"),
        ({"architecture": "net", "readings": (3, 1)}, "readings: expected rising"),
        ({"architecture": "net", "readings": (0,)}, "epochs: expected an integer"),
    ],
)
def test_a_recipe_rejects_what_it_cannot_mean(change, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**change)


def test_dropout_of_ones_own_network_draws_from_the_runs_streams(folder):
    network = models.build(recipe_of(folder), seed=0, code=NETWORK)
    assert isinstance(network[2], models.SeededDropout)
    assert network.training
    again = models.build(recipe_of(folder), seed=0, code=NETWORK)
    other = models.build(recipe_of(folder), seed=1, code=NETWORK)
    assert torch.equal(network[1].weight, again[1].weight)
    assert not torch.equal(network[1].weight, other[1].weight)


TWO_DROPOUTS = (
    NETWORK
    + """
def twice():
    return nn.Sequential(
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(3072, 3072), nn.Dropout(0.5), nn.Linear(3072, 10)
    )
"""
)


def test_each_dropout_layer_has_masks_of_its_own(folder):
    """Layers of equal width would otherwise drop the same units in every batch."""
    recipe = dataclasses.replace(
        recipe_of(folder), architecture="networks.py:twice",
        code_sha256=hashlib.sha256(TWO_DROPOUTS.encode()).hexdigest(),
    )  # fmt: skip
    spec = RunSpec(recipe=recipe, seed=0, device="cpu", engine="torch", dataset="synthetic")
    trainer = Trainer(spec, synthetic(), code=TWO_DROPOUTS)
    first, second = (m for m in trainer.model.modules() if isinstance(m, models.SeededDropout))
    for epoch in (1, 2):
        trainer._reseed_dropout("dropout", epoch)
        one, other = first(torch.ones(3072)), second(torch.ones(3072))
        assert not torch.equal(one, other)
    kept = streams.kept(0, "dropout", 3072, 0.5, epoch=2)
    assert torch.equal(one > 0, torch.from_numpy(kept)), "the first layer's own stream"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("wrong", r"expected logits \(B, 10\) of images \(B, 3, 32, 32\); got \(2, 7\)"),
        ("late", "RuntimeError: not today"),
        ("absent", "absent"),
    ],
)
def test_a_network_that_is_none_is_one_line(folder, function, message):
    recipe = dataclasses.replace(recipe_of(folder), architecture=f"networks.py:{function}")
    with pytest.raises(TrainingError, match=message):
        models.build(recipe, seed=0, code=NETWORK)


CONFIGURED = """
from __future__ import annotations
from dataclasses import dataclass
from torch import nn

@dataclass
class Config:
    width: int = 8

def small():
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, Config().width), nn.Linear(8, 10))
"""


@pytest.mark.parametrize(
    "code", [CONFIGURED, CONFIGURED.replace("from __future__ import annotations", "")]
)
def test_a_file_may_define_what_files_define(folder, code):
    (folder / "networks.py").write_text(code)
    network = models.build(recipe_of(folder), seed=0, code=code)
    assert network[1].out_features == 8
    assert "networks" not in sys.modules, "no module of the user's own is hidden"


@pytest.mark.parametrize("name", ["fcn_resnet50", "raft_small", "resnet17"])
def test_of_torchvision_only_classifiers_are_taken(name):
    with pytest.raises(TrainingError, match="no classifier of this name"):
        models.build(Recipe(architecture=f"torchvision:{name}"), seed=0)


def test_a_network_that_gives_more_in_training_is_refused(folder):
    code = (
        NETWORK
        + """
class Two(nn.Linear):
    def forward(self, x):
        out = super().forward(x.flatten(1))
        return (out, out) if self.training else out

def small():
    return Two(3072, 10)
"""
    )
    (folder / "networks.py").write_text(code)
    with pytest.raises(TrainingError, match="in training it gives tuple"):
        models.build(recipe_of(folder), seed=0, code=code)


@pytest.mark.parametrize("left_on", [False, True])
def test_of_another_report_the_recipe_says_how_dropout_was_read(tmp_path, left_on):
    """What was inferred of this report holds for this one alone."""
    (tmp_path / "report.toml").write_text(
        f'[models.mine]\narchitecture = "improved"\ndropout_at_prediction = {str(left_on).lower()}\n'
    )
    (tmp_path / "table-1.csv").write_text(
        "epochs,column,model,accuracy,tolerance,place\n10,Mine,mine,0.7,0.01,p\n"
    )
    report = load_report(tmp_path)
    run = record("improved", 0, {10: 0.70})
    run = dataclasses.replace(
        run, spec=dataclasses.replace(run.spec, recipe=report.recipes["mine"])
    )
    counted, beside = judge_records(report.cells, [run], report.recipes)
    assert (counted.is_primary, counted.dropout_on, counted.mean) == (True, left_on, 0.70)
    assert (beside.is_primary, beside.dropout_on) == (False, not left_on)
    assert f"verdicts use dropout {'on' if left_on else 'off'}," in cells_foot(
        [counted, beside], "en"
    )


def test_text_of_another_report_is_text(folder):
    head = "epochs,column,model,accuracy,tolerance,place\n"
    (folder / "table-1.csv").write_text(head + "1,Net_A & 5% [/b],small,0.3,0.1,p\n")
    cells = [cell for cell in load_report(folder).cells if cell.table == "1"]
    verdicts = [judge(cell, [0.3]) for cell in cells]
    console = Console(file=io.StringIO(), width=100)
    console.print(cells_to_rich(verdicts, "en"))
    assert "Net_A & 5% [/b]" in console.file.getvalue()
    assert r"Net\_A \& 5\% [/b]" in cells_to_text(verdicts, "latex", "en")


def test_code_of_another_digest_is_not_run(folder):
    with pytest.raises(TrainingError, match="expected code with SHA-256"):
        models.build(recipe_of(folder), seed=0, code="raise SystemExit")


def test_torchvisions_resnet18_is_the_reports_resnet():
    recipe = Recipe(architecture="torchvision:resnet18")
    ours = models.build(REPORT_RECIPES["resnet"], seed=3)
    theirs = models.build(recipe, seed=3)
    theirs.load_state_dict(ours.state_dict())
    x = torch.rand(4, 3, 32, 32)
    assert torch.equal(ours.eval()(x), theirs.eval()(x))


@pytest.mark.slow
def test_a_table_of_another_report_from_end_to_end(folder, tmp_path):
    home = tmp_path / "home"
    arguments = ("table", "all", "--report", folder, "--dataset", "synthetic", "--seeds", "2")
    first = repro(home, *arguments, "--format", "json")
    assert first.returncode in {0, 1}, first.stderr
    assert "custom network: bit equality across machines untested" in first.stderr
    cells = {each["cell"]: each for each in json.loads(first.stdout)}
    assert {name: each["n"] for name, each in cells.items()} == {
        "small@1": 2, "small@3": 2, "shuffle@1": 2,
    }  # fmt: skip
    again = repro(home, *arguments, "--format", "json")
    assert again.stdout == first.stdout
    assert "trained in" not in again.stderr, "nothing is trained twice"
    records = Store(home / "store").records()
    assert len(records) == 4
    for each in records:
        assert parse(dump(each), "again") == each

    # Its own results come with a report, as ours do with the package.
    shutil.copytree(home / "store", folder / "results")
    recorded = repro(tmp_path / "nowhere", *arguments, "--recorded", "--format", "json")
    assert recorded.stdout == first.stdout

    # An audit proves what can be proved without running somebody's code.
    audited = repro(home, "audit", "small", "--minutes", "0")
    assert audited.returncode == 2, "two runs match"
    name = next(r.spec.name for r in records if r.spec.name.startswith("small-seed0"))
    audited = repro(home, "audit", name, "--minutes", "0")
    assert audited.returncode == 4, audited.stdout + audited.stderr
    assert "code of somebody's own" in " ".join(audited.stdout.split())
    refused = repro(home, "predict", name)
    assert refused.returncode == 3
    assert "code of somebody's own" in refused.stderr


@pytest.mark.slow
def test_a_run_resumes_with_its_own_code(folder, tmp_path):
    spec = RunSpec(recipe=recipe_of(folder), seed=0, engine="torch", dataset="synthetic")

    def train(store, epochs):
        return run(
            [Task(spec=spec, epochs=epochs, code=NETWORK)],
            store=store, home=tmp_path, workers=1, on_event=lambda _: None,
        )  # fmt: skip

    assert not train(tmp_path / "parts", 1)
    assert not train(tmp_path / "parts", 2)
    assert not train(tmp_path / "whole", 2)
    parts, whole = (Store(tmp_path / name).load(spec) for name in ("parts", "whole"))
    assert [e.weights_sha256 for e in parts.epochs] == [e.weights_sha256 for e in whole.epochs]
    assert [reading.epoch for reading in whole.readings] == [1]


def test_the_example_is_what_its_page_says():
    report = load_report(EXAMPLE)
    assert [(cell.name, cell.expected) for cell in report.cells] == [("tutorial@2", 0.54)]
    recipe = report.recipes["tutorial"]
    network = models.build(recipe, seed=0, code=report.code[recipe.code_sha256])
    assert parameter_count(network) == 62_006
    store = Store(EXAMPLE / "results")
    records = store.records()
    assert {each.spec.recipe for each in records} == {recipe}, "recorded with another file"
    assert len(records) >= 5
    for each in records:
        assert store.predictions(each).keys() == {"2"}


def test_the_other_resnets_were_trained_on_a_seed_that_verifies_nothing():
    """By the recipe in use, and the page shows what came out."""
    folder = ROOT / "examples" / "which-resnet"
    report, store = load_report(folder), Store(folder / "results")
    records = {each.spec.recipe: each for each in store.records()}
    assert records.keys() == set(report.recipes.values()), "recorded with another file"
    page = (folder / "README.md").read_text(encoding="utf-8")
    in_use = REPORT_RECIPES["resnet"]
    for recipe, one in records.items():
        assert (one.spec.seed, one.spec.engine, len(one.epochs)) == (100, "native", 10)
        assert store.predictions(one).keys() == {"10"}
        changes = {"architecture": in_use.architecture, "readings": (), "code_sha256": ""}
        assert dataclasses.replace(recipe, **changes) == in_use
        assert f" {one.accuracy_at(10):.4f} " in page


def test_the_other_resnets_are_the_papers_sizes():
    """0.27 million parameters (He et al. 2016, table 6); a stem of 3x3x3 instead of 7x7x3."""
    report = load_report(ROOT / "examples" / "which-resnet")
    cell = next(each for each in load_cells(packaged("expected_results")) if each.model == "resnet")
    assert {each.expected for each in report.cells} == {cell.expected}
    counts = {}
    for name, recipe in report.recipes.items():
        network = models.build(recipe, seed=0, code=report.code[recipe.code_sha256])
        counts[name] = parameter_count(network)
    of_resnet18 = parameter_count(models.build(REPORT_RECIPES["resnet"], seed=0))
    assert counts == {"resnet18-cifar": of_resnet18 - 64 * 3 * (49 - 9), "resnet20": 269_722}


def test_shortcuts_of_resnet20_have_no_parameters_and_pad_channels_with_zeros():
    report = load_report(ROOT / "examples" / "which-resnet")
    recipe = report.recipes["resnet20"]
    network = models.build(recipe, seed=0, code=report.code[recipe.code_sha256])
    first = network[0].weight  # normal, with variance 2 over 27 inputs
    assert first.std().item() == pytest.approx((2 / 27) ** 0.5, rel=0.1)
    block = next(each for each in network if getattr(each, "added", 0) == 16)
    torch.nn.init.zeros_(block.bn2.weight)
    x = torch.rand(2, 16, 8, 8)
    expected = torch.cat([x[:, :, ::2, ::2], torch.zeros(2, 16, 4, 4)], dim=1)
    assert torch.equal(block(x), expected)
