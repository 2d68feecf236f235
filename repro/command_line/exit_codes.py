"""Exit codes: the number that each outcome ends the process with. cli.py lists them for users."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from repro.errors import DataError, NoRunsError, ReproError, TrainingError, UsageError

if TYPE_CHECKING:
    from repro.execution.audit import Audit
    from repro.execution.doctor import Checkup
    from repro.verdicts.judging import Verdict

DIFFERS = 1
"""A cell differs, a run is refuted, or a determinism level is not reached."""

USAGE = 2
DATA = 3

NOT_DONE = 4
"""Something could not be run or checked."""

FAULT = 70
"""An internal error of this package (EX_SOFTWARE in sysexits.h)."""

STOPPED = 130
TERMINATED = 143
BROKEN_PIPE = 141
"""128 + SIGPIPE, which Windows does not have."""

_OF_ERRORS = {UsageError: USAGE, DataError: DATA, NoRunsError: NOT_DONE, TrainingError: NOT_DONE}


def of_error(error: ReproError) -> int:
    """That of the error's class, or of the class that it is derived from."""
    return next((code for kind, code in _OF_ERRORS.items() if isinstance(error, kind)), DIFFERS)


def of_failures(failures: Iterable[ReproError]) -> int:
    """0 where nothing failed. Data that cannot be read outweigh a run that could not be trained:
    somebody has to act."""
    codes = {of_error(each) for each in failures}
    return DATA if DATA in codes else max(codes, default=0)


def of_verdicts(verdicts: Iterable[Verdict]) -> int:
    """0 if all cells are within tolerance or of made-up images, 1 if one is not, 4 if only runs are
    missing."""
    from repro.verdicts.judging import VerdictKind  # noqa: PLC0415 (--help needs none)

    kinds = {verdict.kind for verdict in verdicts if verdict.is_primary}
    if kinds & {VerdictKind.DIFFERS, VerdictKind.INCONCLUSIVE}:
        return DIFFERS
    return NOT_DONE if VerdictKind.NOT_RUN in kinds else 0


def of_table(verdicts: Sequence[Verdict], failures: Iterable[ReproError]) -> int:
    """After a failed run its cells may still be judged by the other seeds."""
    failed, judged = of_failures(failures), of_verdicts(verdicts)
    return failed if failed == DATA or not judged else judged


def of_audit(audit: Audit) -> int:
    return {"proved": 0, "refuted": DIFFERS, "incomplete": NOT_DONE}[audit.conclusion]


def of_checkup(checkup: Checkup) -> int:
    if not checkup.every_device_trains:
        return NOT_DONE
    return 0 if checkup.every_device_reaches_its_level else DIFFERS
