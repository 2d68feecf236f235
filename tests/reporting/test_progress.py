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
from repro.reporting.progress import RunDisplay
from repro.reporting.progress_texts import agreement_line, duration, epoch_news
from repro.runs.comparison import Agreement, EpochNews
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


@pytest.mark.parametrize(
    ("seconds", "text"), [(89, "89 秒"), (90, "2 分钟"), (5400, "1 小时 30 分钟")]
)
def test_durations_have_chinese_units(seconds, text):
    assert duration(seconds, "zh") == text


@pytest.mark.parametrize(
    ("news", "english", "chinese"),
    [
        (
            EpochNews(1, None),
            "epoch 1: the weights of the recorded run, bit for bit",
            "第 1 轮：权重与随包记录逐位相同",
        ),
        (
            EpochNews(3, "weights"),
            "epoch 3: other weights than the recorded run's",
            "第 3 轮：权重与随包记录不同",
        ),
        (
            EpochNews(3, "train_loss", ("2.7", "a CPU")),
            "epoch 3: other train_loss than the recorded run's, which was trained with torch 2.7 "
            "on a CPU",
            "第 3 轮：train_loss 与随包记录不同（该记录由 torch 2.7 在 a CPU 上训练）",
        ),
    ],
)
def test_an_epoch_is_held_to_the_recorded_one_in_both_languages(news, english, chinese):
    assert epoch_news(news, "en") == english
    assert epoch_news(news, "zh") == chinese


@pytest.mark.parametrize(
    ("found", "english", "chinese"),
    [
        (
            Agreement(1, 10, ()),
            "compared with the recorded run: the same weights after each of 10 epochs, bit for bit",
            "与 1 个随包记录对比：全部 10 轮之后的权重逐位相同",
        ),
        (
            Agreement(2, 20, (("x", 4),)),
            "compared with 2 recorded runs: x differs from epoch 4 on, 1 run agrees",
            "与 2 个随包记录对比：x 从第 4 轮起不同，其余 1 个相同",
        ),
        (
            Agreement(3, 30, (("x", 4),)),
            "compared with 3 recorded runs: x differs from epoch 4 on, 2 runs agree",
            "与 3 个随包记录对比：x 从第 4 轮起不同，其余 2 个相同",
        ),
    ],
)
def test_runs_are_held_to_the_recorded_ones_in_both_languages(found, english, chinese):
    assert agreement_line(found, "en") == english
    assert agreement_line(found, "zh") == chinese


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
    failed = Failed(run=SPEC.name, message="the disk is full [/red]", problem="data")
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


def test_progress_is_told_in_chinese():
    lines = shown(
        *whole_run(), lang="zh", every_epoch=True, compare=lambda *_: EpochNews(1, None)
    ).splitlines()
    assert lines[0] == ("第 1/10 轮：训练损失 2.0000，最后一批 1.5000，验证精度 0.5000；剩余 0 秒")
    assert lines[1] == "net relu，种子 0：第 1 轮：权重与随包记录逐位相同"
    assert lines[-1] == "net relu，种子 0：10 轮后的测试精度为 0.5800"
    resumed = shown(Started(run=SPEC.name, epoch=4), lang="zh")
    assert resumed == "net relu，种子 0：已完成 4 轮，继续训练\n"
    bars = shown(*list(whole_run())[:2], lang="zh", terminal=True)
    assert "第 1 轮，损失 1.250" in bars
    failed = Failed(run=SPEC.name, message="the disk is full", problem="data")
    assert shown(failed, lang="zh") == f"失败：{SPEC.name}：the disk is full\n"
