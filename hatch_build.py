"""Hatchling's hook: compiles the kernels into a wheel, or for an editable install in place."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def _build_module(root: Path) -> ModuleType:
    """`repro/kernels/build.py` without the package around it, whose dependencies are not here."""
    name = "_repro_kernels_build"
    spec = importlib.util.spec_from_file_location(name, root / "repro" / "kernels" / "build.py")
    assert spec is not None  # noqa: S101 - the file has a name that Python loads
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


class KernelsHook(BuildHookInterface):  # type: ignore[type-arg, misc, unused-ignore]
    """Adds the libraries to a wheel and names its platform."""

    _scratch: tempfile.TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile for REPRO_TARGET or this machine; on an unknown one the wheel has no kernels."""
        root = Path(self.root)
        build = _build_module(root)
        try:
            target = build.chosen_target()
            if target is None:
                self.app.display_warning("no kernels for this kind of machine: torch will train")
                return
            if version == "editable":
                build.compile_all(target, root / "repro" / "kernels")
            else:
                self._scratch = tempfile.TemporaryDirectory()
                for path in build.compile_all(target, Path(self._scratch.name)):
                    build_data["force_include"][str(path)] = f"repro/kernels/{path.name}"
        except build.BuildError as error:
            self.app.abort(str(error))
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{build.platform_tag(target)}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what was compiled for the wheel."""
        if self._scratch:
            self._scratch.cleanup()
