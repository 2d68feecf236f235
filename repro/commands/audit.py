"""`repro audit` and `repro doctor`: what runs and machines are held to."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from repro.commands.context import Session, bar
from repro.execution.audit import Audit
from repro.execution.devices import default_workers
from repro.execution.doctor import Checkup, check_up
from repro.paths import home
from repro.reporting.language import choose
from repro.runs.store import Store


def audit_runs(
    session: Session, store: Store, names: Sequence[str], *, minutes: float, seed: int
) -> Audit:
    """Check the runs `names` of `store`, with about `minutes` for training again.

    Which epochs are drawn depends on `seed`, `minutes`, the runs and the number of workers.

    Raises:
        DataError: the data set cannot be had, or the store not be read.
    """
    audit = Audit(store, home(), names)
    audit.check_records()
    if any(record.spec.dataset == "cifar10" for record in audit.sound):
        session.fetch_data()
    audit.check_accuracies()
    devices = {record.spec.device for record in audit.sound}
    workers = session.workers or min(map(default_workers, devices), default=1)
    predictions = audit.prediction_jobs()
    trainings = audit.training_jobs(minutes=minutes, workers=workers, seed=seed)
    jobs = [*predictions, *trainings]
    session.say(
        choose(
            session.lang,
            en=f"{len(predictions)} checkpoints to predict with and {audit.drawn} of "
            f"{audit.trainable} epochs to train again, {workers} at a time",
            zh=f"用 {len(predictions)} 个检查点重新预测，重新训练 {audit.trainable} 轮中的 "
            f"{audit.drawn} 轮，同时进行 {workers} 项",
        )
    )
    text = choose(session.lang, en="audit", zh="核查")
    with bar(session.progress_console, text, "checks", session.lang) as update:
        done = itertools.count(1)
        audit.do(jobs, workers, lambda: update(next(done), len(jobs)))
    return audit


def examine_machine(session: Session) -> Checkup:
    """Examine this machine, which takes some seconds a device."""
    text = choose(
        session.lang,
        en="training the first steps of every model, four times",
        zh="正在把每种模型的前几步各训练四次",
    )
    with session.console.status(text):
        return check_up(home())
