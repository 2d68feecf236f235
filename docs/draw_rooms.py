"""Draws docs/images/rooms.svg, the rooms and which imports which, from the table of the test:
`python docs/draw_rooms.py`. A test holds the picture to the table."""

from __future__ import annotations

import html
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hooks import ROOT, purpose, tables

PICTURE = ROOT / "docs" / "images" / "rooms.svg"
WIDTH, HEIGHT = 216, 82
"""Of a room, in pixels."""
LOWEST = 56
"""Height of the single files, on which all else stands."""
ACROSS, DOWN = 236, 112
"""From one room to the next."""

Rooms = Mapping[str, set[str]]


def floors(rooms: Rooms) -> dict[str, int]:
    """How many rooms stand below each, one above the other."""
    out: dict[str, int] = {}
    for name, below in rooms.items():  # bottom up, as the table is
        out[name] = 1 + max((out[each] for each in below), default=-1)
    return out


def direct(rooms: Rooms) -> dict[str, set[str]]:
    """What a room imports that no other room that it imports brings: the arrows."""
    return {
        name: {each for each in below if not any(each in rooms[other] for other in below)}
        for name, below in rooms.items()
    }


def columns(rooms: Rooms) -> dict[str, float]:
    """Where each room stands on its floor: above those that it imports, and beside no other."""
    floor, arrows = floors(rooms), direct(rooms)
    place: dict[str, float] = {}
    for level in sorted(set(floor.values())):
        names = [name for name in rooms if floor[name] == level]
        if level <= 1:
            wanted = {name: float(n) for n, name in enumerate(names)}
        else:
            wanted = {n: sum(place[e] for e in arrows[n]) / len(arrows[n]) for n in names}
        last = -1.0
        for name in sorted(names, key=lambda name: wanted[name]):
            last = place[name] = max(wanted[name], last + 1)
    return place


def draw(rooms: Rooms, purposes: Mapping[str, str]) -> str:
    """The picture, as SVG: who imports stands above, an arrow leads to what it imports."""
    floor, place, arrows = floors(rooms), columns(rooms), direct(rooms)
    highest, widest = max(floor.values()), max(place.values())
    width, height = int(widest * ACROSS) + WIDTH + 24, highest * DOWN + LOWEST + 24

    def corner(name: str) -> tuple[float, float]:
        return 12 + place[name] * ACROSS, 12 + (highest - floor[name]) * DOWN

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'font-family="system-ui, sans-serif">',
        "<title>The rooms of the package, each above those that it imports</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8z" fill="#52606d"/></marker></defs>',
    ]
    for name, below in arrows.items():
        x, y = corner(name)
        for each in sorted(below - {"top"}):
            to_x, to_y = corner(each)
            parts.append(
                f'<path d="M{x + WIDTH / 2:g} {y + HEIGHT:g}L{to_x + WIDTH / 2:g} {to_y:g}" '
                'stroke="#52606d" fill="none" marker-end="url(#tip)"/>'
            )
    for name in rooms:
        x, y = corner(name)
        size = (width - 24, LOWEST) if name == "top" else (WIDTH, HEIGHT)
        lines = textwrap.wrap(purposes[name].replace("`", ""), 120 if name == "top" else 32)
        parts += _box(name, lines, (x, y), size)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _box(
    name: str, lines: Sequence[str], corner: tuple[float, float], size: tuple[int, int]
) -> list[str]:
    (x, y), (width, height) = corner, size
    title = {"top": "single files", "api": "api.py"}.get(name, f"{name}/")
    return [
        f'<rect x="{x:g}" y="{y:g}" width="{width}" height="{height}" rx="6" fill="#f0f4f8" '
        'stroke="#829ab1"/>',
        f'<text x="{x + 10:g}" y="{y + 22:g}" font-size="15" font-weight="600" fill="#102a43">'
        f"{title}</text>",
        *(
            f'<text x="{x + 10:g}" y="{y + 41 + 15 * n:g}" font-size="11.5" fill="#334e68">'
            f"{html.escape(line)}</text>"
            for n, line in enumerate(lines)
        ),
    ]


def picture() -> str:
    """The picture of the package as it is."""
    rooms = tables()["ROOMS"]
    return draw(rooms, {name: purpose(name) for name in rooms})


if __name__ == "__main__":
    PICTURE.write_text(picture(), encoding="utf-8", newline="\n")
