"""A process that trains one of the loops that are compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from repro.determinism import worker_environment
from repro.errors import TrainingError, sentence
from repro.paths import import_code

LOOPS: Mapping[str, str] = {
    "plain": "A, plain loop",
    "files": "B, PNG files",
    "lightning": "C, Lightning",
    "kernels": "D, ours, kernels",
    "torch": "E, ours, torch",
}


_READY = "repro: answers follow"


class LoopProcess:
    """A process that trains when it is told to.

    Raises:
        TrainingError: it cannot begin, or ended.
    """

    def __init__(self, which: str, given: Mapping[str, str]) -> None:
        self.name = f"{LOOPS.get(which, which)} ({given['model']})"
        # The products' rate is that of the widest vectors, which torch's environment would cap.
        enter = "from repro.determinism import enter; enter(); " if which == "torch" else ""
        code = f"{import_code()}{enter}from repro.bench.baselines import main; "
        code += f"print({_READY!r}, flush=True); main()"
        # A caller's choice of threads is not what a user's loop would meet.
        environment = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
        if which == "torch":
            environment = worker_environment(os.environ)
        self._errors = tempfile.TemporaryFile(  # noqa: SIM115 - closed when it ends
            "w+", encoding="utf-8", errors="replace"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, json.dumps({"which": which, **given})],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            encoding="utf-8", errors="replace", env=environment,
        )  # fmt: skip
        self._is_ready = False

    def ask(self, request: object) -> None:
        """Send one line and do not wait."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        try:
            self._process.stdin.write(f"{request}\n")
            self._process.stdin.flush()
        except OSError:  # it has ended; Windows does not call that a broken pipe
            self.hear()

    def hear(self) -> dict[str, Any]:
        """Wait for one answer."""
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        line = self._process.stdout.readline()
        while line and not self._is_ready:  # Python may have printed something as it started
            self._is_ready = line.endswith(f"{_READY}\n")
            line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            last = [each for each in self._errors if each.strip()]
            raise TrainingError(
                sentence(
                    "{name}: ended: {last}",
                    name=self.name,
                    last=last[-1].strip() if last else sentence("no message"),
                )
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> LoopProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()
