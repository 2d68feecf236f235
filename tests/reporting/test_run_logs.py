from __future__ import annotations

import csv

import pytest

from repro.errors import UsageError
from repro.execution.messages import EpochDone, Finished, ReadingDone, Started, Stepped
from repro.execution.scheduler import Task
from repro.reporting.run_logs import RunLogs
from tests.examples import record

WHOLE = record(accuracies={10: 0.58}, epochs=12)
NAME = WHOLE.spec.name
IMPROVED = record("improved", accuracies={10: 0.61})
TASKS = [Task(spec=each.spec, epochs=12) for each in (WHOLE, IMPROVED)]


def tell(logs, run, since=0, until=None):
    """The events of the run's epochs after `since`."""
    logs(Started(run=run.spec.name, epoch=since))
    readings = {each.epoch: each for each in run.readings}
    for each in run.epochs[since:until]:
        logs(Stepped(run=run.spec.name, epoch=each.epoch, step=100, steps=2000, loss=2.25))
        logs(EpochDone(run=run.spec.name, record=each))
        if each.epoch in readings:
            logs(ReadingDone(run=run.spec.name, reading=readings[each.epoch]))


def rows_of(folder, name=NAME):
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_csv_file_has_a_row_an_epoch_as_soon_as_it_is_done(tmp_path):
    logs = RunLogs("csv", tmp_path, TASKS, {})
    tell(logs, WHOLE, until=3)
    rows = rows_of(tmp_path)
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert float(rows[0]["train_loss"]) == WHOLE.epochs[0].train_loss
    assert float(rows[2]["validation_accuracy"]) == WHOLE.epochs[2].validation_accuracy
    assert rows[2]["test_accuracy"] == ""
    logs(Finished(run=NAME))


def test_its_test_accuracy_stands_in_the_row_of_its_epoch(tmp_path):
    tell(RunLogs("csv", tmp_path, TASKS, {}), WHOLE)
    rows = rows_of(tmp_path)
    assert [row["test_accuracy"] for row in rows] == [""] * 9 + ["0.58"] + [""] * 2


def test_improved_net_has_its_accuracy_with_dropout_on_as_well(tmp_path):
    tell(RunLogs("csv", tmp_path, TASKS, {}), IMPROVED)
    row = rows_of(tmp_path, IMPROVED.spec.name)[9]
    reading = IMPROVED.readings[0]
    assert float(row["test_accuracy"]) == reading.accuracy_with(
        IMPROVED.spec.recipe, dropout_on=False
    )
    assert float(row["test_accuracy_dropout_on"]) == reading.accuracy_with(
        IMPROVED.spec.recipe, dropout_on=True
    )


def test_a_run_that_goes_on_has_its_earlier_epochs_in_the_log(tmp_path):
    tell(RunLogs("csv", tmp_path, TASKS, {NAME: WHOLE}), WHOLE, since=11)
    rows = rows_of(tmp_path)
    assert [row["epoch"] for row in rows] == [str(n) for n in range(1, 13)]
    assert rows[9]["test_accuracy"] == "0.58"


def test_a_process_that_is_replaced_goes_on_with_its_log(tmp_path):
    logs = RunLogs("csv", tmp_path, TASKS, {})
    tell(logs, WHOLE, until=5)
    tell(logs, WHOLE, since=4, until=6)
    assert [row["epoch"] for row in rows_of(tmp_path)] == ["1", "2", "3", "4", "5", "6"]


def test_a_run_that_begins_anew_begins_its_log_anew(tmp_path):
    tell(RunLogs("csv", tmp_path, TASKS, {}), WHOLE)
    tell(RunLogs("csv", tmp_path, TASKS, {NAME: WHOLE}), WHOLE, until=2)
    assert len(rows_of(tmp_path)) == 2


def scalars(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder / NAME))
    read.Reload()
    return {
        tag: [(e.step, round(e.value, 6)) for e in read.Scalars(tag)]
        for tag in read.Tags()["scalars"]
    }


def test_tensorboard_reads_the_curves_while_the_run_goes_on(tmp_path):
    logs = RunLogs("tensorboard", tmp_path, TASKS, {})
    tell(logs, WHOLE, until=3)
    found = scalars(tmp_path)
    assert found["loss/train"] == [(e.epoch, round(e.train_loss, 6)) for e in WHOLE.epochs[:3]]
    assert found["accuracy/validation"][2] == (3, round(WHOLE.epochs[2].validation_accuracy, 6))
    assert found["loss/batch"] == [(100, 2.25), (2100, 2.25), (4100, 2.25)]
    assert "accuracy/test" not in found
    logs.close()


def test_tensorboard_shows_each_epoch_of_a_resumed_run_once(tmp_path):
    first = RunLogs("tensorboard", tmp_path, TASKS, {})
    tell(first, WHOLE, until=11)
    first.close()
    second = RunLogs("tensorboard", tmp_path, TASKS, {NAME: WHOLE})
    tell(second, WHOLE, since=11)
    second.close()
    found = scalars(tmp_path)
    assert [step for step, _ in found["loss/train"]] == list(range(1, 13))
    assert found["accuracy/test"] == [(10, 0.58)]


def test_files_of_others_in_the_folder_stay(tmp_path):
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "notes.txt").write_text("mine")
    logs = RunLogs("tensorboard", tmp_path, TASKS, {})
    tell(logs, WHOLE, until=1)
    logs.close()
    assert (tmp_path / NAME / "notes.txt").read_text() == "mine"


def test_without_the_package_it_is_said_before_training(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(UsageError, match="pip install tensorboard"):
        RunLogs("tensorboard", tmp_path, TASKS, {})


@pytest.mark.parametrize("kind", ["csv", "tensorboard"])
def test_a_log_that_cannot_be_written_stops_no_training(tmp_path, kind):
    (tmp_path / "logs").write_text("a file, where a folder is needed")
    told = []
    logs = RunLogs(kind, tmp_path / "logs", TASKS, {}, say=told.append)
    tell(logs, WHOLE, until=3)
    logs.close()
    assert len(told) == 1
    assert "logs" in told[0]
