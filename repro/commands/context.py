"""What every command begins with: whom to speak to, where to train, and the data."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from repro.data.dataset import default_folder
from repro.data.sources import Source, fetch, plan
from repro.errors import sentence
from repro.execution.devices import choose_device
from repro.execution.ray_cluster import RayCluster
from repro.paths import home
from repro.reporting.language import Language, choose
from repro.reporting.notebook import Bar, NotebookBars, in_notebook
from repro.reporting.run_logs import LogFormat
from repro.reporting.sentences import in_language
from repro.runs.locations import recorded_store, user_store
from repro.runs.selection import DeviceChoice
from repro.spec import Device, EngineChoice
from repro.verdicts.evidence import Evidence, evidence_of

_UNITS = {
    "bytes": (1e6, "MB", "MB"),
    "images": (1, "images", "张图像"),
    "checks": (1, "checks", "项核查"),
}
"""How many make one that is shown, and what it is called in English and in Chinese."""


@contextmanager
def bar(
    console: Console,
    text: str,
    unit: Literal["bytes", "images", "checks"],
    lang: Language = "en",
) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on a terminal; the function that it gives takes what is done and in all."""
    if in_notebook() and not console.quiet and not console.is_terminal:
        bars = NotebookBars()
        scale, english, chinese = _UNITS[unit]
        word, of = choose(lang, en=english, zh=chinese), choose(lang, en=" of ", zh=" / ")

        def update(done: int, total: int | None) -> None:
            share = done / total if total else None
            whole = f"{of}{total / scale:.0f}" if total else ""
            bars.show([Bar(text, share, f"{done / scale:.0f}{whole} {word}")], now=done == total)

        yield update
        return
    amount = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(text, total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """How to speak with the person and in which language, how many runs to do at a time and on how
    many cores each (None: so that all are done soonest), where (None: on this machine), and which
    logs of them to write, into which folder."""

    console: Console
    lang: Language = "en"
    quiet: bool = False
    workers: int | None = None
    threads: int | None = None
    cluster: RayCluster | None = None
    log_to: LogFormat | None = None
    log_folder: Path = Path("logs")

    @property
    def progress_console(self) -> Console:
        """Where progress bars go: nowhere, if the session is quiet."""
        return Console(quiet=True) if self.quiet else self.console

    def say(self, text: str) -> None:
        """Print one line, unless the session is quiet."""
        if not self.quiet:
            self.console.print(
                in_language(text, self.lang), markup=False, highlight=False, soft_wrap=True
            )

    def device(self, choice: DeviceChoice) -> Device:
        """Resolve "auto" for where this session trains.

        Raises:
            UsageError: a device that is not there.
        """
        if self.cluster is None:
            return choose_device(choice)
        device: Device = (
            ("cuda" if self.cluster.has_gpu() else "cpu") if choice == "auto" else choice
        )
        self.cluster.slots(device)
        return device

    def fetch_data(self, sources: list[Source] | None = None) -> Path:
        """Bring CIFAR-10 to its place unless it is there, and return the place.

        Without `sources`, from the one that REPRO_CIFAR10_SOURCE names, or from the usual ones.

        Raises:
            DataError: no source had it.
        """
        if sources is None:
            sources = plan(os.environ.get("REPRO_CIFAR10_SOURCE"))
        folder = default_folder(home())
        download = choose(self.lang, en="download", zh="下载")
        with bar(self.progress_console, download, "bytes", self.lang) as update:
            fresh = fetch(
                folder,
                sources,
                say=lambda text: self.say(sentence("CIFAR-10: {text}", text=text)),
                progress=update,
            )
        own = next((each.place for each in sources if each.kind == "path"), None)
        how = choose(
            self.lang,
            en=f"{'' if fresh else 'already '}downloaded and verified, in {folder}",
            zh=f"{'已下载并校验' if fresh else '此前已下载并校验'}，位于 {folder}",
        )
        if own and not fresh:
            how += choose(
                self.lang,
                en=f"; {own} was ignored: the data are already installed",
                zh=f"；未使用 {own}：数据集已经安装",
            )
        self.say(choose(self.lang, en=f"CIFAR-10: {how}", zh=f"CIFAR-10：{how}"))
        return folder


def evidence(
    recorded: bool, device: DeviceChoice = "auto", engine: EngineChoice = "auto"
) -> Evidence:
    """All runs of the report's recipe in one place: the user's or, `recorded`, ours."""
    store = recorded_store() if recorded else user_store()
    place = device if recorded else choose_device(device)
    return evidence_of(store, store.records(), place, engine)
