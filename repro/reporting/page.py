"""The reproduction as one HTML file that needs no network, or as Markdown or LaTeX for a paper."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar

import jinja2
from markupsafe import Markup

import repro
from repro.data.layout import CHECKSUMS
from repro.errors import ReproError
from repro.files import write_atomically
from repro.reporting.cell_images import cell_images
from repro.reporting.cell_tables import by_table_and_column, cells_foot, cells_to_text
from repro.reporting.claim_tables import (
    claims_foot,
    claims_to_text,
    least,
    reported,
    secondary_note,
)
from repro.reporting.figures.captions import caption
from repro.reporting.figures.registry import FIGURES, FigureSpec, lacks, render_picture
from repro.reporting.figures.style import ABLATION_NAMES, MODEL_NAMES, Style
from repro.reporting.language import Language, translate
from repro.reporting.markup import latex
from repro.reporting.page_figures import pictures_for_page
from repro.reporting.pattern_tables import p_text, pattern_name, patterns_foot
from repro.reporting.search_tables import decision_text, describe_recipe
from repro.reporting.summary import summary
from repro.reporting.try_network import network_data, to_json
from repro.runs.environments import Environment
from repro.runs.records import Reading, RunRecord
from repro.runs.selection import primary_dropout_on
from repro.shell_words import train_command
from repro.spec import REPORT_RECIPES
from repro.verdicts.evidence import Evidence
from repro.verdicts.judging import Verdict, unique_primary
from repro.verdicts.stages import nearest_readings

TEMPLATES = Path(__file__).parent / "templates"
PAGE_FIGURES = (
    "overview", "differences", "learning-curves", "losses", "activations", "3-6b-twelve-images",
    "by-class", "confusion", "always-wrong", "calibration", "filters", "recipe-search",
    "3-9-network", "3-7b-improved-network",
)  # fmt: skip
"""In the order in which the page shows them, the first above all; those that lack the data set are
left out."""

_Kind = TypeVar("_Kind", bound=Enum)


def build(evidence: Evidence, *, lang: Language, commit: str | None) -> str:
    """The page's HTML. Everything that is not written here is escaped.

    Raises:
        DataError: the data set or predictions are damaged.
    """
    (first, lacking), *others = _wanted(evidence)
    network = network_data(evidence)
    return _template().render(
        lang=lang,
        summary={
            each: summary(evidence.verdicts, evidence.judgements, each) for each in ("en", "zh")
        },
        headline=_headline(evidence),
        overview=None if lacking else pictures_for_page(first, evidence),
        network=network,
        cell_images=Markup(to_json(cell_images(evidence))),  # noqa: S704 - holds no "<"
        network_json=Markup(to_json(network)) if network else "",  # noqa: S704 - holds no "<"
        tables=_tables(evidence.verdicts),
        cell_kinds=_in_order(each.kind for each in unique_primary(evidence.verdicts)),
        claim_kinds=_in_order(each.finding for each in evidence.judgements),
        foot={each: cells_foot(evidence.verdicts, each).splitlines() for each in ("en", "zh")},
        judgements=evidence.judgements,
        patterns=evidence.patterns,
        names={cell.model: cell.column for cell in evidence.cells},
        patterns_foot={
            each: patterns_foot(evidence.patterns, each).splitlines() for each in ("en", "zh")
        },
        claims_foot={
            each: claims_foot(evidence.judgements, each).splitlines() for each in ("en", "zh")
        },
        least=least,
        secondary_note=secondary_note,
        reported=reported,
        pattern_name=pattern_name,
        p_text=p_text,
        machine=_machine,
        versions=_versions,
        figures=[
            (picture, pictures_for_page(picture, evidence),
             {each: caption(picture.name, evidence, each) for each in ("en", "zh")})
            for picture, missing in others if not missing
        ],
        left_out=[(picture, missing) for picture, missing in others if missing],
        recipe=REPORT_RECIPES["net-relu"],
        search=evidence.search,
        decision={each: decision_text(evidence.search, each) for each in ("en", "zh")},
        nearest=nearest_readings(evidence.search.fits)[:10],
        describe=describe_recipe,
        models=[
            {"model": model, "name": name, "runs": [_run(run) for run in evidence.runs(model)]}
            for model, name in {**MODEL_NAMES, **ABLATION_NAMES}.items()
            if evidence.runs(model)
        ],
        environments=_environments(evidence.records),
        checksums=CHECKSUMS,
        commit=commit,
        version=repro.__version__,
        digest=evidence_digest(evidence.records),
        translate=translate,
    )  # fmt: skip


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")


def _in_order(kinds: Iterable[_Kind]) -> dict[_Kind, int]:
    """How often each kind of verdict occurs, in the order in which they are declared."""
    counts = Counter(kinds)
    declared = [kind for each in list(counts)[:1] for kind in type(each)]
    return {kind: counts[kind] for kind in declared if counts[kind]}


def _wanted(evidence: Evidence) -> list[tuple[FigureSpec, ReproError | None]]:
    """The figures in their order, each with what it lacks, if anything."""
    return [(FIGURES[name], lacks(FIGURES[name], evidence)) for name in PAGE_FIGURES]


def _headline(evidence: Evidence) -> dict[str, Any]:
    cells = unique_primary(evidence.verdicts)
    known = [abs(v.difference) for v in cells if v.difference is not None]
    seeds = sorted({record.spec.seed for record in evidence.records})
    return {
        "differ": [v for v in cells if not v.kind.is_success],
        "mean": sum(known) / len(known) if known else None,
        "largest": max(known, default=None),
        "seeds": _ranges(seeds),
        "runs": len(evidence.records),
        "processors": sorted({_hardware(record) for record in evidence.records}),
        "hours": sum(record.duration_s for record in evidence.records) / 3600,
    }


def _ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers, with those that follow each other as a range: 0–4, 7."""
    groups: list[list[int]] = []
    for number in numbers:
        if groups and number == groups[-1][-1] + 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    texts = [f"{g[0]}–{g[-1]}" if len(g) > 1 else f"{g[0]}" for g in groups]
    return ", ".join(texts) or "–"


def _hardware(record: RunRecord) -> str:
    return record.environment.accelerator or record.environment.processor


def _machine(environment: Environment) -> str:
    """What a run was computed with and on."""
    by = f"kernels {environment.kernels}" if environment.kernels else f"torch {environment.torch}"
    return "; ".join(filter(None, (environment.processor, environment.accelerator, by)))


def _versions(environment: Environment) -> str:
    """The same with the versions of all else that was there."""
    named = (("Python", environment.python), ("torchvision", environment.torchvision),
             ("numpy", environment.numpy))  # fmt: skip
    versions = ", ".join(f"{name} {version}" for name, version in named if version)
    return f"{versions}, {environment.platform}; {_machine(environment)}"


def _tables(verdicts: Iterable[Verdict]) -> dict[str, list[Verdict]]:
    """Verdicts by table, a column of the report after the other."""
    out: dict[str, list[Verdict]] = {}
    for table, _, rows in by_table_and_column(verdicts, "en"):
        out.setdefault(table, []).extend(rows)
    return out


def _run(record: RunRecord) -> dict[str, Any]:
    """A run for the page: what was read, the weights behind it, how to train it, its record."""
    text = json.dumps(record.to_dict(), separators=(",", ":"), allow_nan=False)
    return {
        "record": record,
        "readings": [
            (each, _accuracies(record, each), record.epochs[each.epoch - 1].weights_sha256)
            for each in record.readings
        ],
        "command": command(record),
        "json": base64.b64encode(text.encode()).decode(),
    }


def _accuracies(record: RunRecord, reading: Reading) -> list[tuple[float, bool | None]]:
    """Those of a reading, each with whether dropout was on: first the one that the verdicts use."""
    recipe = record.spec.recipe
    if not recipe.has_dropout:
        return [(reading.accuracy, None)]
    primary = primary_dropout_on(recipe)
    return [(reading.accuracy_with(recipe, dropout_on=on), on) for on in (primary, not primary)]


def command(record: RunRecord) -> str:
    """What trains the run again."""
    return train_command(record.spec, len(record.epochs))


def _environments(records: Iterable[RunRecord]) -> list[tuple[Any, int]]:
    """The environments of the runs, and how many runs each has."""
    return Counter(record.environment for record in records).most_common()


def evidence_digest(records: Iterable[RunRecord]) -> str:
    """SHA-256 over the seals of all records, by name: one number for the whole evidence."""
    seals = sorted((record.spec.name, record.to_dict()["sha256"]) for record in records)
    return hashlib.sha256(json.dumps(seals).encode()).hexdigest()


def write_page(evidence: Evidence, folder: Path, *, lang: Language, commit: str | None) -> Path:
    """Write the page to `folder` and return its path.

    Raises:
        DataError: the data set or predictions are damaged, or the file system refuses.
    """
    path = folder / "index.html"
    write_atomically(path, build(evidence, lang=lang, commit=commit).encode())
    return path


def write_paper(
    evidence: Evidence, folder: Path, form: Literal["md", "latex"], *, lang: Language
) -> Path:
    """Write tables, claims and figures for a paper (LaTeX, PDF) or a pull request (Markdown, SVG),
    and return the path of the text.

    Raises:
        DataError: the data set or predictions are damaged, or the file system refuses.
    """
    suffix: Literal["svg", "pdf"] = "svg" if form == "md" else "pdf"
    shown = [picture for picture, missing in _wanted(evidence) if not missing]
    parts = [
        cells_to_text(evidence.verdicts, form, lang),
        claims_to_text(evidence.judgements, form, lang),
    ]
    if form == "latex":
        packages = "booktabs, graphicx" + (", ctex" if lang == "zh" else "")
        parts.insert(0, f"% needs the packages {packages}")
    for picture in shown:
        name = f"{picture.name}.{suffix}"
        write_atomically(folder / name, render_picture(picture, Style(lang=lang), evidence, suffix))
        title = picture.title_zh if lang == "zh" else picture.title
        parts.append(
            f"![{title}]({name})" if form == "md"
            else f"\\begin{{figure}}\n\\includegraphics[width=\\linewidth]{{{name}}}\n"
            f"\\caption{{{latex(title)}}}\n\\end{{figure}}"
        )  # fmt: skip
    path = folder / ("report.md" if form == "md" else "report.tex")
    write_atomically(path, ("\n\n".join(parts) + "\n").encode())
    return path
