"""The figures as they stand in the page."""

from __future__ import annotations

import html
import re

from markupsafe import Markup

from repro.reporting.figures.registry import FigureSpec, render_picture
from repro.reporting.figures.style import Style
from repro.reporting.language import FIGURE_WORDS
from repro.verdicts.evidence import Evidence

_PHRASE = re.compile(
    "(?<![A-Za-z0-9])("
    + "|".join(re.escape(each) for each in sorted(FIGURE_WORDS, key=len, reverse=True))
    + ")(?![A-Za-z0-9])"
)


def picture_for_page(picture: FigureSpec, evidence: Evidence) -> Markup:
    """A figure as SVG inside the page: its colours follow the page's, its words its language."""
    look = Style(on_page=True)
    svg = render_picture(picture, look, evidence, "svg").decode()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Several SVGs share one page: their identifiers must not meet.
    svg = re.sub(r'\bid="', f'id="{picture.name}-', svg)
    svg = re.sub(r'href="#', f'href="#{picture.name}-', svg)
    svg = svg.replace("url(#", f"url(#{picture.name}-")
    for name in ("ink", "muted", "grid"):
        svg = svg.replace(getattr(look, name), f"var(--{name})")
    svg = re.sub(r"(<text\b[^>]*>)([^<]+)</text>", _in_both_languages, svg)
    label = html.escape(f"{picture.title} / {picture.title_zh}")
    opening = f'<svg role="img" aria-label="{label}"'
    svg = re.sub(r'<svg\b(.*?) width="[^"]*"', rf"{opening}\1", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r'(<svg\b[^>]*?) height="[^"]*"', r"\1", svg, count=1, flags=re.DOTALL)
    return Markup(svg)  # noqa: S704 - our own drawing; matplotlib escapes its text


def _in_both_languages(found: re.Match[str]) -> str:
    opening, text = found.groups()
    chinese = _PHRASE.sub(lambda phrase: html.escape(FIGURE_WORDS[phrase[0]]), text)
    if chinese == text:
        return found[0]
    return f'{opening}<tspan class="en">{text}</tspan><tspan class="zh">{chinese}</tspan></text>'
