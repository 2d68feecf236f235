"""The report's three networks, and those of other reports.

All take images float32 (B, 3, 32, 32) and return logits float32 (B, 10), for any B of at least 1.
"""

from __future__ import annotations

import copy
import hashlib
import linecache
import sys
import types
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from repro import streams
from repro.errors import TrainingError, sentence
from repro.networks.activations import ACTIVATIONS
from repro.spec import DROPOUT, Purpose, Recipe, stream_seed


class Net(nn.Module):
    """LeNet-5's shape on colour images: figure 3-9 and section 3.2.2; 62,006 parameters."""

    def __init__(self, activation: Callable[[Tensor], Tensor] = F.relu) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.activation(self.conv1(x)), 2)
        x = F.max_pool2d(self.activation(self.conv2(x)), 2)
        x = x.flatten(1)
        x = self.activation(self.fc1(x))
        x = self.activation(self.fc2(x))
        logits: Tensor = self.fc3(x)
        return logits


class SeededDropout(nn.Module):
    """Dropout whose masks are those of :mod:`repro.streams`, on whatever device it runs.

    `nn.Dropout` draws from the device's global generator: other bits on every device, and on CPUs
    of different makers, since torch draws Bernoulli numbers through MKL on some of them.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.begin(0, "dropout", 0, 0)

    def begin(self, seed: int, purpose: Purpose, epoch: int, layer: int) -> None:
        """Draw from the start of this stream."""
        self._stream = (seed, purpose, epoch, layer)
        self._drawn = 0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        seed, purpose, epoch, layer = self._stream
        drawn = streams.kept(
            seed, purpose, x.numel(), self.p, epoch=epoch, layer=layer, start=self._drawn
        )
        self._drawn += x.numel()
        kept = torch.from_numpy(drawn).view(x.shape)
        return x * kept.to(x.device, x.dtype).div_(1 - self.p)


class ImprovedNet(nn.Module):
    """Section 3.2.4, layer for layer as its figure 3-7 prints it; 1,276,234 parameters."""

    def __init__(
        self, activation: Callable[[Tensor], Tensor] = F.relu, dropout: float = DROPOUT
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.conv3 = nn.Conv2d(64, 128, 3, padding=1)
        self.fc1 = nn.Linear(128 * 4 * 4, 512)
        self.fc2 = nn.Linear(512, 256)
        self.fc3 = nn.Linear(256, 10)
        self.dropout = SeededDropout(dropout)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.activation(self.conv1(x)), 2)
        x = F.max_pool2d(self.activation(self.conv2(x)), 2)
        x = F.max_pool2d(self.activation(self.conv3(x)), 2)
        x = x.flatten(1)
        x = self.dropout(self.activation(self.fc1(x)))
        x = self.activation(self.fc2(x))
        logits: Tensor = self.fc3(x)
        return logits


def resnet18() -> nn.Module:
    """Torchvision's resnet18 with 10 classes, section 3.2.5; 11,181,642 parameters."""
    import torchvision  # noqa: PLC0415 - takes a second that the other networks need not wait

    model: nn.Module = torchvision.models.resnet18(num_classes=10)
    return model


def build(recipe: Recipe, *, seed: int, code: str = "") -> nn.Module:
    """The recipe's network with the initial weights of `seed`, on the CPU, in training mode.

    `code` is the file that has it, where the recipe names one: it is run.

    The weights of the report's networks are those of :func:`repro.streams.initial_weights`. Others
    draw theirs as torch's layers do, from a generator that `seed` alone decides. The caller's
    global generator is left as it was.

    Raises:
        TrainingError: there is no such network, its code is not the recipe's or fails, or it makes
            something else than (B, 10) of (B, 3, 32, 32).
    """
    if recipe.is_reports:
        model = _reports(recipe)
        drawn = streams.initial_weights(recipe.architecture, seed, recipe.initial_weights)
        model.load_state_dict({name: torch.from_numpy(value) for name, value in drawn.items()})
        return model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "init"))
        return _other(recipe, code)


def _reports(recipe: Recipe) -> nn.Module:
    """One of the report's networks; its weights are replaced."""
    with torch.random.fork_rng(devices=[]):
        if recipe.architecture == "resnet":
            return resnet18()
        activation = ACTIVATIONS[recipe.activation]
        if recipe.architecture == "net":
            return Net(activation)
        return ImprovedNet(activation, recipe.dropout)


def _other(recipe: Recipe, code: str) -> nn.Module:
    """A network of torchvision, or of `code`; its dropout draws from generators of its own."""
    place, _, name = recipe.architecture.partition(":")
    try:
        if place == "torchvision":
            import torchvision  # noqa: PLC0415 - as above

            if name not in torchvision.models.list_models(module=torchvision.models):
                raise ValueError(  # noqa: TRY301
                    sentence("torchvision has no classifier of this name")
                )
            model = torchvision.models.get_model(name, weights=None, num_classes=10)
        else:
            if hashlib.sha256(code.encode()).hexdigest() != recipe.code_sha256:
                raise ValueError(  # noqa: TRY301
                    sentence("expected code with SHA-256 {digest}", digest=recipe.code_sha256)
                )
            model = getattr(_module(place, code), name)()
        _seed_dropout(model)
        model.eval()
        with torch.no_grad():
            shape = tuple(model(torch.zeros(2, 3, 32, 32)).shape)
            # Some give more than logits while they learn. A copy: statistics of batches move.
            trained = copy.deepcopy(model).train()(torch.zeros(2, 3, 32, 32))
        if not isinstance(trained, Tensor):
            raise TypeError(  # noqa: TRY301
                sentence("in training it gives {kind}", kind=type(trained).__name__)
            )
        _check_state(model)
        model.train()
    except Exception as error:  # whatever the user's own code raises
        raise TrainingError(
            sentence(
                "{network}: no network: {kind}: {error}",
                network=recipe.architecture,
                kind=type(error).__name__,
                error=error,
            )
        ) from None
    if shape != (2, 10):
        raise TrainingError(
            sentence(
                "{network}: expected logits (B, 10) of images (B, 3, 32, 32); got "
                "{shape} with B = 2",
                network=recipe.architecture,
                shape=shape,
            )
        )
    network: nn.Module = model
    return network


def _check_state(model: nn.Module) -> None:
    """Refuse now what would fail after the first epoch.

    Raises:
        ValueError: no parameter is trained, or a tensor has a type that no file here holds.
    """
    if not any(each.requires_grad for each in model.parameters()):
        raise ValueError(sentence("expected parameters to train; none has requires_grad"))
    for name, tensor in model.state_dict().items():
        if tensor.dtype not in _STORABLE:
            raise ValueError(
                sentence(
                    "{name}: a tensor of type {dtype} cannot be stored",
                    name=name,
                    dtype=tensor.dtype,
                )
            )


_STORABLE = {
    torch.float64, torch.float32, torch.float16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool,
}  # fmt: skip


def _module(name: str, code: str) -> types.ModuleType:
    """The user's own file as a module. What it defines can look it up, as dataclasses do, by a name
    that no other module has."""
    digest = hashlib.sha256(code.encode()).hexdigest()
    module = types.ModuleType(f"{name.removesuffix('.py')}_{digest[:12]}")
    module.__file__ = f"{digest[:12]}/{name}"  # the file may be on another machine
    sys.modules[module.__name__] = module
    # TorchScript looks up the source of what it compiles.
    lines = code.removeprefix("\ufeff").splitlines(keepends=True)
    linecache.cache[module.__file__] = (len(code), None, lines, module.__file__)
    # From bytes, as from a file: a byte order mark is no code. Without the future imports of this
    # file.
    compiled = compile(code.encode(), module.__file__, "exec", dont_inherit=True)
    exec(compiled, module.__dict__)  # noqa: S102
    return module


def _seed_dropout(model: nn.Module) -> None:
    for name, child in model.named_children():
        if type(child) is nn.Dropout:
            setattr(model, name, SeededDropout(child.p))
        else:
            _seed_dropout(child)
