"""What a person sees of runs under way: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from repro.execution.messages import (
    AnyEvent,
    EpochDone,
    Failed,
    Finished,
    Noted,
    ReadingDone,
    Started,
    Stepped,
)
from repro.execution.scheduler import Task, estimate_s
from repro.reporting.language import Language, choose
from repro.reporting.notebook import Bar, NotebookBars, in_notebook
from repro.reporting.progress_texts import duration, epoch_news
from repro.reporting.sentences import in_language
from repro.runs.comparison import EpochNews
from repro.runs.records import EpochRecord

_LINE_EVERY_S = 60.0


class RunDisplay:
    """Shows `tasks` while they run; give it every event.

    `above` renders what stands over the bars and is asked again after every reading; `beside` adds
    to the line that a reading gets; `compare` may have a line to say of an epoch. With
    `every_epoch` each epoch gets a line that stays, but not in a notebook, which has one line that
    changes.
    """

    def __init__(
        self,
        console: Console,
        tasks: Sequence[Task],
        *,
        quiet: bool = False,
        every_epoch: bool = False,
        above: Callable[[], RenderableType] | None = None,
        beside: Callable[[ReadingDone], str] | None = None,
        compare: Callable[[str, EpochRecord], EpochNews | None] | None = None,
        lang: Language = "en",
    ) -> None:
        self._console, self._quiet, self._every_epoch = console, quiet, every_epoch
        self._lang, self._colon = lang, choose(lang, en=": ", zh="：")
        self._above, self._beside, self._compare = above, beside, compare
        self._tasks = {task.spec.name: task for task in tasks}
        self._began: dict[str, tuple[float, float]] = {}
        self._last_line = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=console,
            expand=True,
        )
        self._bars: dict[str, TaskID] = {
            name: self._progress.add_task(
                self._label(task),
                total=task.epochs,
                start=False,
                state=choose(lang, en="waiting", zh="等待中"),
                visible=False,
            )
            for name, task in self._tasks.items()
        }
        self._all: TaskID | None = None
        self._done: dict[str, float] = {}
        if len(tasks) > 1:
            work = sum(estimate_s([task], 1) for task in tasks)
            self._all = self._progress.add_task(
                choose(lang, en="all runs", zh="全部训练"), total=work, state=""
            )
        self._live: Live | None = None
        self._notebook: NotebookBars | None = None
        self._validation: dict[str, str] = {}

    def __enter__(self) -> RunDisplay:
        if self._console.is_terminal and not self._quiet:
            self._live = Live(
                self._render(), console=self._console, transient=True, refresh_per_second=4
            )
            self._live.start()
        elif in_notebook() and not self._quiet:
            self._notebook = NotebookBars()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, event: AnyEvent) -> None:
        self._take(event)
        if self._notebook:
            self._notebook.show(self._bars_now(), now=isinstance(event, Finished))

    def _take(self, event: AnyEvent) -> None:
        if isinstance(event, Failed):
            self._console.print(
                Text.assemble(
                    (choose(self._lang, en="failed: ", zh="失败："), "red"),
                    f"{event.run}{self._colon}{in_language(event.message, self._lang)}",
                ),
                soft_wrap=True,
            )
        if isinstance(event, Noted):  # that a run begins anew should not be found out later
            self._line(f"{event.run}{self._colon}{in_language(event.message, self._lang)}")
        if self._quiet:
            return
        if isinstance(event, Started):
            self._start(event)
        elif isinstance(event, Stepped):
            done = event.epoch - 1 + event.step / event.steps
            validation = self._validation.get(event.run, "")
            state = choose(
                self._lang,
                en=f"epoch {event.epoch}, loss {event.loss:.3f}{validation}",
                zh=f"第 {event.epoch} 轮，损失 {event.loss:.3f}{validation}",
            )
            self._advance(event.run, done, state)
        elif isinstance(event, EpochDone):
            self._epoch(event)
            if self._compare and (news := self._compare(event.run, event.record)):
                self._say_of(event.run, epoch_news(news, self._lang))
            if event.record.epoch == self._tasks[event.run].epochs:
                self._finish(event.run)
        elif isinstance(event, ReadingDone):
            reading = event.reading
            beside = self._beside(event) if self._beside else ""
            self._say_of(
                event.run,
                choose(
                    self._lang,
                    en=f"test accuracy {reading.accuracy:.4f} after {reading.epoch} epochs{beside}",
                    zh=f"{reading.epoch} 轮后的测试精度为 {reading.accuracy:.4f}{beside}",
                ),
            )
            if self._live:
                self._live.update(self._render())
        elif isinstance(event, Finished):
            self._finish(event.run)

    def _finish(self, run: str) -> None:
        self._advance(run, self._tasks[run].epochs, choose(self._lang, en="done", zh="完成"))
        self._progress.update(self._bars[run], visible=False)

    def _render(self) -> RenderableType:
        """Bars, under what stands above them if the terminal is high enough for both."""
        if not self._above:
            return self._progress
        above = self._above()
        bars = sum(task.visible for task in self._progress.tasks)
        lines = len(self._console.render_lines(above)) + bars + 1
        return Group(above, self._progress) if lines < self._console.height else self._progress

    def _bars_now(self) -> list[Bar]:
        """What runs now and, of several runs, all; when all are done, the last state."""
        tasks = self._progress.tasks
        return [
            Bar(
                task.description,
                task.percentage / 100,
                str(task.fields["state"])
                + (self._left(seconds) if (seconds := task.time_remaining) else ""),
            )
            for task in [task for task in tasks if task.visible] or tasks
        ]

    def _left(self, seconds: float) -> str:
        """The time left, after a semicolon."""
        left = duration(seconds, self._lang)
        return choose(self._lang, en=f"; {left} left", zh=f"；剩余 {left}")

    def _line(self, text: str) -> None:
        self._last_line = time.monotonic()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _start(self, event: Started) -> None:
        self._began[event.run] = time.monotonic(), event.epoch
        bar = self._bars[event.run]
        self._progress.start_task(bar)
        self._progress.update(bar, visible=True)
        self._advance(event.run, event.epoch, "")
        if event.epoch:
            resumed = choose(
                self._lang,
                en=f"resuming after epoch {event.epoch}",
                zh=f"已完成 {event.epoch} 轮，继续训练",
            )
            self._say_of(event.run, resumed)

    def _advance(self, run: str, epochs: float, state: str) -> None:
        self._progress.update(self._bars[run], completed=epochs, state=state)
        if self._all is not None:
            task = self._tasks[run]
            done = estimate_s([task], 1) * epochs / task.epochs
            # The difference, not the sum over all: a cluster may have thousands of runs.
            self._progress.advance(self._all, done - self._done.get(run, 0.0))
            self._done[run] = done

    def _epoch(self, event: EpochDone) -> None:
        record, task = event.record, self._tasks[event.run]
        began, first = self._began.get(event.run, (time.monotonic(), 0))
        pace = (time.monotonic() - began) / max(record.epoch - first, 1)
        left = self._left(pace * (task.epochs - record.epoch))
        at = choose(
            self._lang,
            en=f"epoch {record.epoch}/{task.epochs}",
            zh=f"第 {record.epoch}/{task.epochs} 轮",
        )
        if self._notebook:
            self._validation[event.run] = choose(
                self._lang,
                en=f", validation {record.validation_accuracy:.4f}",
                zh=f"，验证精度 {record.validation_accuracy:.4f}",
            )
        elif self._every_epoch:
            self._line(
                choose(
                    self._lang,
                    en=f"{at}: train loss {record.train_loss:.4f}, "
                    f"last batch {record.last_batch_loss:.4f}, "
                    f"validation {record.validation_accuracy:.4f}{left}",
                    zh=f"{at}：训练损失 {record.train_loss:.4f}，"
                    f"最后一批 {record.last_batch_loss:.4f}，"
                    f"验证精度 {record.validation_accuracy:.4f}{left}",
                )
            )
        elif not self._live and time.monotonic() - self._last_line > _LINE_EVERY_S:
            self._say_of(event.run, f"{at}{left}")

    def _say_of(self, run: str, text: str) -> None:
        self._line(f"{self._label(self._tasks[run])}{self._colon}{text}")

    def _label(self, task: Task) -> str:
        recipe, seed = task.spec.recipe, task.spec.seed
        activation = f" {recipe.activation}" if recipe.architecture == "net" else ""
        seeded = choose(self._lang, en=f", seed {seed}", zh=f"，种子 {seed}")
        return f"{recipe.architecture.rpartition(':')[2]}{activation}{seeded}"
