"""Progress in a notebook: one output that changes, whatever the number of epochs."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest
from rich.console import Console

from repro import api
from repro.commands.context import bar
from repro.execution.messages import EpochDone, Finished, ReadingDone, Started, Stepped
from repro.execution.scheduler import Task
from repro.reporting import notebook
from repro.reporting.notebook import Bar, NotebookBars, in_notebook
from repro.reporting.progress import RunDisplay
from tests.examples import record

ONE = record(accuracies={10: 0.58}, epochs=100)
OTHER = record(seed=1, accuracies={10: 0.58})


class Cell:
    """What IPython would put below a cell: an item for each output, its last content."""

    def __init__(self):
        self.outputs, self.updates = [], 0

    def display(self, content, *, raw, display_id):
        assert raw
        assert display_id is True
        place = len(self.outputs)
        self.outputs.append(content)

        def update(content, *, raw):
            assert raw
            self.outputs[place] = content
            self.updates += 1

        return SimpleNamespace(update=update)


@pytest.fixture
def cell(monkeypatch):
    found = Cell()
    shell = SimpleNamespace(kernel=object())
    ipython = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=found.display))
    monkeypatch.setattr(notebook, "_EVERY_S", 0.0)
    return found


def test_a_kernel_is_a_notebook_and_a_shell_is_none(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
    for shell, found in (
        (None, False),
        (SimpleNamespace(), False),
        (SimpleNamespace(kernel=1), True),
    ):
        ipython = SimpleNamespace(get_ipython=lambda shell=shell: shell)
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        assert in_notebook() is found


def events(run):
    yield Started(run=run.spec.name, epoch=0)
    for epoch in run.epochs:
        yield Stepped(run=run.spec.name, epoch=epoch.epoch, step=50, steps=100, loss=1.25)
        yield EpochDone(run=run.spec.name, record=epoch)
    yield ReadingDone(run=run.spec.name, reading=run.readings[0])
    yield Finished(run=run.spec.name)


def shown(runs, **options):
    console = Console(file=io.StringIO(), width=80, force_jupyter=False)
    tasks = [Task(spec=run.spec, epochs=len(run.epochs)) for run in runs]
    with RunDisplay(console, tasks, **options) as display:
        for run in runs:
            for event in events(run):
                display(event)
    return console.file.getvalue()


def test_a_hundred_epochs_are_one_output_and_no_line_each(cell):
    said = shown([ONE], every_epoch=True)
    assert said == "net relu, seed 0: test accuracy 0.5800 after 10 epochs\n"
    assert len(cell.outputs) == 1
    assert cell.updates > 100
    assert cell.outputs[0]["text/plain"] == "net relu, seed 0 100% done"
    assert 'value="1.0000"' in cell.outputs[0]["text/html"]


def test_several_runs_have_a_bar_each_and_one_for_all(cell):
    shown([ONE, OTHER])
    assert len(cell.outputs) == 1
    assert cell.outputs[0]["text/plain"].startswith("all runs 100%")


def test_the_state_has_loss_and_validation(cell):
    console = Console(file=io.StringIO(), force_jupyter=False)
    with RunDisplay(console, [Task(spec=ONE.spec, epochs=10)], every_epoch=True) as display:
        for event, _ in zip(events(ONE), range(4), strict=False):
            display(event)
    assert "15% epoch 2, loss 1.250, validation 0.5000" in cell.outputs[0]["text/plain"]


@pytest.mark.parametrize(("lang", "said"), [("en", "; 2 min left"), ("zh", "；剩余 2 分钟")])
def test_the_time_left_is_in_the_language_of_the_display(cell, monkeypatch, lang, said):
    monkeypatch.setattr("rich.progress.Task.time_remaining", 120)
    console = Console(file=io.StringIO(), force_jupyter=False)
    tasks = [Task(spec=ONE.spec, epochs=10)]
    with RunDisplay(console, tasks, every_epoch=True, lang=lang) as display:
        for event, _ in zip(events(ONE), range(3), strict=False):
            display(event)
    assert cell.outputs[0]["text/plain"].endswith(said)


def test_a_quiet_one_and_a_terminal_show_no_output(cell):
    assert shown([ONE], quiet=True) == ""
    with RunDisplay(Console(file=io.StringIO(), force_terminal=True), []):
        pass
    assert cell.outputs == []


def test_no_more_than_four_times_a_second(cell, monkeypatch):
    monkeypatch.setattr(notebook, "_EVERY_S", 60.0)
    bars = NotebookBars()
    for n in range(100):
        bars.show([Bar("a", n / 100)])
    assert cell.updates == 0
    bars.show([Bar("a", 1.0, "done")], now=True)
    assert cell.outputs[-1]["text/plain"] == "a 100% done"
    bars.show([], now=True)
    assert cell.outputs[-1]["text/plain"] == "a 100% done"


def test_text_is_no_html(cell):
    NotebookBars().show([Bar("<b>", None, "1 < 2")])
    assert cell.outputs[0] == {
        "text/html": "&lt;b&gt; <progress></progress> 1 &lt; 2",
        "text/plain": "<b> 1 < 2",
    }


def test_what_a_function_prints_is_plain_text(cell, monkeypatch):
    """A kernel's stdout says that it is a terminal; control codes would stay in the cell."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert not api._session(quiet=False).console.is_terminal


def test_a_bar_counts_in_chinese_too(cell):
    console = Console(file=io.StringIO(), force_jupyter=False)
    with bar(console, "导出", "images", "zh") as update:
        update(30_000, 60_000)
    assert cell.outputs[0]["text/plain"] == "导出  50% 30000 / 60000 张图像"


def test_a_download_is_one_output(cell):
    console = Console(file=io.StringIO(), force_jupyter=False)
    with bar(console, "download", "bytes") as update:
        update(0, None)
        update(81_000_000, 162_000_000)
        assert cell.outputs[0]["text/plain"] == "download  50% 81 of 162 MB"
        update(162_000_000, 162_000_000)
    with bar(Console(quiet=True), "download", "bytes") as update:
        update(1, 2)
    assert len(cell.outputs) == 1
