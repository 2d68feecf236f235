"""`repro train`, and what trains for every other command: what is missing, and only that."""

from __future__ import annotations

import dataclasses
import platform
import time
from collections.abc import Callable, Sequence

from rich.console import RenderableType

from repro.commands.context import Session
from repro.determinism import guarantee
from repro.errors import ReproError, UsageError, sentence, told_by
from repro.execution.devices import choose_engine, default_workers, gpu_names, try_gpus
from repro.execution.messages import ReadingDone
from repro.execution.scheduler import Task, allocate, estimate_s, run
from repro.paths import home
from repro.reporting.language import Language, choose, translate
from repro.reporting.progress import RunDisplay
from repro.reporting.progress_texts import agreement_line, duration
from repro.reporting.run_logs import logged, place_of_logs
from repro.runs.comparison import Comparison
from repro.runs.locations import recorded_store, user_store
from repro.runs.records import RunRecord, is_complete
from repro.runs.store import Store
from repro.spec import (
    DROPOUT,
    Activation,
    Architecture,
    DatasetName,
    Device,
    EngineChoice,
    Recipe,
    RunSpec,
)


def train_missing(
    session: Session,
    store: Store,
    tasks: Sequence[Task],
    *,
    recorded: Store | None = None,
    every_epoch: bool = False,
    above: Callable[[], RenderableType] | None = None,
    beside: Callable[[ReadingDone], str] | None = None,
) -> list[ReproError]:
    """Do the tasks that `store` lacks; return an error for each that failed.

    What is trained is compared with `recorded`, the package's own runs unless others are given.
    `every_epoch`, `above` and `beside` are for :class:`RunDisplay`, which shows how far it is.

    Raises:
        DataError: the data set cannot be had, or the store not be read.
    """
    done, todo = _missing(store, tasks)
    if not todo:
        return []
    at_a_time, threads, slots = _places(session, todo)
    if session.cluster is None:
        if any(task.spec.dataset == "cifar10" for task in todo):
            session.fetch_data()
    else:  # whose nodes fetch the data that they need
        session.say(
            choose(
                session.lang,
                en=f"a Ray cluster of {session.cluster.nodes} nodes, with room for {slots} at once",
                zh=f"Ray 集群：{session.cluster.nodes} 个节点，最多可同时训练 {slots} 个",
            )
        )
    card = _card(session, todo)
    cards = [0] if card is None else [number for number, _ in try_gpus()[0]]
    session.say(_announcement(todo, done, at_a_time, threads, card, session.lang))
    if session.log_to:
        where = place_of_logs(session.log_to, session.log_folder)
        session.say(choose(session.lang, en=f"logs: {where}", zh=f"日志：{where}"))
    began = time.monotonic()
    comparison = Comparison(recorded or recorded_store(), [task.spec for task in todo])
    with (
        RunDisplay(
            session.console,
            todo,
            quiet=session.quiet,
            every_epoch=every_epoch,
            above=above,
            beside=beside,
            compare=comparison.add,
            lang=session.lang,
        ) as shown,
        logged(shown, session.log_to, session.log_folder, todo, done, session.say) as on_event,
    ):
        failures = run(
            todo, store=store.root, home=home(), workers=at_a_time, threads=threads,
            on_event=on_event, executor=session.cluster, cards=cards,
        )  # fmt: skip
    if failures:
        text = choose(
            session.lang,
            en=f"{len(failures)} of {len(todo)} runs failed; run the same command again to resume",
            zh=f"{len(todo)} 次训练中有 {len(failures)} 次失败；再次运行同一命令即可继续",
        )
        session.console.print(text, highlight=False)
    else:
        took = duration(time.monotonic() - began, session.lang)
        session.say(choose(session.lang, en=f"trained in {took}", zh=f"训练用时 {took}"))
    agreement = comparison.summary(
        record for task in todo if (record := store.load(task.spec)) is not None
    )
    if agreement and (comparison.differs or not session.quiet):
        line = agreement_line(agreement, session.lang)
        session.console.print(line, markup=False, highlight=False, soft_wrap=True)
    return [failure.error() for failure in failures]


def plan(session: Session, store: Store, tasks: Sequence[Task]) -> list[str]:
    """What :func:`train_missing` would do: a line for each run, and its announcement.

    Raises:
        DataError: the store cannot be read.
    """
    done, todo = _missing(store, tasks)
    if not todo:
        return [
            choose(
                session.lang,
                en="nothing to train: every run is there",
                zh="无需训练：所需的训练记录都已存在",
            )
        ]
    at_a_time, threads, _ = _places(session, todo)
    lines = []
    for task in todo:
        first = len(record.epochs) + 1 if (record := done[task.spec.name]) else 1
        epochs = choose(
            session.lang,
            en=f"epochs {first} to {task.epochs}",
            zh=f"第 {first} 至 {task.epochs} 轮",
        )
        lines.append(f"{task.spec.name}: {epochs}")
    card = _card(session, todo)
    return [*lines, _announcement(todo, done, at_a_time, threads, card, session.lang)]


def _card(session: Session, todo: Sequence[Task]) -> str | None:
    """The names of this machine's cards if they train; None on a CPU or elsewhere."""
    return gpu_names() if todo[0].device == "cuda" and session.cluster is None else None


def _missing(store: Store, tasks: Sequence[Task]) -> tuple[dict[str, RunRecord | None], list[Task]]:
    """What there is of each run, by its name, and the tasks that are not done."""
    done = {task.spec.name: store.load(task.spec) for task in tasks}
    todo = [
        task
        for task in tasks
        if (record := done[task.spec.name]) is None or not is_complete(record, task.epochs)
    ]
    return done, todo


def _places(session: Session, todo: Sequence[Task]) -> tuple[int, int, int]:
    """How many runs at a time, how many cores each, and how many the device has room for.

    Raises:
        UsageError: cores were asked for where runs have none of their own.
    """
    device = todo[0].device
    if session.cluster is None and device == "cpu":
        at_a_time, threads = allocate(todo, workers=session.workers, threads=session.threads)
        return at_a_time, threads, at_a_time
    if session.threads is not None:
        raise UsageError(sentence("--threads: expected runs on the CPU of this machine"))
    slots = session.cluster.slots(device) if session.cluster else default_workers(device)
    return min(session.workers or slots, len(todo)), 1, slots


def train_one(session: Session, task: Task) -> tuple[RunRecord | None, list[ReproError]]:
    """Bring one run of the user's store to its epochs; return its record, and what failed."""
    store = user_store()
    failures = train_missing(session, store, [task], every_epoch=True)
    return store.load(task.spec), failures


def _announcement(
    todo: Sequence[Task],
    done: dict[str, RunRecord | None],
    at_a_time: int,
    threads: int,
    card: str | None = None,
    lang: Language = "en",
) -> str:
    """What will be done, what its bits may be relied on for, and how long that took elsewhere."""
    spec = todo[0].spec
    device = todo[0].device
    guaranteed = guarantee(spec.device, spec.engine, platform.machine())
    together = device == "cuda" and spec.engine == "kernels"
    if len(todo) == 1:
        text = choose(lang, en="1 run", zh="1 次训练")
    elif together:
        text = choose(lang, en=f"{len(todo)} runs together", zh=f"{len(todo)} 次训练同批进行")
    else:
        text = choose(
            lang,
            en=f"{len(todo)} runs, {at_a_time} at a time",
            zh=f"{len(todo)} 次训练（同时进行 {at_a_time} 次）",
        )
    on = card or device
    cores = "" if threads == 1 else choose(lang, en=f"{threads} cores of the ", zh=f"{threads} 核 ")
    text += choose(
        lang, en=f", on {cores}{on} ({spec.engine})", zh=f"，使用 {cores}{on}（{spec.engine}）"
    )
    known = all(task.spec.recipe.is_reports for task in todo)
    if known:
        level, kept = guaranteed.level, translate(guaranteed.text, lang)
        text += choose(
            lang,
            en=f", level {level}: {kept}",
            zh=f"，确定性等级 {level}：{kept}",
        )
    else:
        text += choose(
            lang,
            en="; custom network: bit equality across machines untested",
            zh="；自定义网络：未检验过不同机器上的结果是否逐位相同",
        )
    if device != "cpu" or spec.dataset != "cifar10" or not known:
        return text
    rest = []
    for task in todo:
        record = done[task.spec.name]
        left = task.epochs - (len(record.epochs) if record else 0)
        if left > 0:
            rest.append(dataclasses.replace(task, epochs=left))
    seconds = estimate_s(rest, at_a_time, threads)
    about = duration(seconds, lang)
    return choose(
        lang,
        en=f"{text}\nabout {about} (estimated from an AMD EPYC 9004)",
        zh=f"{text}\n预计约 {about}（按 AMD EPYC 9004 的速度估算）",
    )


def make_task(
    recipe: Recipe,
    seed: int,
    epochs: int,
    device: Device,
    engine: EngineChoice,
    dataset: DatasetName,
    *,
    code: str = "",
) -> Task:
    """One run, by the engine that is chosen for its network."""
    chosen = choose_engine(engine, recipe, device)
    where: Device = "cpu" if chosen == "kernels" and device == "cuda" else device
    spec = RunSpec(recipe=recipe, seed=seed, device=where, engine=chosen, dataset=dataset)
    return Task(spec=spec, epochs=epochs, device=device, code=code)


def task_for(
    model: Architecture,
    activation: Activation,
    *,
    dropout: float = DROPOUT,
    seed: int,
    epochs: int,
    device: Device,
    engine: EngineChoice,
    dataset: DatasetName,
) -> Task:
    """One network to train with the report's recipe.

    Raises:
        UsageError: a value that no run can have.
    """
    try:
        recipe = Recipe(architecture=model, activation=activation, dropout=dropout)
        return make_task(recipe, seed, epochs, device, engine, dataset)
    except ValueError as error:
        raise UsageError(told_by(error)) from None
