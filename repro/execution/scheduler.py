"""Which runs are trained at a time, on how many cores each, and how long that takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro.errors import UsageError, sentence
from repro.execution.devices import cores
from repro.execution.messages import AnyEvent, Failed, Job, Train
from repro.execution.processes import Executor, do_jobs
from repro.spec import Device, RunSpec
from repro.validation import check_epochs

CPU_SECONDS_PER_EPOCH: Mapping[str, float] = {"net": 2.0, "improved": 23.0, "resnet": 70.0}
"""Of the kernels, measured with a run on each of two cores of an AMD EPYC 9004 (Zen 4), validation
included. Only an estimate, and a cautious one."""

_OTHER_SECONDS = 60.0
"""Of another network: a guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Bring the run `spec` to `epochs` epochs.

    Raises:
        ValueError: epochs that are not at least 1.
    """

    spec: RunSpec
    epochs: int
    device: Device = "cpu"
    """What computes it."""
    code: str = ""
    """The file that has the network, if it is not one of the report's or of torchvision's."""

    def __post_init__(self) -> None:
        check_epochs(self.epochs)


PARALLEL_SHARE: Mapping[str, float] = {"net": 0.62, "improved": 0.86, "resnet": 0.86}
"""Part of an epoch of the kernels that more cores make shorter, in [0, 1]: so that two cores are
1.45, 1.75 and 1.75 times as fast as one, as they were on the machine above."""

MOST_THREADS = 8
"""Cores that a run is given unasked, at most. More than two were not measured."""


def seconds_per_epoch(spec: RunSpec) -> float:
    """Of a run on one core of the machine that was measured."""
    return CPU_SECONDS_PER_EPOCH.get(spec.recipe.architecture, _OTHER_SECONDS)


def estimate_s(tasks: Iterable[Task], workers: int, threads: int = 1) -> float:
    """Seconds that `tasks` take, `workers` at a time and each on `threads` cores of the machine
    that was measured."""
    costs = []
    for task in tasks:
        shared = PARALLEL_SHARE.get(task.spec.recipe.architecture, 0.0)
        alone = seconds_per_epoch(task.spec) * task.epochs
        costs.append(alone * (1 - shared + shared / threads))
    return max([sum(costs) / workers, *costs], default=0.0)


def allocate(
    tasks: Sequence[Task], *, workers: int | None = None, threads: int | None = None
) -> tuple[int, int]:
    """How many of `tasks` to do at a time on this machine's CPU, and on how many cores each.

    What is not given is chosen so that all are done soonest: one core each where runs are many,
    several each where they are few or one is much longer than the others. No bit depends on it.

    Raises:
        UsageError: several threads for runs that torch computes, which have one.
    """
    here = cores()
    if any(task.spec.engine != "kernels" for task in tasks):
        if threads not in {None, 1}:
            raise UsageError(
                sentence(
                    "--threads {threads}: expected runs of the kernels; torch computes "
                    "on one core, since its bits depend on their number",
                    threads=threads,
                )
            )
        threads = 1
    if workers is None and threads is None:
        most = min(here, MOST_THREADS)
        threads = min(
            range(1, most + 1), key=lambda each: estimate_s(tasks, max(1, here // each), each)
        )
    if workers is None:
        assert threads is not None  # noqa: S101 - chosen above
        workers = max(1, here // threads)
    workers = max(1, min(workers, len(tasks)))
    if threads is None:
        threads = max(1, min(here // workers, MOST_THREADS))
    return workers, threads


def run(
    tasks: Iterable[Task],
    *,
    store: Path,
    home: Path,
    workers: int,
    on_event: Callable[[AnyEvent], None],
    executor: Executor | None = None,
    threads: int = 1,
    cards: Sequence[int] = (0,),
) -> list[Failed]:
    """Do every task, the longest first, and return those that failed. As :func:`do_jobs`.

    A run of the kernels is computed by `threads` cores together, or with all others by a GPU; with
    one of `cards` each worker's share.
    """
    ordered = sorted(tasks, key=lambda task: -estimate_s([task], 1))
    jobs = []
    for place, (first, *others) in enumerate(_jobs(ordered, workers)):
        together = tuple((other.spec, other.epochs) for other in others)
        jobs.append(
            Job(
                spec=first.spec,
                action=Train(epochs=first.epochs, others=together, card=cards[place % len(cards)]),
                store=str(store),
                home=str(home),
                device=first.device,
                threads=threads,
                code=first.code,
            )
        )
    failures: list[Failed] = []

    def pass_on(_: Job, event: AnyEvent) -> None:
        if isinstance(event, Failed):
            failures.append(event)
        on_event(event)

    do_jobs(jobs, workers=workers, on_event=pass_on, executor=executor)
    return failures


def _jobs(tasks: Sequence[Task], workers: int) -> list[list[Task]]:
    """Tasks that one worker does at once: its share of those that the kernels compute on GPUs, of
    which each worker has one; others alone."""
    on_gpus = [task for task in tasks if task.device == "cuda" and task.spec.engine == "kernels"]
    shares = [on_gpus[worker::workers] for worker in range(workers)]
    return [*filter(None, shares), *([task] for task in tasks if task not in on_gpus)]
