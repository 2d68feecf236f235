"""What many workers hold in memory while all of them train on CIFAR-10; Linux only.

    python benchmarks/memory.py net-relu 16

Looks once each has taken a step. PSS (proportional set size) divides a page that several processes
map among them, so that its sum is what the workers take of the machine.
"""

from __future__ import annotations

import re
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from repro.execution.messages import AnyEvent, Stepped  # noqa: E402
from repro.execution.scheduler import Task, run  # noqa: E402
from repro.paths import home  # noqa: E402
from repro.spec import REPORT_RECIPES, RunSpec  # noqa: E402


def sizes() -> list[dict[str, float]]:
    """PSS, RSS and what is private, in MB, of each worker of this checkout."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{ROOT!s}" not in (command := (process / "cmdline").read_text()):
                continue
            if "repro.execution.worker" not in command:
                continue
            text = (process / "smaps_rollup").read_text()
        except OSError:  # it has ended
            continue
        kb = {
            name: int(value) for name, value in re.findall(r"^(\w+): +(\d+) kB", text, re.MULTILINE)
        }
        private = kb["Private_Clean"] + kb["Private_Dirty"]
        found.append({"PSS": kb["Pss"] / 1024, "RSS": kb["Rss"] / 1024, "private": private / 1024})
    return found


class Seen(Exception):  # noqa: N818 - no error: all that was wanted
    """Every worker has taken a step."""


def main() -> None:
    """Start so many workers of one network, and look."""
    model, count = sys.argv[1], int(sys.argv[2])
    tasks = [
        Task(spec=RunSpec(recipe=REPORT_RECIPES[model], seed=seed), epochs=1)
        for seed in range(count)
    ]
    began: set[str] = set()

    def look(event: AnyEvent) -> None:
        if isinstance(event, Stepped):
            began.add(event.run)
        if len(began) < count:
            return
        each = sizes()
        means = {name: sum(one[name] for one in each) / len(each) for name in each[0]}
        total = sum(one["PSS"] for one in each) / 1024
        shown = ", ".join(f"{name} {mean:.0f} MB" for name, mean in means.items())
        print(f"{len(each)} workers of {model}: {total:.2f} GB in all; each {shown}")
        raise Seen

    with tempfile.TemporaryDirectory() as store, suppress(Seen):
        run(tasks, store=Path(store), home=home(), workers=count, on_event=look)
        raise SystemExit("a worker ended before all had taken a step")


if __name__ == "__main__":
    main()
