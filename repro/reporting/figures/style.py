"""One look for all figures: colours, sizes, languages, and how they are written to files."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from repro.reporting.figures.notes import Note
from repro.reporting.language import FIGURE_WORDS, Language

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

Format = Literal["svg", "png", "pdf"]

FONT = Path(__file__).parent / "fonts" / "ReproSansSC-Regular.otf"
"""The Chinese characters of our labels and no others; fonts/README.md says how it was made."""
FONT_NAME = "Repro Sans SC"

SERIES = {
    "blue": "#2f7fc1", "orange": "#cc7a00", "green": "#10936c", "red": "#cf4f1d",
    "purple": "#b0609a",
}  # fmt: skip
"""After Okabe and Ito: told apart by colour-blind readers, and legible on white and on black."""

MODEL_COLOURS = {
    "net-relu": SERIES["blue"], "net-leaky_relu": SERIES["orange"], "net-swish": SERIES["green"],
    "improved": SERIES["red"], "resnet": SERIES["purple"],
}  # fmt: skip
MODEL_MARKERS = {
    "net-relu": "o", "net-leaky_relu": "s", "net-swish": "^", "improved": "D", "resnet": "v",
}  # fmt: skip
MODEL_NAMES = {
    "net-relu": "Net (ReLU)", "net-leaky_relu": "Net (Leaky ReLU)", "net-swish": "Net (Swish)",
    "improved": "ImprovedNet", "resnet": "ResNet",
}  # fmt: skip
ABLATION_NAMES = {
    "net-sigmoid": "Net (Sigmoid)", "improved-no_dropout": "ImprovedNet without dropout",
}  # fmt: skip
"""Of models that only a claim names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """The language and the colours of one drawing."""

    lang: Language = "en"
    dark: bool = False
    on_page: bool = False
    """Without a ground of its own: it lies on a page, light or dark."""
    notes: dict[str, Note] = field(default_factory=dict, compare=False)
    """What was noted of the drawing on a page, by the identifier in the SVG."""

    @property
    def ink(self) -> str:
        return "#e8e9eb" if self.dark else "#1b1c1f"

    @property
    def muted(self) -> str:
        return "#a3a7ae" if self.dark else "#63676e"

    @property
    def grid(self) -> str:
        return "#3b3f46" if self.dark else "#d8dbe0"

    @property
    def heat(self) -> str:
        """Of the fullest cell of a matrix; on it and on all below, `ink` is legible."""
        return "#23649c" if self.dark else "#5ba3d9"

    @property
    def paper(self) -> str:
        if self.on_page:
            return "none"
        return "#16181b" if self.dark else "#ffffff"

    @property
    def bold(self) -> str:
        """The weight of what stands out; our Chinese font has but one, a browser's has more."""
        return "normal" if self.lang == "zh" and not self.on_page else "bold"

    def say(self, text: str) -> str:
        """`text` in the drawing's language; what has no translation stays as it is."""
        return FIGURE_WORDS.get(text, text) if self.lang == "zh" else text

    def join(self, *parts: str) -> str:
        """Parts of a label, with the comma of the drawing's language between them."""
        return ("，" if self.lang == "zh" else ", ").join(parts)

    def bracket(self, text: str) -> str:
        """`text` in brackets; before Chinese ones stands no space."""
        return f"（{text}）" if self.lang == "zh" else f" ({text})"

    def colon(self, name: str, text: str) -> str:
        """A name and what is said of it."""
        return f"{name}：{text}" if self.lang == "zh" else f"{name}: {text}"

    def note(self, artist: Artist, note: Note) -> None:
        """Keep what an artist's points are; files of single figures stay as they are."""
        if self.on_page:
            name = f"note-{len(self.notes)}"
            artist.set_gid(name)
            self.notes[name] = note

    def rc(self) -> dict[str, Any]:
        """Matplotlib's settings for this look."""
        return {
            "font.family": ["DejaVu Sans", *([FONT_NAME] if self.lang == "zh" else [])],
            "font.size": 10.0,
            "text.color": self.ink,
            "axes.labelcolor": self.ink,
            "axes.edgecolor": self.muted,
            "axes.facecolor": "none",
            "axes.titlesize": 10.0,
            "axes.titleweight": self.bold,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": False,
            "grid.color": self.grid,
            "xtick.color": self.muted,
            "ytick.color": self.muted,
            "figure.facecolor": self.paper,
            "savefig.facecolor": self.paper,
            "legend.frameon": False,
            "legend.fontsize": 9.0,
            "lines.linewidth": 1.6,
            "svg.fonttype": "none",
        }


def render(
    draw: Any,
    size: tuple[float, float],
    look: Style,
    form: Format,
    *,
    salt: str = "",
    dots: int = 200,
) -> bytes:
    """The bytes of a drawing: `draw(figure, look)` on a figure of `size` inches.

    `salt` keeps the identifiers inside several SVGs of one page apart.
    """
    mpl = load_matplotlib()
    from matplotlib import font_manager  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    if look.lang == "zh" and FONT_NAME not in font_manager.fontManager.get_font_names():
        font_manager.fontManager.addfont(FONT)
        # Else matplotlib warns where a page asks for a bold text, which browsers have.
        known = font_manager.fontManager.ttflist
        known.append(replace(known[-1], weight=700))
    settings: Any = {**look.rc(), "svg.hashsalt": salt or "repro"}
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever the caller's matplotlibrc says
        mpl.rcParams.update(settings)
        figure = Figure(figsize=size, layout="constrained")
        draw(figure, look)
        # Once; saving would lay out all the same twice more, half of the time a page takes.
        figure.get_layout_engine().execute(figure)  # type: ignore[union-attr]
        figure.set_layout_engine(None)
        out = io.BytesIO()
        figure.savefig(out, format=form, dpi=dots, metadata=_TIMELESS[form])
    # A viewer may lack DejaVu Sans, and would take a font with serifs.
    return out.getvalue().replace(b"'DejaVu Sans'", _FAMILIES) if form == "svg" else out.getvalue()


def load_matplotlib() -> ModuleType:
    """Matplotlib, which does not begin where MPLBACKEND names a backend that is not installed, as a
    notebook's may not be. We draw without one; the caller's own figures get it all the same."""
    first = "matplotlib" not in sys.modules
    backend = os.environ.pop("MPLBACKEND", None)
    # It warns of a matplotlibrc that we do not use, and of a home in which it can keep nothing.
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        import matplotlib as mpl  # noqa: PLC0415 - slow to import
        from matplotlib import font_manager  # noqa: F401, PLC0415
    finally:
        logger.setLevel(level)
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if first and backend:
        with suppress(ValueError):
            mpl.rcParams["backend"] = backend
    return mpl


_TIMELESS: Mapping[Format, Mapping[str, Any]] = {
    "svg": {"Date": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None},
}
_FAMILIES = b"'DejaVu Sans', Verdana, 'Noto Sans SC', 'PingFang SC', 'Microsoft YaHei', sans-serif"


def horizontal_grid(axes: Axes) -> None:
    """Thin lines behind the data, to read heights by."""
    axes.grid(visible=True, axis="y", linewidth=0.6)
    axes.set_axisbelow(True)


def blank(axes: Axes) -> None:
    """No frame and no ticks."""
    axes.set_axis_off()


def mosaic(
    axes: Axes,
    tiles: Sequence[np.ndarray],
    columns: int,
    captions: Sequence[str] = (),
    colours: Sequence[str] = (),
) -> list[tuple[int, int]]:
    """Square images (S, S, 3) in rows of `columns`, each with its caption above.

    With `colours`, one a tile, the tiles are framed and the captions written in them. Returns the
    place of each tile, its left and upper pixel: all are one image, which SVG holds as it is and
    which takes a tenth of the time of an axes a tile.
    """
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    if not tiles:
        blank(axes)
        return []
    size = len(tiles[0])
    gap = max(1, size // 8)
    lines = max((caption.count("\n") + 1 for caption in captions), default=0)
    wide, high = size + gap, size + gap + size * 9 * lines // 32
    rows = -(-len(tiles) // columns)
    canvas = np.zeros((rows * high, columns * wide, 4), tiles[0].dtype)
    places = [
        (n % columns * wide, (n // columns + 1) * high - size - gap) for n in range(len(tiles))
    ]
    for (x, y), tile in zip(places, tiles, strict=True):
        canvas[y : y + size, x : x + size, :3] = tile
        canvas[y : y + size, x : x + size, 3] = 255 if tile.dtype == np.uint8 else 1
    axes.imshow(canvas, extent=(0, columns * wide, rows * high, 0), interpolation="none")
    for number, (x, y) in enumerate(places):
        colour: dict[str, Any] = {"color": colours[number]} if colours else {}
        if captions:
            middle, above = x + size / 2, y - size / 16
            axes.text(
                middle, above, captions[number], ha="center", va="bottom", fontsize=9, **colour
            )
        if colours:
            axes.add_patch(Rectangle((x, y), size, size, fill=False, linewidth=2, **colour))
    blank(axes)
    return places
