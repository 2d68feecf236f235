"""The random numbers of a run: streams that a counter makes, the same on every machine.

Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") turns a counter
and a key into four words. The key is the run's seed; the counter says what the words are for, in
which epoch, for which layer, and which block of the stream it is. So any part of any stream can be
had without the rest: resuming needs no state of a generator, drawing more for one purpose moves no
other, and two networks of one seed see the same split and the same batches.

`kernels/c/random.h` is the same in C.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from repro.normal import normal_quantile
from repro.spec import InitialWeights, Order, Purpose, TrainingImages

Indices = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint32]

PURPOSES: Mapping[Purpose, int] = {
    "split": 0, "init": 1, "shuffle": 2, "dropout": 3, "prediction": 4,
}  # fmt: skip
VALIDATION_SHARE = 0.2
"""10,000 of the 50,000 training images validate (section 3.2.3)."""

_BLOCKS_AT_A_TIME = 1 << 14
"""Blocks of four words whose arrays stay in a core's cache."""
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)


def words(
    seed: int, purpose: Purpose, count: int, *, epoch: int = 0, layer: int = 0, start: int = 0
) -> Words:
    """Words number `start` to `start + count` of a stream, uint32 (count,).

    `seed` is in [0, 2**63), `epoch` and `layer` in [0, 2**32).
    """
    first, last = start // 4, -(-(start + count) // 4)
    out = np.empty((max(last - first, 0), 4), np.uint32)
    for begin in range(first, last, _BLOCKS_AT_A_TIME):
        end = min(begin + _BLOCKS_AT_A_TIME, last)
        numbers = np.arange(begin, end, dtype=np.uint64)
        out[begin - first : end - first] = _philox(numbers, (layer, epoch, PURPOSES[purpose]), seed)
    return out.reshape(-1)[start - 4 * first :][:count]


def _philox(numbers: npt.NDArray[np.uint64], rest: tuple[int, int, int], seed: int) -> Words:
    """Blocks uint32 (N, 4) whose counters are (number, *rest)."""
    counter = [numbers & _LOW, *(np.full_like(numbers, each) for each in rest)]
    keys = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        one, other = _MULTIPLIERS[0] * counter[0], _MULTIPLIERS[1] * counter[2]
        counter = [
            (other >> _HALF) ^ counter[1] ^ np.uint64(keys[0]), other & _LOW,
            (one >> _HALF) ^ counter[3] ^ np.uint64(keys[1]), one & _LOW,
        ]  # fmt: skip
        keys = [(key + step) & 0xFFFFFFFF for key, step in zip(keys, _WEYL, strict=True)]
    return np.stack(counter, axis=1).astype(np.uint32)


def permutation(count: int, seed: int, purpose: Purpose, *, epoch: int = 0) -> Indices:
    """The numbers 0 to `count` - 1 in random order, int64 (count,): in the order of random keys of
    two words each."""
    drawn = words(seed, purpose, 2 * count, epoch=epoch).astype(np.uint64)
    keys = (drawn[0::2] << _HALF) | drawn[1::2]
    return np.argsort(keys, kind="stable").astype(np.int64)


def split(
    count: int, seed: int, training_images: TrainingImages = "split"
) -> tuple[Indices, Indices]:
    """Indices of the training and of the validation images, int64, in rising order.

    Of 50,000 images 40,000 train and 10,000 validate (section 3.2.3), or all train, the 10,000
    too. The draw depends on `seed` alone, so that all networks of one seed share it.

    Example:
        >>> training, validation = split(50_000, seed=0)
        >>> len(training), len(validation), training[:5]
        (40000, 10000, array([0, 1, 2, 3, 6]))
    """
    drawn = permutation(count, seed, "split")
    validation = round(count * VALIDATION_SHARE)
    train = drawn[validation:] if training_images == "split" else drawn
    return np.sort(train), np.sort(drawn[:validation])


def order(indices: Indices, seed: int, epoch: int, kind: Order = "shuffled") -> Indices:
    """The training images `indices` (N,) in the order in which `epoch` takes them.

    Example:
        >>> order(np.arange(6), seed=0, epoch=1)
        array([4, 1, 3, 5, 0, 2])
    """
    if kind == "fixed":
        return indices
    return indices[permutation(len(indices), seed, "shuffle", epoch=epoch)]


def kept(
    seed: int,
    purpose: Purpose,
    count: int,
    p: float,
    *,
    epoch: int = 0,
    layer: int = 0,
    start: int = 0,
) -> npt.NDArray[np.bool_]:
    """Dropout's mask, bool (count,): true with probability 1 - `p`. Value number i of a layer of F
    outputs is that of output i % F for image i // F of the epoch."""
    least = math.floor(p * 2**32 + 0.5)
    return words(seed, purpose, count, epoch=epoch, layer=layer, start=start) >= least


Distribution = Literal["uniform", "normal", "zeros", "ones", "count"]


@dataclass(frozen=True, slots=True)
class Draw:
    """How one tensor of a state dict begins."""

    name: str
    shape: tuple[int, ...]
    distribution: Distribution
    scale: float = 1.0
    """Bound of a uniform, standard deviation of a normal distribution."""


def draws(architecture: str) -> tuple[Draw, ...]:
    """The tensors of one of the report's networks ("net", "improved", "resnet"), in the order, with
    the names and from the distributions of its torch module.

    torch's linear layers and convolutions are uniform in 1 / sqrt(inputs) both ways; torchvision's
    convolutions normal with variance 2 / (outputs times taps) (He et al. 2015).
    """
    if architecture == "net":
        return (
            *_layer("conv1", (6, 3, 5, 5)),
            *_layer("conv2", (16, 6, 5, 5)),
            *_layer("fc1", (120, 400)),
            *_layer("fc2", (84, 120)),
            *_layer("fc3", (10, 84)),
        )
    if architecture == "improved":
        return (
            *_layer("conv1", (32, 3, 3, 3)),
            *_layer("conv2", (64, 32, 3, 3)),
            *_layer("conv3", (128, 64, 3, 3)),
            *_layer("fc1", (512, 2048)),
            *_layer("fc2", (256, 512)),
            *_layer("fc3", (10, 256)),
        )
    tensors = [*_normed("conv1", "bn1", (64, 3, 7, 7))]
    before = 64
    for stage, channels in enumerate((64, 128, 256, 512), 1):
        for number in range(2):
            name = f"layer{stage}.{number}"
            tensors += _normed(f"{name}.conv1", f"{name}.bn1", (channels, before, 3, 3))
            tensors += _normed(f"{name}.conv2", f"{name}.bn2", (channels, channels, 3, 3))
            if before != channels:
                shape = (channels, before, 1, 1)
                tensors += _normed(f"{name}.downsample.0", f"{name}.downsample.1", shape)
            before = channels
    return (*tensors, *_layer("fc", (10, 512)))


def _layer(name: str, shape: tuple[int, ...]) -> Iterator[Draw]:
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    yield Draw(f"{name}.weight", shape, "uniform", bound)
    yield Draw(f"{name}.bias", shape[:1], "uniform", bound)


def _normed(conv: str, norm: str, shape: tuple[int, int, int, int]) -> Iterator[Draw]:
    deviation = math.sqrt(2 / (shape[0] * shape[2] * shape[3]))
    yield Draw(f"{conv}.weight", shape, "normal", deviation)
    for part, distribution in (
        ("weight", "ones"), ("bias", "zeros"), ("running_mean", "zeros"), ("running_var", "ones"),
    ):  # fmt: skip
        yield Draw(f"{norm}.{part}", shape[:1], distribution)  # type: ignore[arg-type]
    yield Draw(f"{norm}.num_batches_tracked", (), "count")


def _by_another_scheme(draw: Draw, scheme: InitialWeights) -> Draw:
    """Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", equation 16; He et al. 2015, "Delving deep into rectifiers", equation 10."""
    if draw.distribution not in {"uniform", "normal"}:
        return draw
    if len(draw.shape) == 1:
        return Draw(draw.name, draw.shape, "zeros")
    inputs = math.prod(draw.shape[1:])
    if scheme == "he":
        return Draw(draw.name, draw.shape, "normal", math.sqrt(2 / inputs))
    outputs = draw.shape[0] * math.prod(draw.shape[2:])
    return Draw(draw.name, draw.shape, "uniform", math.sqrt(6 / (inputs + outputs)))


def initial_weights(
    architecture: str, seed: int, scheme: InitialWeights = "torch"
) -> dict[str, npt.NDArray[np.float32 | np.int64]]:
    """The state dict that one of the report's networks begins with: float32, counts int64.

    Tensor number l of :func:`draws` is made of the words of layer l, a word a value.
    """
    state: dict[str, npt.NDArray[np.float32 | np.int64]] = {}
    for number, usual in enumerate(draws(architecture)):
        draw = usual if scheme == "torch" else _by_another_scheme(usual, scheme)
        if draw.distribution == "count":
            state[draw.name] = np.zeros((), np.int64)
        elif draw.distribution in {"zeros", "ones"}:
            state[draw.name] = np.full(draw.shape, float(draw.distribution == "ones"), np.float32)
        else:
            state[draw.name] = _draw(draw, seed, number)
    return state


def _draw(draw: Draw, seed: int, number: int) -> npt.NDArray[np.float32]:
    """Piece by piece, so that the arrays stay in a core's cache."""
    out = np.empty(math.prod(draw.shape), np.float32)
    step = 4 * _BLOCKS_AT_A_TIME
    for start in range(0, len(out), step):
        part = out[start : start + step]
        drawn = words(seed, "init", len(part), layer=number, start=start)
        share = (drawn + 0.5) / 2**32  # in (0, 1)
        if draw.distribution == "uniform":
            part[:] = draw.scale * (2 * share - 1)
        else:
            part[:] = draw.scale * normal_quantile(share)
    return out.reshape(draw.shape)
