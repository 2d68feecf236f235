"""`repro runs`, and stores that are damaged or of another version."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from repro.data.dataset import synthetic
from repro.runs.store import Store
from tests.command_line.shell import ROOT, complains, environment, repro
from tests.examples import record


def test_best_epochs_say_what_they_cannot_do_and_when_there_are_none(home):
    assert "no runs in" in repro(home, "runs", "best", "--format", "md").stdout
    complains(repro(home, "runs", "--format", "json", "best"), 2, "expected rich or md")
    shown = repro(home, "runs", "best", "--recorded").stdout
    first, second, *_ = shown.splitlines()
    assert first.split() == ["Best", "Final"]
    assert second.split() == [
        "Run", "Epochs", "Best", "val.", "val.", "Test", "Other", "Epoch",
    ]  # fmt: skip


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


def test_options_of_runs_hold_for_what_follows(home):
    name = json.loads(
        repro(home, "runs", "--recorded", "--format", "json", "show", "net-relu-seed0").stdout
    )["run"]
    assert name in repro(home, "runs", "--recorded").stdout


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
