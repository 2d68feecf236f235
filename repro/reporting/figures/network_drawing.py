"""The networks layer by layer, as the report's figures 3-9 and 3-7 draw them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from repro.networks.layers import INPUT_SHAPE, NETWORKS, Layer
from repro.reporting.figures.style import SERIES, Style, blank
from repro.verdicts.evidence import Evidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def network(name: str) -> Callable[[Figure, Style, Evidence], None]:
    """A network from its input to its ten logits: a block a layer, its shape and parameters."""

    def draw(figure: Figure, look: Style, _: Evidence) -> None:
        layers = [Layer("input", "input", INPUT_SHAPE, 0), *NETWORKS[name]]
        axes = figure.subplots()
        axes.set(xlim=(-0.6, len(layers) - 0.4), ylim=(-1.55, 1.15))
        blank(axes)
        for x, layer in enumerate(layers):
            _block(axes, look, x, layer)
            if x:
                axes.annotate(
                    "",
                    (x - 0.33, 0),
                    (x - 0.67, 0),
                    arrowprops={"arrowstyle": "->", "color": look.muted, "linewidth": 1},
                )
        total = sum(layer.parameters for layer in layers)
        axes.text(
            len(layers) - 0.55,
            1.02,
            look.colon(look.say("parameters"), f"{total:,}"),
            ha="right",
            va="top",
        )

    return draw


_KINDS = {"input": "green", "conv": "blue", "pool": "orange", "linear": "red", "dropout": "purple"}


def _block(axes: Axes, look: Style, x: int, layer: Layer) -> None:
    """Height by the size of the maps, or of the vector; width by the number of channels."""
    from matplotlib.patches import FancyBboxPatch  # noqa: PLC0415

    flat = len(layer.shape) == 1
    height = (
        0.22 + 1.4 * (np.log2(layer.shape[0]) / 11 if flat else np.log2(layer.shape[1]) / 5) ** 2
    )
    width = 0.1 if flat else 0.1 + 0.36 * np.log2(layer.shape[0]) / 7
    colour = SERIES[_KINDS[layer.kind]]
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, -height / 2),
            width,
            height,
            boxstyle="round,pad=0.02,rounding_size=0.04",
            facecolor=colour,
            alpha=0.8,
            edgecolor="none",
        )
    )
    name = look.say(layer.name) if layer.kind in {"input", "pool", "dropout"} else layer.name
    if layer.kernel:
        name += f"\n{layer.kernel}×{layer.kernel}"
    axes.text(
        x, -0.92, name, ha="center", va="top", fontsize=9, fontweight=look.bold, linespacing=1.3
    )
    shape = "×".join(map(str, layer.shape))
    count = f"{layer.parameters:,}" if layer.parameters else ""
    axes.text(x, -1.24, f"{shape}\n{count}", ha="center", va="top", fontsize=7.5, color=look.muted)
