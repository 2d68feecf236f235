"""`repro verify`: the recorded evidence beside what is listed of it, or all trained anew."""

from __future__ import annotations

from repro.commands.context import Session
from repro.commands.table import train_table
from repro.data.dataset import default_folder
from repro.errors import DataError, ReproError, Sentence, sentence
from repro.execution.audit import Audit
from repro.paths import check_writable, home, packaged
from repro.reporting.language import choose
from repro.runs.locations import fresh_store, recorded_store
from repro.runs.selection import choose_seeds
from repro.spec import Device, EngineChoice
from repro.verdicts.cells import load_cells, select_cells
from repro.verdicts.evidence import Evidence, evidence_of
from repro.verdicts.expected_list import accept, load_listing
from repro.verdicts.judging import judge_records
from repro.verdicts.snapshot import FEWEST_FRESH, Check, check_fresh, check_listing

_CHECKS: dict[str, Sentence] = {
    "record": sentence("record"),
    "accuracy": sentence("accuracy"),
    "predictions": sentence("predictions"),
    "training": sentence("training"),
}


def verify_recorded(
    session: Session, *, accept: bool = False
) -> tuple[list[Check], list[ReproError]]:
    """Hold the recorded runs to their own records, and to what is listed of them.

    The accuracies are counted again where the data set is there. A run that is not to be
    believed counts for no cell. With `accept` what they say is listed first, unless there is
    such a run, and what changes is said. Returns the checks, and an error for each check that
    could not be done.

    Raises:
        UsageError: `accept` in an installation, whose list is evidence.
    """
    if accept:
        check_writable("--accept", "results")
    store = recorded_store()
    audit = Audit(store, home(), store.names())
    audit.check_records()
    if default_folder(home()).exists():
        audit.check_accuracies()
    else:
        session.say(
            choose(
                session.lang,
                en="accuracies are not counted again: `repro data fetch` brings the labels",
                zh="没有标签，未重新统计精度：`repro data fetch` 可下载标签",
            )
        )
    found = evidence_of(store, audit.believed)
    if accept and all(each.outcome == "proved" for each in audit.findings):
        _tell_changes(session, found)
        accept_evidence(found)
    elif accept:
        session.say(
            choose(
                session.lang,
                en="nothing is accepted while a run is not proved",
                zh="有训练记录未通过检查，未更新任何预期结果",
            )
        )
    unread: list[ReproError] = [
        DataError(each.text) for each in audit.findings if each.outcome == "failed"
    ]
    sound = [
        Check(
            what=sentence("{check} of {run}", check=_CHECKS[each.check], run=each.run),
            listed="proved", obtained=each.outcome,
            holds=each.outcome == "proved", text=each.text,
        )
        for each in audit.findings
    ]  # fmt: skip
    listing = load_listing(packaged("results"))
    checks = [*check_listing(listing, found.verdicts, found.judgements), *sound]
    return checks, unread


def _tell_changes(session: Session, found: Evidence) -> None:
    """Say what the list will say otherwise: whoever accepts should not have to look for it."""
    folder = packaged("results")
    if not (folder / "verdicts.csv").exists():
        return
    checks = check_listing(load_listing(folder), found.verdicts, found.judgements)
    changed = [each for each in checks if not each.holds]
    for each in changed:
        session.say(
            choose(
                session.lang,
                en=f"{each.what}: {each.listed or 'nothing'} becomes {each.obtained or 'nothing'}",
                zh=f"{each.what}：{each.listed or '无'} 改为 {each.obtained or '无'}",
            )
        )
    if not changed:
        session.say(choose(session.lang, en="nothing changes", zh="没有变化"))


def accept_evidence(found: Evidence) -> None:
    """List in results/ what the recorded runs say. Who keeps a verdict keeps its reason."""
    folder = packaged("results")
    before = load_listing(folder) if (folder / "verdicts.csv").exists() else None
    accept(folder, found.verdicts, found.judgements, before)


def verify_fresh(
    session: Session,
    table: str,
    *,
    seeds: int | None,
    epochs: int | None,
    device: Device,
    engine: EngineChoice,
) -> tuple[list[Check], list[ReproError]]:
    """Train a table, or all, with seeds 0 to `seeds` - 1 in a store for this alone; compare.

    Without `seeds` it is one for the kernels, whose bits the recorded runs promise, and else
    as many as accuracies need to tell anything.

    Returns the checks, and an error for each run that failed.

    Raises:
        UsageError: so many seeds that they would come to those that verify nothing.
        DataError: what is recorded or listed cannot be read; nothing is trained then.
    """
    cells = select_cells(load_cells(packaged("expected_results")), table, epochs)
    # Read before training: what is wrong with them must not cost the minutes that it takes.
    listing, recorded = load_listing(packaged("results")), recorded_store().records()
    if seeds is None:
        seeds = 1 if device != "mps" and engine in {"auto", "kernels"} else FEWEST_FRESH
    fresh, failures = train_table(session,
        cells, seeds=choose_seeds(0, seeds), device=device, engine=engine,
        dataset="cifar10", store=fresh_store(),
    )  # fmt: skip
    return check_fresh(listing, judge_records(cells, fresh), fresh, recorded), failures
