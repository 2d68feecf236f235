"""The figures as they stand in the page: one drawing a language."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping

from markupsafe import Markup

from repro.reporting.figures.notes import Cells, Note, Panel, Points
from repro.reporting.figures.registry import FigureSpec, render_picture
from repro.reporting.figures.style import Style
from repro.reporting.language import LANGUAGES, Language
from repro.verdicts.evidence import Evidence

_IMAGE = re.compile(
    r'<image xlink:href="([^"]+)" (?:id="[^"]+")?([^>]*?) transform="([^"]+)"([^>]*?)/>'
)
_LONG_NUMBER = re.compile(r"(?<=[ \"(])-?\d+\.\d{3,}(?=[ \")\n])")
_STRAIGHT = re.compile(r'd="M [-0-9. L]+z?"')
"""A path of lines alone: after the first point, each pair is the end of a line."""
_LONE = re.compile(r"<g>(<(text|use|path|image)\b[^>]*(?:/>|>[^<]*</\2>))</g>")

_STYLES = {
    "fill: var(--muted); stroke: var(--muted); stroke-width: 0.8": "tick",
    "fill: none; stroke: var(--grid); stroke-width: 0.6; stroke-linecap: square": "grid",
    "fill: none; stroke: var(--muted); stroke-width: 0.8; stroke-linejoin: miter; "
    "stroke-linecap: square": "frame",
    "fill: var(--muted); fill-opacity: 0.6": "dot",
}
"""What is drawn hundreds of times; the page's style sheet has the classes."""


def pictures_for_page(picture: FigureSpec, evidence: Evidence) -> dict[Language, Markup]:
    """A figure as SVG in the page, by language: its colours follow the page's. An image that both
    drawings show is in the page once.

    Raises:
        DataError: the data set or predictions are damaged.
    """
    images: dict[str, str] = {}
    return {lang: _svg(picture, evidence, lang, images) for lang in LANGUAGES}


def _svg(picture: FigureSpec, evidence: Evidence, lang: Language, images: dict[str, str]) -> Markup:
    look = Style(lang=lang, on_page=True)
    svg = _compact(render_picture(picture, look, evidence, "svg").decode(), look.notes)
    for name, note in look.notes.items():
        svg = _weave(svg, name, note)
    # Several SVGs share one page: their identifiers must not meet.
    prefix = f"{picture.name}-{lang}"
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'href="#', f'href="#{prefix}-', svg)
    svg = svg.replace("url(#", f"url(#{prefix}-")
    for name in ("ink", "muted", "grid", "heat"):
        svg = svg.replace(getattr(look, name), f"var(--{name})")
    for style, name in _STYLES.items():
        svg = svg.replace(f'style="{style}"', f'class="{name}"')

    def once(found: re.Match[str]) -> str:
        data, size, transform, rest = found.groups()
        first = data not in images
        name = images.setdefault(data, f"{picture.name}-image-{len(images)}")
        image = f'<image xlink:href="{data}" id="{name}"{size}{rest}/>'
        inner = image if first else f'<use xlink:href="#{name}"/>'
        return f'<g transform="{transform}">{inner}</g>'

    svg = _IMAGE.sub(once, svg)
    label = html.escape(picture.title_zh if lang == "zh" else picture.title)
    code = "zh-Hans" if lang == "zh" else "en"
    opening = f'<svg class="{lang}" lang="{code}" role="img" aria-label="{label}"'
    svg = re.sub(r'<svg\b(.*?) width="[^"]*"', rf"{opening}\1", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r'(<svg\b[^>]*?) height="[^"]*"', r"\1", svg, count=1, flags=re.DOTALL)
    return Markup(svg)  # noqa: S704 - our own drawing; matplotlib escapes its text


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _compact(svg: str, kept: Iterable[str]) -> str:
    """A drawing in half of the bytes: lengths to a hundredth of a point, no names that nothing
    refers to but those `kept`, no groups of one, and the fonts are the page's."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]*\.[^>]*>", lambda tag: _LONG_NUMBER.sub(_rounded, tag[0]), svg)
    svg = re.sub(r" font-family: [^;\"]*;", "", svg)
    svg = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", svg)
    svg = svg.replace("data:image/png;base64,\n", "data:image/png;base64,")
    svg = re.sub(r"\n *(?=[<\"LMCQz])", "", svg)
    svg = _STRAIGHT.sub(lambda found: found[0].replace("L ", ""), svg)
    known = {*kept, *re.findall(r'(?:href="#|url\(#)([^")]+)', svg)}
    svg = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in known else "", svg)
    while (less := _LONE.sub(r"\1", svg)) != svg:
        svg = less
    return svg


def _weave(svg: str, name: str, note: Note) -> str:
    """Put what was noted of an artist into its group: a browser shows the titles, and with a script
    the page. What was not drawn, wholly or in part, has none: no text may stand at another point.
    """
    before, opening, after = svg.partition(f'<g id="{name}"')
    if not opening:
        return svg
    end = _end_of_group(after)
    inside, rest = after[:end], after[end:]
    if isinstance(note, Panel):
        lines = [[of, *said] for of, said in note.lines.items()]
        attributes = {
            "panel": note.model,
            "label": note.label,
            "lines": json.dumps(lines, ensure_ascii=False, separators=(",", ":")),
            "x": "{:g} {:g}".format(*note.x),
            "y": "{:.6g} {:.6g}".format(*note.y),
        }
        return before + _group(attributes) + after
    tag = "path" if isinstance(note, Cells) else "use"
    markers = re.compile(rf"<{tag}\b([^>]*)/>")
    if not note.texts or len(markers.findall(inside)) != len(note.texts):
        return before + "<g" + after
    attributes = {"label": note.label}
    if isinstance(note, Cells):
        attributes["cells"] = note.model
    left = iter(enumerate(note.texts))

    def titled(found: re.Match[str]) -> str:
        at, text = next(left)
        seed = f' data-seed="{note.seeds[at]}"' if isinstance(note, Points) and note.seeds else ""
        return f"<{tag}{found[1]}{seed}><title>{html.escape(text)}</title></{tag}>"

    return before + _group(attributes) + markers.sub(titled, inside) + rest


def _end_of_group(svg: str) -> int:
    """Where the group ends in whose opening tag `svg` begins."""
    depth = 1
    for found in re.finditer(r"<(/?)g\b", svg):
        depth += -1 if found[1] else 1
        if not depth:
            return found.start()
    return len(svg)


def _group(attributes: Mapping[str, str]) -> str:
    return "<g" + "".join(f' data-{key}="{html.escape(v)}"' for key, v in attributes.items())
