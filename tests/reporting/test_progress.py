from __future__ import annotations

import io

import pytest
from rich.console import Console

from repro.execution.messages import (
    EpochDone,
    Failed,
    Finished,
    Noted,
    ReadingDone,
    Started,
    Stepped,
)
from repro.execution.scheduler import Task
from repro.reporting import progress
from repro.reporting.progress import RunDisplay, duration
from tests.examples import record

ONE = record(accuracies={10: 0.58})
SPEC = ONE.spec


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (89, "89 s"),
        (90, "2 min"),
        (3600, "60 min"),
        (5400, "1 h 30 min"),
        (9000, "2 h 30 min"),
    ],
)
def test_durations_are_for_a_person(seconds, text):
    assert duration(seconds) == text


def shown(*events, terminal=False, **options):
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal)
    with RunDisplay(console, [Task(spec=SPEC, epochs=10)], **options) as display:
        for event in events:
            display(event)
    return console.file.getvalue()


def whole_run():
    yield Started(run=SPEC.name, epoch=0)
    for epoch in ONE.epochs:
        yield Stepped(run=SPEC.name, epoch=epoch.epoch, step=50, steps=100, loss=1.25)
        yield EpochDone(run=SPEC.name, record=epoch)
    yield ReadingDone(run=SPEC.name, reading=ONE.readings[0])
    yield Finished(run=SPEC.name)


def test_without_a_terminal_only_lines_that_matter_are_printed():
    assert shown(*whole_run()) == "net relu, seed 0: test accuracy 0.5800 after 10 epochs\n"


def test_a_long_silence_is_broken_by_a_line_with_the_time_left(monkeypatch):
    clock = iter(range(0, 100_000, 70))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    text = shown(*whole_run())
    assert "net relu, seed 0: epoch 1/10; " in text
    assert text.count(" left\n") == 10


def test_training_alone_prints_every_epoch():
    lines = shown(*whole_run(), every_epoch=True).splitlines()
    assert (
        lines[0] == "epoch 1/10: train loss 2.0000, last batch 1.5000, validation 0.5000; 0 s left"
    )
    assert len(lines) == 11


def test_quiet_is_quiet_but_for_failures_and_what_a_person_should_know():
    noted = Noted(run=SPEC.name, message="begins anew, the old run is kept")
    assert shown(noted, quiet=True) == f"{SPEC.name}: begins anew, the old run is kept\n"
    assert shown(*whole_run(), quiet=True) == ""
    failed = Failed(run=SPEC.name, message="the disk is full [/red]", exit_code=3)
    assert shown(failed, quiet=True) == f"failed: {SPEC.name}: the disk is full [/red]\n"


def test_a_terminal_gets_a_bar_and_what_stands_above_it():
    text = shown(*list(whole_run())[:3], terminal=True, above=lambda: "TABLE")
    assert "TABLE" in text
    assert "net relu, seed 0" in text


def test_on_a_low_terminal_the_bars_stay_and_the_table_waits():
    text = shown(*list(whole_run())[:3], terminal=True, above=lambda: "TABLE\n" * 40)
    assert "TABLE" not in text
    assert "net relu, seed 0" in text


def test_a_reading_stands_beside_the_reports_figure():
    text = shown(*whole_run(), beside=lambda event: f" (report 0.5744, run {event.run[:8]})")
    assert text.endswith("after 10 epochs (report 0.5744, run net-relu)\n")


def test_a_resumed_run_and_notes_are_said():
    text = shown(Started(run=SPEC.name, epoch=4), Noted(run=SPEC.name, message="starts anew"))
    assert "resuming after epoch 4" in text
    assert "starts anew" in text
