"""Holds the design's import table to the code."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from repro.kernels.build import this_target

ROOT = Path(__file__).parent.parent

# What each module may import of ours, wherever in the module it does so.
ALLOWED = {
    # the top
    "validation": {"errors"},
    "__init__": {"api"},
    "__main__": {"paths"},
    "api": {
        "commands.context",
        "commands.figure",
        "commands.predict",
        "commands.table",
        "commands.train",
        "data.dataset",
        "data.layout",
        "errors",
        "execution.devices",
        "paths",
        "reporting.cell_tables",
        "reporting.claim_tables",
        "reporting.figures.drawing",
        "reporting.figures.registry",
        "reporting.figures.report_figures",
        "reporting.figures.style",
        "reporting.language",
        "reporting.notebook",
        "reporting.progress_texts",
        "runs.comparison",
        "runs.locations",
        "runs.records",
        "runs.selection",
        "spec",
        "verdicts.cells",
        "verdicts.judging",
        "verdicts.reports",
    },
    "determinism": {"errors", "spec"},
    "errors": set(),
    "files": {"errors", "obstacles"},
    "normal": set(),
    "obstacles": {"errors"},
    "paths": {"errors"},
    "shell_words": {"spec"},
    "spec": {"errors", "validation"},
    "streams": {"normal", "spec"},
    # data
    "data.__init__": set(),
    "data.addresses": {"errors"},
    "data.archives": {"data.layout", "data.pickles", "data.png", "errors"},
    "data.dataset": {"data.jpeg", "data.layout", "data.memory_map", "errors", "obstacles", "spec"},
    "data.download": {"data.addresses", "errors", "files"},
    "data.jpeg": {"data.layout"},
    "data.labels": {"data.layout", "errors", "files"},
    "data.layout": {"errors"},
    "data.memory_map": {"data.layout", "errors", "files"},
    "data.npm": {"errors"},
    "data.pickles": {"data.layout", "errors"},
    "data.png": {"data.layout", "errors"},
    "data.probe": {"data.addresses", "errors"},
    "data.png_export": {"data.dataset", "data.labels", "errors", "files"},
    "data.sources": {
        "data.addresses",
        "data.archives",
        "data.dataset",
        "data.download",
        "data.layout",
        "data.npm",
        "data.probe",
        "errors",
        "files",
    },
    # networks
    "networks.__init__": set(),
    "networks.activations": set(),
    "networks.layers": set(),
    "networks.models": {"errors", "networks.activations", "spec", "streams"},
    # kernels
    "kernels.structures": {"kernels.networks"},
    "kernels.__init__": set(),
    "kernels.binding": {"kernels.networks", "kernels.structures", "spec", "streams"},
    "kernels.build": set(),
    "kernels.cuda.__init__": set(),
    "kernels.cuda.device": {"errors", "kernels.cuda.launches"},
    "kernels.cuda.gpu": {
        "errors",
        "kernels.cuda.device",
        "kernels.cuda.launches",
        "kernels.cuda.plan",
    },
    "kernels.cuda.group": {
        "kernels.cuda.device",
        "kernels.cuda.launches",
        "kernels.cuda.plan",
        "kernels.networks",
        "spec",
    },
    "kernels.cuda.launches": {"kernels.networks"},
    "kernels.cuda.plan": {"kernels.cuda.launches", "kernels.networks", "streams"},
    "kernels.library": {"errors", "kernels.build", "kernels.structures"},
    "kernels.networks": {"spec"},
    # runs
    "runs.__init__": set(),
    "runs.batch_norm": {"errors", "files", "runs.records", "runs.store"},
    "runs.checkpoints": {"errors", "files", "runs.digests", "runs.records", "runs.store", "spec"},
    "runs.comparison": {"errors", "runs.records", "runs.store", "spec"},
    "runs.conditions": {"errors", "runs.records", "runs.selection", "spec"},
    "runs.difference": {"runs.records", "runs.selection"},
    "runs.digests": set(),
    "runs.environments": {"determinism", "spec"},
    "runs.locations": {"errors", "paths", "runs.records", "runs.store"},
    "runs.records": {"errors", "runs.environments", "spec"},
    "runs.removal": {"errors", "files", "runs.store"},
    "runs.selection": {"errors", "runs.records", "spec"},
    "runs.store": {"errors", "files", "obstacles", "runs.records", "spec"},
    # training
    "training.__init__": set(),
    "training.batch_norm": {
        "data.dataset",
        "errors",
        "runs.batch_norm",
        "runs.checkpoints",
        "runs.records",
        "runs.store",
        "training.kernel_engine",
    },
    "training.cuda_engine": {
        "data.dataset",
        "errors",
        "kernels.cuda.device",
        "kernels.cuda.group",
        "kernels.networks",
        "runs.digests",
        "spec",
        "streams",
        "training.history",
        "training.kernel_engine",
    },
    "training.dead_units": {
        "data.layout",
        "errors",
        "networks.models",
        "spec",
        "training.torch_engine",
    },
    "training.history": {
        "data.layout",
        "errors",
        "runs.checkpoints",
        "runs.digests",
        "runs.environments",
        "runs.records",
        "runs.store",
        "spec",
    },
    "training.kernel_engine": {
        "data.dataset",
        "errors",
        "kernels.binding",
        "kernels.library",
        "kernels.networks",
        "runs.digests",
        "runs.records",
        "spec",
        "streams",
        "training.history",
    },
    "training.optimisers": {"errors", "spec"},
    "training.torch_engine": {
        "data.dataset",
        "data.layout",
        "determinism",
        "errors",
        "networks.models",
        "runs.digests",
        "runs.records",
        "spec",
        "streams",
        "training.history",
        "training.optimisers",
    },
    # execution
    "execution.__init__": set(),
    "execution.audit": {
        "data.dataset",
        "data.layout",
        "errors",
        "execution.comparing",
        "execution.messages",
        "execution.processes",
        "execution.scheduler",
        "runs.records",
        "runs.store",
    },
    "execution.check_jobs": {
        "data.dataset",
        "errors",
        "execution.environment",
        "execution.messages",
        "execution.train_job",
        "kernels.library",
        "runs.checkpoints",
        "runs.environments",
        "runs.records",
        "runs.store",
        "spec",
        "training.cuda_engine",
        "training.history",
        "training.kernel_engine",
        "training.torch_engine",
    },
    "execution.comparing": {"data.labels", "data.layout", "errors", "runs.records", "runs.store"},
    "execution.devices": {"errors", "paths", "runs.selection", "spec"},
    "execution.doctor": {
        "data.dataset",
        "data.sources",
        "determinism",
        "errors",
        "execution.devices",
        "execution.golden",
        "execution.messages",
        "execution.processes",
        "spec",
    },
    "execution.endings": {"errors"},
    "execution.environment": {"errors", "kernels.library", "runs.environments", "spec"},
    "execution.golden": set(),
    "execution.messages": {"errors", "runs.environments", "runs.records", "spec"},
    "execution.processes": {
        "determinism",
        "errors",
        "execution.endings",
        "execution.messages",
        "paths",
        "spec",
    },
    "execution.ray_cluster": {
        "errors",
        "execution.messages",
        "execution.ray_node",
        "execution.transfer",
        "runs.store",
        "spec",
    },
    "execution.ray_node": {
        "data.dataset",
        "data.sources",
        "errors",
        "execution.messages",
        "execution.processes",
        "execution.transfer",
        "paths",
        "runs.store",
    },
    "execution.scheduler": {
        "errors",
        "execution.devices",
        "execution.messages",
        "execution.processes",
        "spec",
        "validation",
    },
    "execution.train_job": {
        "data.dataset",
        "errors",
        "execution.environment",
        "execution.messages",
        "kernels.cuda.device",
        "kernels.cuda.gpu",
        "runs.checkpoints",
        "runs.environments",
        "runs.records",
        "runs.store",
        "spec",
        "training.cuda_engine",
        "training.history",
        "training.kernel_engine",
        "training.torch_engine",
    },
    "execution.transfer": {"errors", "files", "runs.records", "runs.store", "spec"},
    "execution.worker": {
        "errors",
        "execution.check_jobs",
        "execution.messages",
        "execution.train_job",
    },
    # verdicts
    "verdicts.__init__": {"verdicts.cells", "verdicts.judging", "verdicts.statistics"},
    "verdicts.calibration": {"errors", "files"},
    "verdicts.cells": {"errors", "files", "spec"},
    "verdicts.claim_file": {"errors", "files", "spec"},
    "verdicts.claims": {
        "runs.records",
        "runs.selection",
        "spec",
        "verdicts.claim_file",
        "verdicts.statistics",
    },
    "verdicts.evaluations": {"errors", "files", "runs.batch_norm", "runs.records", "spec"},
    "verdicts.evidence": {
        "data.dataset",
        "data.layout",
        "errors",
        "paths",
        "runs.checkpoints",
        "runs.records",
        "runs.selection",
        "runs.store",
        "spec",
        "verdicts.calibration",
        "verdicts.cells",
        "verdicts.claim_file",
        "verdicts.claims",
        "verdicts.judging",
        "verdicts.patterns",
        "verdicts.search",
    },
    "verdicts.expected_list": {"errors", "files", "verdicts.claims", "verdicts.judging"},
    "verdicts.judging": {
        "runs.records",
        "runs.selection",
        "spec",
        "verdicts.cells",
        "verdicts.statistics",
    },
    "verdicts.patterns": {
        "runs.records",
        "runs.selection",
        "spec",
        "verdicts.cells",
        "verdicts.statistics",
    },
    "verdicts.recipes": {"errors", "spec", "verdicts.cells", "verdicts.evaluations"},
    "verdicts.reports": {"errors", "files", "spec", "verdicts.cells"},
    "verdicts.search": {
        "errors",
        "paths",
        "spec",
        "verdicts.cells",
        "verdicts.evaluations",
        "verdicts.recipes",
        "verdicts.stages",
    },
    "verdicts.snapshot": {
        "errors",
        "runs.environments",
        "runs.records",
        "runs.selection",
        "spec",
        "verdicts.claims",
        "verdicts.expected_list",
        "verdicts.judging",
        "verdicts.statistics",
    },
    "verdicts.stages": {"spec", "verdicts.evaluations", "verdicts.recipes"},
    "verdicts.statistics": set(),
    # bench
    "bench.__init__": set(),
    "bench.baseline_process": {"determinism", "errors", "paths"},
    "bench.baselines": {
        "bench.floor",
        "data.dataset",
        "data.labels",
        "data.layout",
        "data.png_export",
        "networks.models",
        "spec",
        "streams",
        "training.history",
        "training.kernel_engine",
        "training.torch_engine",
    },
    "bench.floor": set(),
    "bench.measuring": {
        "bench.baseline_process",
        "errors",
        "execution.environment",
        "execution.scheduler",
        "spec",
    },
    # reporting
    "reporting.__init__": set(),
    "reporting.bench_page": {
        "bench.baseline_process",
        "bench.measuring",
        "errors",
        "files",
        "reporting.figures.style",
        "reporting.markup",
    },
    "reporting.cell_tables": {
        "reporting.language",
        "reporting.markup",
        "verdicts.judging",
        "verdicts.statistics",
    },
    "reporting.chinese.__init__": {
        "reporting.chinese.commands",
        "reporting.chinese.data",
        "reporting.chinese.execution",
        "reporting.chinese.general",
        "reporting.chinese.runs",
        "reporting.chinese.training",
        "reporting.chinese.verdicts",
    },
    "reporting.chinese.commands": set(),
    "reporting.chinese.data": set(),
    "reporting.chinese.execution": set(),
    "reporting.chinese.general": set(),
    "reporting.chinese.runs": set(),
    "reporting.chinese.training": set(),
    "reporting.chinese.verdicts": set(),
    "reporting.check_tables": {
        "execution.audit",
        "execution.comparing",
        "execution.doctor",
        "reporting.language",
        "reporting.markup",
        "reporting.sentences",
        "reporting.terminal",
        "verdicts.snapshot",
    },
    "reporting.claim_tables": {
        "reporting.language",
        "reporting.markup",
        "shell_words",
        "spec",
        "verdicts.claim_file",
        "verdicts.claims",
    },
    "reporting.data_tables": {
        "data.dataset",
        "data.layout",
        "reporting.language",
        "reporting.terminal",
    },
    "reporting.export.__init__": set(),
    "reporting.export.crate": {
        "data.layout",
        "data.sources",
        "errors",
        "files",
        "paths",
        "reporting.cell_tables",
        "reporting.claim_tables",
        "reporting.export.crate_description",
        "reporting.export.folder",
        "runs.checkpoints",
        "runs.records",
        "runs.store",
        "verdicts.evidence",
        "verdicts.expected_list",
    },
    "reporting.export.crate_description": {
        "data.layout",
        "data.sources",
        "runs.environments",
        "runs.records",
    },
    "reporting.export.folder": {"errors", "files"},
    "reporting.export.weights": {
        "data.layout",
        "determinism",
        "errors",
        "reporting.export.folder",
        "runs.checkpoints",
        "runs.digests",
        "runs.records",
        "runs.store",
        "shell_words",
        "spec",
    },
    "reporting.figures.__init__": set(),
    "reporting.figures.accuracies": {
        "reporting.figures.notes",
        "reporting.figures.style",
        "spec",
        "verdicts.claims",
        "verdicts.evidence",
        "verdicts.judging",
    },
    "reporting.figures.drawing": {"files"},
    "reporting.figures.captions": {
        "reporting.figures.accuracies",
        "reporting.figures.style",
        "reporting.language",
        "reporting.search_tables",
        "spec",
        "verdicts.evidence",
        "verdicts.judging",
    },
    "reporting.figures.filters": {"reporting.figures.style", "verdicts.evidence"},
    "reporting.figures.network_drawing": {
        "networks.layers",
        "reporting.figures.style",
        "verdicts.evidence",
    },
    "reporting.figures.predictions": {
        "data.layout",
        "reporting.figures.accuracies",
        "reporting.figures.notes",
        "reporting.figures.style",
        "verdicts.calibration",
        "verdicts.evidence",
    },
    "reporting.figures.recipe_search": {
        "reporting.figures.notes",
        "reporting.figures.style",
        "reporting.language",
        "reporting.search_tables",
        "verdicts.evidence",
        "verdicts.search",
        "verdicts.stages",
    },
    "reporting.figures.registry": {
        "errors",
        "reporting.figures.accuracies",
        "reporting.figures.filters",
        "reporting.figures.network_drawing",
        "reporting.figures.predictions",
        "reporting.figures.recipe_search",
        "reporting.figures.report_figures",
        "reporting.figures.style",
        "reporting.figures.training_curves",
        "verdicts.evidence",
    },
    "reporting.figures.report_figures": {
        "data.layout",
        "reporting.figures.style",
        "verdicts.evidence",
    },
    "reporting.figures.notes": {"reporting.language"},
    "reporting.figures.style": {"reporting.figures.notes", "reporting.language"},
    "reporting.figures.training_curves": {
        "reporting.figures.notes",
        "reporting.figures.style",
        "runs.records",
        "spec",
        "verdicts.evidence",
    },
    "reporting.language": {"errors"},
    "reporting.live_table": {
        "reporting.cell_tables",
        "reporting.language",
        "reporting.terminal",
        "verdicts.judging",
    },
    "reporting.markup": set(),
    "reporting.notebook": set(),
    "reporting.cell_images": {
        "data.layout",
        "reporting.figures.predictions",
        "reporting.figures.report_figures",
        "reporting.try_network",
        "verdicts.evidence",
    },
    "reporting.page": {
        "data.layout",
        "errors",
        "files",
        "reporting.cell_images",
        "reporting.cell_tables",
        "reporting.claim_tables",
        "reporting.figures.captions",
        "reporting.figures.registry",
        "reporting.figures.style",
        "reporting.language",
        "reporting.markup",
        "reporting.page_figures",
        "reporting.pattern_tables",
        "reporting.search_tables",
        "reporting.summary",
        "reporting.try_network",
        "runs.environments",
        "runs.records",
        "runs.selection",
        "shell_words",
        "spec",
        "verdicts.evidence",
        "verdicts.judging",
        "verdicts.stages",
    },
    "reporting.page_figures": {
        "reporting.figures.notes",
        "reporting.figures.registry",
        "reporting.figures.style",
        "reporting.language",
        "verdicts.evidence",
    },
    "reporting.pattern_tables": {
        "reporting.language",
        "reporting.markup",
        "verdicts.patterns",
        "verdicts.statistics",
    },
    "reporting.progress": {
        "execution.messages",
        "execution.scheduler",
        "reporting.language",
        "reporting.notebook",
        "reporting.progress_texts",
        "reporting.sentences",
        "runs.comparison",
        "runs.records",
    },
    "reporting.progress_texts": {"reporting.language", "runs.comparison"},
    "reporting.recipe_tables": {
        "reporting.markup",
        "reporting.terminal",
        "spec",
        "verdicts.recipes",
    },
    "reporting.run_logs": {
        "errors",
        "execution.messages",
        "execution.scheduler",
        "files",
        "runs.records",
    },
    "reporting.run_tables": {
        "reporting.language",
        "reporting.markup",
        "reporting.progress_texts",
        "reporting.terminal",
        "runs.difference",
        "runs.records",
        "runs.selection",
    },
    "reporting.search_tables": {
        "reporting.language",
        "reporting.markup",
        "reporting.recipe_tables",
        "reporting.terminal",
        "spec",
        "verdicts.recipes",
        "verdicts.search",
    },
    "reporting.sentences": {"errors", "reporting.language"},
    "reporting.summary": {"reporting.language", "verdicts.claims", "verdicts.judging"},
    "reporting.terminal": {"reporting.language"},
    "reporting.try_network": {
        "data.layout",
        "networks.layers",
        "reporting.language",
        "runs.checkpoints",
        "spec",
        "verdicts.evidence",
    },
    # commands
    "commands.__init__": set(),
    "commands.audit": {
        "commands.context",
        "execution.audit",
        "execution.devices",
        "execution.doctor",
        "paths",
        "reporting.language",
        "runs.store",
    },
    "commands.bench": {
        "bench.baseline_process",
        "bench.measuring",
        "commands.context",
        "data.dataset",
        "data.png_export",
        "execution.devices",
        "paths",
        "spec",
        "streams",
    },
    "commands.context": {
        "data.dataset",
        "data.sources",
        "errors",
        "execution.devices",
        "execution.ray_cluster",
        "paths",
        "reporting.language",
        "reporting.notebook",
        "reporting.run_logs",
        "reporting.sentences",
        "runs.locations",
        "runs.selection",
        "spec",
        "verdicts.evidence",
    },
    "commands.figure": {
        "commands.context",
        "errors",
        "execution.processes",
        "files",
        "paths",
        "reporting.figures.registry",
        "reporting.figures.style",
        "reporting.language",
        "reporting.terminal",
        "verdicts.calibration",
        "verdicts.evidence",
    },
    "commands.predict": {"errors", "execution.processes", "paths", "runs.records", "runs.store"},
    "commands.recipes": {
        "commands.context",
        "commands.train",
        "data.dataset",
        "errors",
        "paths",
        "reporting.language",
        "runs.batch_norm",
        "runs.locations",
        "runs.selection",
        "runs.store",
        "spec",
        "training.batch_norm",
        "verdicts.cells",
        "verdicts.evaluations",
        "verdicts.recipes",
        "verdicts.search",
        "verdicts.stages",
    },
    "commands.table": {
        "commands.context",
        "commands.train",
        "errors",
        "execution.devices",
        "execution.messages",
        "execution.scheduler",
        "reporting.language",
        "reporting.live_table",
        "runs.locations",
        "runs.records",
        "runs.selection",
        "runs.store",
        "spec",
        "verdicts.cells",
        "verdicts.judging",
        "verdicts.reports",
    },
    "commands.train": {
        "commands.context",
        "determinism",
        "errors",
        "execution.devices",
        "execution.messages",
        "execution.scheduler",
        "paths",
        "reporting.language",
        "reporting.progress",
        "reporting.progress_texts",
        "reporting.run_logs",
        "runs.comparison",
        "runs.locations",
        "runs.records",
        "runs.store",
        "spec",
    },
    "commands.verify": {
        "commands.context",
        "commands.table",
        "data.dataset",
        "errors",
        "execution.audit",
        "paths",
        "reporting.language",
        "runs.locations",
        "runs.selection",
        "spec",
        "verdicts.cells",
        "verdicts.evidence",
        "verdicts.expected_list",
        "verdicts.judging",
        "verdicts.snapshot",
    },
    # command_line
    "command_line.exit_codes": {
        "errors",
        "execution.audit",
        "execution.doctor",
        "verdicts.judging",
    },
    "command_line.help_zh": set(),
    "command_line.option_file": {
        "command_line.console",
        "command_line.errors",
        "data.addresses",
        "errors",
        "files",
        "reporting.language",
    },
    "command_line.training": {
        "command_line.exit_codes",
        "command_line.options",
        "command_line.runs",
        "commands.predict",
        "commands.train",
        "data.labels",
        "errors",
        "files",
        "reporting.language",
        "runs.locations",
        "spec",
    },
    "command_line.__init__": set(),
    "command_line.checks": {
        "bench.measuring",
        "command_line.console",
        "command_line.errors",
        "command_line.exit_codes",
        "command_line.options",
        "commands.audit",
        "commands.bench",
        "commands.context",
        "commands.verify",
        "errors",
        "reporting.bench_page",
        "reporting.check_tables",
        "reporting.language",
        "runs.store",
    },
    "command_line.console": set(),
    "command_line.data": {
        "command_line.console",
        "command_line.options",
        "commands.context",
        "data.dataset",
        "data.layout",
        "data.png_export",
        "data.sources",
        "errors",
        "paths",
        "reporting.data_tables",
        "reporting.language",
    },
    "command_line.errors": {
        "command_line.console",
        "command_line.exit_codes",
        "errors",
        "reporting.language",
        "reporting.sentences",
    },
    "command_line.help": {
        "command_line.errors",
        "command_line.examples",
        "command_line.exit_codes",
        "command_line.help_zh",
        "command_line.option_file",
        "command_line.options",
        "command_line.short_help",
        "errors",
        "reporting.language",
    },
    "command_line.options": {
        "command_line.console",
        "command_line.errors",
        "commands.context",
        "errors",
        "execution.ray_cluster",
        "paths",
        "reporting.language",
        "reporting.run_logs",
        "runs.locations",
        "spec",
    },
    "command_line.results": {
        "command_line.console",
        "command_line.options",
        "commands.context",
        "commands.figure",
        "paths",
        "reporting.export.crate",
        "reporting.export.crate_description",
        "reporting.export.weights",
        "reporting.figures.registry",
        "reporting.figures.style",
        "reporting.language",
        "reporting.page",
    },
    "command_line.runs": {
        "command_line.console",
        "command_line.errors",
        "command_line.exit_codes",
        "command_line.options",
        "data.dataset",
        "errors",
        "paths",
        "reporting.language",
        "reporting.run_tables",
        "reporting.sentences",
        "runs.checkpoints",
        "runs.conditions",
        "runs.difference",
        "runs.locations",
        "runs.removal",
        "training.dead_units",
    },
    "command_line.tables": {
        "command_line.console",
        "command_line.errors",
        "command_line.exit_codes",
        "command_line.options",
        "commands.context",
        "commands.recipes",
        "commands.table",
        "commands.train",
        "errors",
        "paths",
        "reporting.cell_tables",
        "reporting.claim_tables",
        "reporting.language",
        "reporting.pattern_tables",
        "reporting.search_tables",
        "reporting.sentences",
        "runs.locations",
        "runs.selection",
        "spec",
        "verdicts.cells",
        "verdicts.claims",
        "verdicts.evaluations",
        "verdicts.judging",
        "verdicts.reports",
        "verdicts.search",
    },
    "command_line.examples": {"reporting.language"},
    "command_line.short_help": {"command_line.options", "reporting.language"},
}
ROOMS = {
    "top": set(),
    "data": {"top"},
    "networks": {"top"},
    "kernels": {"top"},
    "runs": {"top"},
    "training": {"data", "kernels", "networks", "runs", "top"},
    "execution": {"data", "kernels", "runs", "top", "training"},
    "verdicts": {"data", "runs", "top"},
    "bench": {"data", "execution", "networks", "top", "training"},
    "reporting": {"bench", "data", "execution", "networks", "runs", "top", "verdicts"},
    "commands": {
        "bench", "data", "execution", "reporting", "runs", "top", "training", "verdicts",
    },
    "command_line": {
        "bench", "commands", "data", "execution", "reporting", "runs", "top", "training", "verdicts",
    },
    "api": {"commands", "data", "execution", "reporting", "runs", "top", "verdicts"},
}  # fmt: skip
"""Which rooms each may import, bottom up. The single files are a room, "top"; api.py and __init__.py
stand above all others."""

WITH_TORCH = {
    "bench.baselines", "bench.floor", "execution.check_jobs", "execution.environment", "networks.activations",
    "networks.models", "training.dead_units", "training.optimisers", "training.torch_engine",
}  # fmt: skip
"""What alone may import torch. All else answers without it."""


def room(module):
    if module in {"api", "__init__"}:  # which gives the functions of `api` when asked for them
        return "api"
    return module.partition(".")[0] if "." in module else "top"


def modules():
    for path in sorted((ROOT / "repro").rglob("*.py")):
        yield (
            ".".join(path.relative_to(ROOT / "repro").with_suffix("").parts),
            ast.parse(path.read_text()),
        )


def imports(tree):
    """Dotted names that a module imports, those of ours without the leading `repro.`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(tree):
    names = set(ALLOWED)
    for name in imports(tree):
        if name.split(".")[0] == "repro":
            parts = name.split(".")[1:]
            candidates = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
            found = next((c for c in candidates if c in names), None)
            if found:
                yield found


def test_every_module_imports_only_what_the_table_allows():
    found = {name: set(ours(tree)) - {"__init__"} for name, tree in modules()}
    assert found.keys() == ALLOWED.keys()
    assert {n: found[n] - ALLOWED[n] for n in found if found[n] - ALLOWED[n]} == {}


def test_the_table_allows_nothing_that_is_not_used_and_has_no_cycle():
    found = {name: set(ours(tree)) for name, tree in modules()}
    assert {n: ALLOWED[n] - found[n] for n in ALLOWED if ALLOWED[n] - found[n]} == {}
    settled: set[str] = set()
    while rest := ALLOWED.keys() - settled:
        ready = {name for name in rest if ALLOWED[name] <= settled}
        assert ready, f"a cycle among {rest}"
        settled |= ready


def test_torch_is_imported_where_it_may_be_and_nowhere_else():
    with_torch = {
        name for name, tree in modules()
        if any(each.split(".")[0] in {"torch", "torchvision"} for each in imports(tree))
    }  # fmt: skip
    assert with_torch == WITH_TORCH


LONG = {
    "api": "the examples of its docstrings are half of it",
    "kernels.cuda.group": "one class: the memory of runs that are trained together",
    "kernels.cuda.plan": "one class: what lies where on a card, and the launches of a step",
}
"""Modules of more than 300 lines, and why."""


def test_modules_are_short():
    """A reader takes in 300 lines at once, and a function of 60."""
    long, deep = set(), []
    for name, tree in modules():
        path = ROOT / "repro" / f"{name.replace('.', '/')}.py"
        if len(path.read_text(encoding="utf-8").splitlines()) > 300:
            long.add(name)
        deep += [
            f"{name}.{node.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and _lines_of(node) > 60
        ]
    assert long == set(LONG)
    assert not deep


def _lines_of(function):
    """Of its body, without the docstring and the parameters: a command has as many options as it
    has."""
    first, *rest = function.body
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    body = rest if is_docstring and rest else function.body
    return body[-1].end_lineno - body[0].lineno + 1


def test_rooms_import_only_rooms_that_the_plan_allows():
    found: dict[str, set[str]] = {}
    for name, tree in modules():
        here = room(name)
        found.setdefault(here, set()).update(
            room(each) for each in ours(tree) if room(each) != here
        )
    assert found == ROOMS
    above = list(ROOMS)
    assert all(above.index(each) < above.index(here) for here in above for each in ROOMS[here])


@pytest.mark.parametrize(
    ("name", "heading"), [("README.md", "## Layout"), ("README.zh.md", "## 代码结构")]
)
def test_the_readme_lists_every_room(name, heading):
    section = (ROOT / name).read_text().partition(f"{heading}\n")[2].partition("\n## ")[0]
    rooms = {path.name for path in (ROOT / "repro").iterdir() if (path / "__init__.py").exists()}
    assert rooms == set(ROOMS) - {"top", "api"}
    assert {
        each.rstrip("/") for each in re.findall(r"^\| `(\w+/)`", section, re.MULTILINE)
    } == rooms


def test_the_tests_have_the_rooms_of_the_package():
    """And folders of their own for what is about no room alone."""
    folders = {path.name for path in (ROOT / "tests").iterdir() if (path / "__init__.py").exists()}
    apart = {"bits", "cluster", "fuzz", "properties", "regression", "web"}
    assert folders - apart == set(ROOMS) - {"top", "api"}


def test_what_a_text_names_exists():
    """Code for another process, documents and messages name modules where no import would fail."""
    names = re.compile(r"(?<![.\w])repro((?:\.[A-Za-z_]+)+)")
    code = [path for end in ("py", "j2") for path in (ROOT / "repro").rglob(f"*.{end}")]
    texts = [*code, ROOT / "cli.py", ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    wrong = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in texts for found in names.finditer(path.read_text())
        if not exists(found[1].split(".")[1:])
    ]  # fmt: skip
    assert not wrong


def test_a_module_of_the_tests_that_a_string_names_exists():
    """Code that tests hand to another process."""
    names = re.compile(r"\btests((?:\.\w+)+) import")
    wrong = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in (ROOT / "tests").rglob("*.py") for found in names.finditer(path.read_text())
        if not (place := ROOT.joinpath("tests", *found[1].split(".")[1:])).is_dir()
        and not place.with_suffix(".py").exists()
    ]  # fmt: skip
    assert not wrong


def exists(parts):
    """Whether there is such a module, or such a name in a module."""
    if parts in (["toml"], ["cli"]):  # a file of the user's; cli.py as __main__ loads it
        return True
    place = ROOT / "repro"
    while parts and ((place / parts[0]).is_dir() or (place / f"{parts[0]}.py").exists()):
        place, parts = place / parts[0], parts[1:]
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    return not parts or parts[0] in names_in(ast.parse(file.read_text()))


def names_in(tree):
    """What a module defines, assigns or imports."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name for alias in node.names)


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], ["torch", "pandas", "scipy", "numpy", "msgspec"]),
        (["table", "--help"], ["torch", "pandas", "scipy", "numpy", "msgspec"]),
        (["table", "all", "--recorded"], ["torch", "pandas"]),
        (["runs"], ["torch", "pandas", "scipy"]),
    ],
)
def test_the_command_line_imports_what_it_needs_and_no_more(
    arguments, absent, tmp_path, monkeypatch
):
    monkeypatch.setenv("REPRO_HOME", str(tmp_path))
    code = (
        "import sys; from repro.__main__ import load_cli\n"
        f"try: load_cli().app({arguments!r})\n"
        f"except SystemExit: assert not set({absent!r}) & set(sys.modules), sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel and the source archive."""
    folder = tmp_path_factory.mktemp("dist")
    for target in ("wheel", "sdist"):
        command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.mark.slow
def test_the_wheel_is_quick_to_download(built):
    assert next(built.glob("*.whl")).stat().st_size < 8_000_000


@pytest.mark.slow
def test_the_wheel_carries_the_evidence_inside_the_package(built):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    wanted = {"cli.py", "py.typed", "expected_results/table-3-1.csv", "results/store.json"}
    wanted |= {"results/search/accuracies.csv"}
    assert {"LICENSE", "NOTICE"} <= {name.rpartition("licenses/")[2] for name in names}
    if target := this_target():
        wanted |= {f"kernels/{target.file_name(build)}" for build in target.builds}
    assert names >= {f"repro/{name}" for name in wanted}
    assert any(name.startswith("repro/results/runs/net-relu-seed0") for name in names)


@pytest.mark.slow
def test_the_wheel_works_without_the_checkout_and_brings_no_module_cli(built, tmp_path):
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    wheel = next(built.glob("*.whl"))
    subprocess.run([*pip, "--target", str(site), str(wheel)], check=True)
    assert {path.name for path in site.iterdir()} - {"bin"} == {
        "repro",
        "-".join(wheel.name.split("-")[:2]) + ".dist-info",
    }
    done = subprocess.run(
        [sys.executable, "-m", "repro", "table", "3-1", "--recorded", "--format", "json"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(site), "REPRO_HOME": str(tmp_path / "h")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert json.loads(done.stdout)[0]["cell"] == "net-relu@10", done.stderr
    where = subprocess.run(
        [sys.executable, "-c", "import repro; print(repro.__file__)"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(site))


@pytest.mark.slow
def test_the_source_archive_can_be_built_from_and_tested(built):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "cli.py",
        "hatch_build.py",
        "noxfile.py",
        "pyproject.toml",
        "tests/conftest.py",
        "constraints/pins.txt",
        "repro/kernels/c/kernels.c",
    } <= names
    assert not any(name.startswith("repro/kernels/kernels-") for name in names)
    assert any(name.startswith("results/runs/") for name in names)
