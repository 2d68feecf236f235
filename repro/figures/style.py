"""One look for all figures: colours, sizes, languages, and how they are written to files."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from repro.figures.words import CHINESE
from repro.store import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Language = Literal["en", "zh"]
Format = Literal["svg", "png"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The language and the colours of one drawing."""

    lang: Language = "en"
    dark: bool = False

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
    def paper(self) -> str:
        return "#16181b" if self.dark else "#ffffff"

    @property
    def bold(self) -> str:
        """The weight of what stands out; the Chinese font has but one."""
        return "normal" if self.lang == "zh" else "bold"

    def say(self, text: str) -> str:
        """`text` in the drawing's language; what has no translation stays as it is."""
        return CHINESE.get(text, text) if self.lang == "zh" else text

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


def write(draw: Any, size: tuple[float, float], look: Look, path: Path, *, dots: int = 200) -> None:
    """Draw to `path`, SVG or PNG by its suffix. The same drawing gives the same bytes.

    Raises:
        DiskError: the file system refuses.
    """
    write_atomically(
        path, render(draw, size, look, "png" if path.suffix == ".png" else "svg", dots=dots)
    )


def render(
    draw: Any,
    size: tuple[float, float],
    look: Look,
    form: Format,
    *,
    salt: str = "",
    dots: int = 200,
) -> bytes:
    """The bytes of a drawing: `draw(figure, look)` on a figure of `size` inches.

    `salt` keeps the identifiers inside several SVGs of one page apart.
    """
    import matplotlib as mpl  # noqa: PLC0415 - slow to import
    from matplotlib import font_manager  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    if look.lang == "zh" and FONT_NAME not in font_manager.fontManager.get_font_names():
        font_manager.fontManager.addfont(FONT)
    settings: Any = {**look.rc(), "svg.hashsalt": salt or "repro"}
    with mpl.rc_context(settings):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure, look)
        out = io.BytesIO()
        metadata: Mapping[str, Any] = {"Date": None} if form == "svg" else {"Software": None}
        figure.savefig(out, format=form, dpi=dots, metadata=metadata)
    return out.getvalue()


def horizontal_grid(axes: Axes) -> None:
    """Thin lines behind the data, to read heights by."""
    axes.grid(visible=True, axis="y", linewidth=0.6)
    axes.set_axisbelow(True)


def blank(axes: Axes) -> None:
    """No frame and no ticks."""
    axes.set_axis_off()


def show_images(
    figure: Figure, images: Sequence[Any], captions: Sequence[str], columns: int
) -> list[Axes]:
    """Images uint8 (3, 32, 32) in rows of `columns`, each with its caption above."""
    rows = -(-len(images) // columns)
    grid = figure.subplots(rows, columns, squeeze=False)
    shown = []
    for number, axes in enumerate(grid.flat):
        axes.set_xticks([])
        axes.set_yticks([])
        if number >= len(images):
            blank(axes)
            continue
        axes.imshow(images[number].transpose(1, 2, 0), interpolation="nearest")
        axes.set_title(captions[number], fontsize=9, fontweight="normal")
        for spine in axes.spines.values():
            spine.set_visible(False)
        shown.append(axes)
    return shown
