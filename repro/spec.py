"""What to run: recipes, runs and the random streams that a seed stands for.

Standard library only, so that every other module can import it at no cost.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from repro.errors import sentence
from repro.validation import (
    check_epochs,
    check_integer,
    check_literals,
    check_network,
    check_number,
)

Architecture = Literal["net", "improved", "resnet"]
"""The report's networks."""
Activation = Literal["relu", "leaky_relu", "swish", "sigmoid"]
"""Those of the report's tables, and Sigmoid, of which section 3.1.3 speaks."""
Optimiser = Literal["sgd", "adam"]
Pixels = Literal["unit", "symmetric", "imagenet"]
TrainingImages = Literal["split", "all"]
"""Those that do not validate, or all 50,000: the validation images then train too."""
Order = Literal["shuffled", "fixed"]
"""Anew for every epoch, or that of the data set in all of them."""
InitialWeights = Literal["torch", "xavier", "he"]
"""Torch's default distributions; Glorot's uniform one; He's normal one by the inputs. The biases of
the last two are zeros."""
Device = Literal["cpu", "cuda", "mps"]
Engine = Literal["kernels", "torch", "portable", "native"]
"""What computes a run. `kernels`: the code in repro/kernels, for the report's networks, on a CPU or
an NVIDIA GPU to the same bits. `torch`: PyTorch, for other networks and devices. `portable` and
`native`: runs of version 0.1, which trained with PyTorch and other random streams. Their records
are read, but not trained on."""
EngineChoice = Literal["auto", "kernels", "torch", "portable", "native"]
DatasetName = Literal["cifar10", "synthetic"]

Channels = tuple[float, float, float]
PIXEL_STATISTICS: Mapping[Pixels, tuple[Channels, Channels] | None] = {
    "unit": None,
    "symmetric": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
"""Mean and deviation of red, green and blue by which values in [0, 1] are standardised; None where
they stay as they are."""

DROPOUT = 0.5
"""Of the report's ImprovedNet (section 3.2.4)."""

READING_EPOCHS = (10, 30, 60, 100)
"""The epochs at which tables 3-1 to 3-4 read the test set."""

LATER_EPOCHS = (150, 200, 250, 300)
"""Where it is read beyond the tables: the report expects ImprovedNet to rise on (section 3.2.4)."""

MAX_SEED = 2**63 - 1

FITTING_SEEDS = (100, 101, 102)
"""Those by which the recipe was chosen. They verify nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a network is made and trained, apart from chance and from the machine.

    The report (section 3.2.3) names the loss, mini-batches and "gradient descent" and nothing
    else, so every value here is inferred; docs/recipe.md says how.

    Raises:
        ValueError: a value outside its set or range, naming the field.
    """

    architecture: str
    """One of the report's (:data:`Architecture`), "torchvision:NAME" for a classifier of
    torchvision, or "FILE.py:FUNCTION" for a function of one's own that returns a network."""
    activation: Activation = "relu"
    """Of the report's own networks; the others have theirs."""
    optimiser: Optimiser = "sgd"
    learning_rate: float = 0.01
    momentum: float = 0.0
    batch_size: int = 20
    pixels: Pixels = "symmetric"
    """Where bytes go: [0, 1], [-1, 1], or standardised by ImageNet's mean and deviation."""
    dropout: float = DROPOUT
    """Share of the outputs of ImprovedNet's first dense layer that training leaves out; 0 for none,
    which asks what dropout did."""
    dropout_at_prediction: bool = False
    """Dropout left on at prediction: what a forgotten ``eval()`` does."""
    training_images: TrainingImages = "split"
    order: Order = "shuffled"
    jpeg_quality: int = 0
    """The training images were JPEG files of this quality, 1 to 100; 0 for files without loss."""
    initial_weights: InitialWeights = "torch"
    readings: tuple[int, ...] = ()
    """At which epochs the test set is read; none for those of the report's tables and later ones:
    :data:`READING_EPOCHS`, :data:`LATER_EPOCHS`."""
    code_sha256: str = ""
    """Digest of the FILE.py that has the network: with other code it is another recipe."""

    def __post_init__(self) -> None:
        check_literals(self)
        check_network(get_args(Architecture), self.architecture, self.activation, self.code_sha256)
        if list(self.readings) != sorted(set(self.readings)):
            raise ValueError(
                sentence("readings: expected rising epochs; got {readings}", readings=self.readings)
            )
        for epoch in self.readings:
            check_epochs(epoch)
        rate = check_number("learning_rate", self.learning_rate, at_least=0)
        if rate == 0:
            raise ValueError(sentence("learning_rate: expected a number above 0; got 0"))
        object.__setattr__(self, "learning_rate", rate)
        momentum = check_number("momentum", self.momentum, at_least=0, below=1)
        object.__setattr__(self, "momentum", momentum)
        check_integer("batch_size", self.batch_size, at_least=1, at_most=40_000)
        dropout = check_number("dropout", self.dropout, at_least=0, below=1)
        if dropout != DROPOUT and self.architecture != "improved":
            raise ValueError(sentence(
                "dropout: {network} has no such layer; got {dropout:g}",
                network=self.architecture, dropout=dropout,
            ))  # fmt: skip
        object.__setattr__(self, "dropout", dropout)
        check_integer("jpeg_quality", self.jpeg_quality, at_least=0, at_most=100)
        if not isinstance(self.dropout_at_prediction, bool):
            raise ValueError(sentence(
                "dropout_at_prediction: expected true or false; got {value!r}",
                value=self.dropout_at_prediction,
            ))  # fmt: skip
        if self.optimiser == "adam" and momentum:
            raise ValueError(sentence("momentum: Adam has its own moments; expected 0"))

    @property
    def is_reports(self) -> bool:
        """Whether the network is one of the report's."""
        return ":" not in self.architecture

    @property
    def reading_epochs(self) -> tuple[int, ...]:
        """The epochs at which the test set is read."""
        return self.readings or (*READING_EPOCHS, *LATER_EPOCHS)

    @property
    def has_dropout(self) -> bool:
        """Whether the network is the report's with dropout, which is read with it on and off."""
        return self.architecture == "improved" and self.dropout > 0


REPORT_RECIPES: Mapping[str, Recipe] = {
    "net-relu": Recipe(architecture="net"),
    "net-leaky_relu": Recipe(architecture="net", activation="leaky_relu"),
    "net-swish": Recipe(architecture="net", activation="swish"),
    "improved": Recipe(architecture="improved"),
    "resnet": Recipe(architecture="resnet"),
}
"""The five models of tables 3-1 to 3-4, by the names that `expected_results/` uses."""

ABLATIONS: Mapping[str, Recipe] = {
    "net-sigmoid": Recipe(architecture="net", activation="sigmoid"),
    "improved-no_dropout": Recipe(architecture="improved", dropout=0.0),
}
"""Models that no table has, and that a sentence of the report compares with: Sigmoid (section
3.1.3) and ImprovedNet without its dropout (section 3.2.4)."""

CLAIM_RECIPES: Mapping[str, Recipe] = {**REPORT_RECIPES, **ABLATIONS}
"""All models that a claim can name."""


REPORT_DROPOUT_AT_PREDICTION = True
"""Whether dropout was left on where the report read ImprovedNet's figures.

Inferred on fitting seed 100: left on, its four accuracies are within 0.013 of the report's; off,
0.007 to 0.033 above (results/search). Training is the same either way, and each reading has both.
"""


EARLIER_ENGINES: tuple[Engine, ...] = ("portable", "native")
"""Of version 0.1."""


def engine_for(recipe: Recipe, device: Device) -> Engine:
    """What computes a recipe's network on a device, unless somebody asks for another engine."""
    return "kernels" if device in {"cpu", "cuda"} and recipe.is_reports else "torch"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """One training trajectory: everything that decides its bits but the library versions.

    The number of epochs is not part of it. The learning rate is constant, so the run to 10 epochs
    is the beginning of the run to 100: how far a run has got is a property of its record, and a
    longer request goes on where a shorter one stopped.

    Raises:
        ValueError: a value outside its set or range, naming the field.
    """

    recipe: Recipe
    seed: int
    device: Device = "cpu"
    """Of the torch engine, whose bits depend on it. The kernels' do not: theirs are "cpu", wherever
    they are computed."""
    engine: Engine = "kernels"
    dataset: DatasetName = "cifar10"

    def __post_init__(self) -> None:
        if not isinstance(self.recipe, Recipe):
            raise ValueError(
                sentence("recipe: expected a Recipe; got {recipe!r}", recipe=self.recipe)
            )
        check_literals(self)
        check_integer("seed", self.seed, at_least=0, at_most=MAX_SEED)
        if self.engine == "kernels" and not self.recipe.is_reports:
            raise ValueError(sentence(
                "engine: the kernels compute the report's networks; {network} needs "
                "the torch engine",
                network=self.recipe.architecture,
            ))  # fmt: skip
        if self.engine == "kernels" and self.device != "cpu":
            raise ValueError(sentence(
                "device: runs of the kernels are the same everywhere; expected cpu, "
                "got {device}",
                device=self.device,
            ))  # fmt: skip

    @property
    def is_earlier(self) -> bool:
        """Whether version 0.1 trained the run: it can be read, but not trained or predicted with
        to the same bits."""
        return self.engine in EARLIER_ENGINES

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; :func:`without_later` of the recipe's fields. Version 0.1 had a `profile`
        where the engine is now, and such runs have the digests that they had."""
        fields_ = dataclasses.asdict(self)
        fields_["recipe"] = without_later(fields_["recipe"])
        if not self.is_earlier:
            return fields_
        return {"profile" if name == "engine" else name: each for name, each in fields_.items()}

    @property
    def digest(self) -> str:
        """SHA-256 (64 hexadecimal digits) of the canonical JSON of every field."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def name(self) -> str:
        """The run's name: readable first, then 12 digits of the digest that make it unique."""
        recipe = self.recipe
        network = recipe.architecture.rpartition(":")[2]
        kind = f"{network}-{recipe.activation}" if recipe.is_reports else network
        return f"{kind}-seed{self.seed}-{self.digest[:12]}"


def without_later(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's fields without those that came later, where they say nothing: runs of before have
    the digests that they had."""
    return {
        name: value for name, value in recipe.items() if name not in _LATER or value != _LATER[name]
    }


_LATER: Mapping[str, Any] = {
    field.name: field.default
    for field in fields(Recipe)
    if field.name
    in {
        "readings", "code_sha256", "dropout", "training_images", "order", "jpeg_quality",
        "initial_weights",
    }
}  # fmt: skip


Purpose = Literal["split", "init", "shuffle", "dropout", "prediction"]


def stream_seed(seed: int, purpose: Purpose, epoch: int = 0, layer: int = 0) -> int:
    """The seed, in [0, 2**63), of one independent random stream of a run.

    A run has no global generator. Each purpose, and each epoch of it, has a generator of its own,
    so that (a) resuming needs no generator state, (b) drawing more for one purpose moves no other,
    and (c) two networks with one seed see the same split and the same batches, which makes their
    comparison paired. So has each `layer`, from 0, that draws for one purpose.
    """
    key = f"repro/{purpose}/{seed}/{epoch}" + (f"/{layer}" if layer else "")
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1
