"""Where and with what a run was computed."""

from __future__ import annotations

from dataclasses import dataclass

from repro.determinism import guarantee
from repro.spec import RunSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a run's bits depend on beside its spec, and where its seconds were spent."""

    repro: str
    python: str
    numpy: str
    platform: str
    processor: str
    torch: str | None = None
    """Of the torch engine; so is torchvision."""
    torchvision: str | None = None
    kernels: str | None = None
    """Of the kernels: the version of their arithmetic, and what they were built for."""
    accelerator: str | None = None

    def to_dict(self) -> dict[str, str | None]:
        """JSON-ready, in the order in which version 0.1 wrote it; only the fields of its engine."""
        names = ("repro", "python", "torch", "torchvision", "numpy", "platform", "processor")
        own = "accelerator" if self.kernels is None else "kernels"
        return {
            name: value
            for name in (*names, own)
            if (value := getattr(self, name)) is not None or name == "accelerator"
        }

    @property
    def arithmetic(self) -> str | None:
        """The version of the kernels' arithmetic, which alone decides their bits."""
        return self.kernels and self.kernels.partition(",")[0]


def same_arithmetic(one: Environment, other: Environment, spec: RunSpec) -> bool:
    """Whether a run begun in one environment goes on in the other with the bits of either.

    The kernels' bits depend on the version of their arithmetic alone. Of torch's, level L3 does not
    depend on the CPU's model, the others do. A change of bits by this package is a change of its
    minor version.
    """
    if spec.engine == "kernels":
        return one.arithmetic == other.arithmetic

    def key(each: Environment) -> tuple[str | None, ...]:
        version = each.repro.rpartition(".")[0]
        parts = (version, each.torch, each.torchvision, each.numpy, each.platform)
        if spec.device == "cuda":  # the card decides, whatever CPU stands beside it
            return (*parts, each.accelerator)
        level = guarantee(spec.device, spec.engine, each.platform.rpartition("-")[2]).level
        # Of a network that is not ours nobody has looked whether its bits are the same elsewhere.
        known = level == "L3" and spec.recipe.is_reports
        return parts if known else (*parts, each.processor, each.accelerator)

    return key(one) == key(other)
