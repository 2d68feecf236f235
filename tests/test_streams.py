"""Random streams: Philox against its authors' answers, and what is drawn from it."""

from __future__ import annotations

import ctypes
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from repro import normal, streams
from repro.networks import models
from repro.runs.digests import arrays_digest
from repro.spec import REPORT_RECIPES

ALL = 0xFFFFFFFF
SEEDS = st.integers(0, 2**63 - 1)
PURPOSES = st.sampled_from(sorted(streams.PURPOSES))
SMALL = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    ("counter", "key", "block"),
    [  # Random123's kat_vectors, philox4x32 with 10 rounds
        ((0, 0, 0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ALL,) * 4, 2**64 - 1, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), 0x299F31D0A4093822,
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)  # fmt: skip
def test_philox_gives_its_authors_answers(counter, key, block):
    first, *rest = counter
    assert tuple(streams._philox(np.array([first], np.uint64), tuple(rest), key)[0]) == block


def word(seed, purpose, at, epoch, layer):
    """One word in plain Python."""
    c, keys = [at // 4 & ALL, layer, epoch, streams.PURPOSES[purpose]], [seed & ALL, seed >> 32]
    for _ in range(10):
        one, other = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [other >> 32 ^ c[1] ^ keys[0], other & ALL, one >> 32 ^ c[3] ^ keys[1], one & ALL]
        keys = [keys[0] + 0x9E3779B9 & ALL, keys[1] + 0xBB67AE85 & ALL]
    return c[at % 4]


@given(
    seed=SEEDS, purpose=PURPOSES, epoch=SMALL, layer=SMALL, start=st.integers(0, 2**33),
    count=st.integers(0, 9),
)  # fmt: skip
def test_words_are_philox_of_the_counter_that_says_what_they_are_for(
    seed, purpose, epoch, layer, start, count
):
    drawn = streams.words(seed, purpose, count, epoch=epoch, layer=layer, start=start)
    assert drawn.dtype == np.uint32
    expected = [word(seed, purpose, start + i, epoch, layer) for i in range(count)]
    assert drawn.tolist() == expected


@given(
    seed=SEEDS, purpose=PURPOSES, epoch=SMALL, layer=SMALL, start=st.integers(0, 2**33),
    count=st.integers(1, 9),
)  # fmt: skip
def test_the_c_twin_draws_the_same_words(seed, purpose, epoch, layer, start, count):
    library = pytest.importorskip("repro.kernels.library").load()
    drawn = np.empty(count, np.uint32)
    library.repro_words(
        seed, streams.PURPOSES[purpose], epoch, layer, start, count,
        ctypes.c_void_p(drawn.ctypes.data),
    )  # fmt: skip
    expected = streams.words(seed, purpose, count, epoch=epoch, layer=layer, start=start)
    assert (drawn == expected).all()


def test_a_part_of_a_stream_is_that_of_the_whole_across_pieces():
    whole = streams.words(1, "init", 3 * 65_536 + 7)
    for start, count in ((0, 5), (65_530, 20), (131_071, 65_543)):
        part = streams.words(1, "init", count, start=start)
        assert (part == whole[start : start + count]).all()


@given(count=st.integers(1, 200), seed=SEEDS)
def test_a_permutation_has_every_number_once(count, seed):
    assert sorted(streams.permutation(count, seed, "shuffle")) == list(range(count))


def test_permutations_put_every_number_everywhere_alike():
    places = np.zeros((5, 5))
    for seed in range(3_000):
        places[np.arange(5), streams.permutation(5, seed, "shuffle")] += 1
    assert stats.chisquare(places.ravel()).pvalue > 0.001


def test_the_split_is_disjoint_exhaustive_sorted_and_the_seeds_own():
    train, validation = streams.split(50_000, 0)
    assert (len(train), len(validation)) == (40_000, 10_000)
    assert (np.sort(np.concatenate([train, validation])) == np.arange(50_000)).all()
    assert (np.diff(train) > 0).all()
    assert (np.diff(validation) > 0).all()
    assert (streams.split(50_000, 1)[0] != train).any()


def test_an_epochs_order_has_the_training_images_and_is_its_own():
    train, _ = streams.split(1_000, 0)
    one, other = streams.order(train, 0, 1), streams.order(train, 0, 2)
    assert (np.sort(one) == train).all()
    assert (one != other).any()


@pytest.mark.parametrize("p", [0.0, 0.25, 0.5, 1.0])
def test_masks_keep_their_share(p):
    kept = streams.kept(3, "dropout", 100_000, p, epoch=2)
    assert abs(kept.mean() - (1 - p)) < 5 * math.sqrt(p * (1 - p) / 100_000) + 1e-12


def test_purpose_epoch_layer_and_seed_each_have_an_effect():
    drawn = {
        streams.words(0, "init", 4).tobytes(),
        streams.words(1, "init", 4).tobytes(),
        streams.words(2**32, "init", 4).tobytes(),
        streams.words(0, "split", 4).tobytes(),
        streams.words(0, "init", 4, epoch=1).tobytes(),
        streams.words(0, "init", 4, layer=1).tobytes(),
    }
    assert len(drawn) == 6


def test_the_quantile_is_the_normal_distributions():
    share = np.concatenate([np.linspace(1e-10, 1 - 1e-10, 100_001), [0.5 / 2**32, 1e-300]])
    expected = special.ndtri(share)
    error = np.abs(normal.normal_quantile(share) - expected)
    assert (error <= 3e-15 * np.abs(expected) + 1e-16).all()


def test_the_logarithm_is_the_natural_one_to_two_units_in_the_last_place():
    x = np.exp(np.linspace(-700, 1, 50_001))
    expected = np.array([math.log(each) for each in x])
    error = np.abs(normal.natural_log(x) - expected) / np.spacing(np.abs(expected))
    assert error.max() <= 2


@pytest.mark.parametrize("architecture", ["net", "improved", "resnet"])
def test_initial_weights_have_the_form_and_the_distribution_of_torchs(architecture):
    recipe = next(r for r in REPORT_RECIPES.values() if r.architecture == architecture)
    module = models.build(recipe, seed=0).state_dict()
    drawn = streams.initial_weights(architecture, 0)
    assert list(drawn) == list(module)
    for draw in streams.draws(architecture):
        ours, theirs = drawn[draw.name], module[draw.name].numpy()
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        if draw.distribution in {"zeros", "ones", "count"}:
            assert (ours == theirs).all()
            continue
        known = (
            stats.uniform(-draw.scale, 2 * draw.scale)
            if draw.distribution == "uniform" else stats.norm(0, draw.scale)
        )  # fmt: skip
        some = ours.ravel()[:20_000]
        assert stats.kstest(some, known.cdf).pvalue > 1e-4, draw.name
        # And it is torch's distribution, not only ours.
        assert stats.ks_2samp(some, theirs.ravel()[:20_000]).pvalue > 1e-4, draw.name


@pytest.mark.parametrize(
    ("architecture", "digest"),
    [
        ("net", "16b400a8450f98f8"),
        ("improved", "e77a2539cd4afe06"),
        ("resnet", "60c573f98a062e65"),
    ],
)
def test_initial_weights_are_the_same_everywhere(architecture, digest):
    assert arrays_digest(streams.initial_weights(architecture, 0))[:16] == digest


def test_all_images_may_train_while_the_same_ones_validate():
    train, validation = streams.split(50_000, 0, "all")
    np.testing.assert_array_equal(train, np.arange(50_000))
    np.testing.assert_array_equal(validation, streams.split(50_000, 0)[1])


def test_a_fixed_order_is_the_data_sets_in_every_epoch():
    train, _ = streams.split(1_000, 0)
    for epoch in (1, 2):
        np.testing.assert_array_equal(streams.order(train, 0, epoch, "fixed"), train)


@pytest.mark.parametrize("architecture", ["net", "improved", "resnet"])
@pytest.mark.parametrize("scheme", ["xavier", "he"])
def test_other_schemes_are_those_of_torch_init(architecture, scheme):
    """By their standard deviations, within five of these figures' own; biases are zeros."""
    drawn = streams.initial_weights(architecture, 0, scheme)
    usual = streams.initial_weights(architecture, 0)
    assert {n: v.shape for n, v in drawn.items()} == {n: v.shape for n, v in usual.items()}
    for name, values in drawn.items():
        if values.ndim < 2:
            biases = name.endswith("bias")
            np.testing.assert_array_equal(values, np.zeros_like(values) if biases else usual[name])
            continue
        tensor = torch.empty(values.shape)
        if scheme == "xavier":
            torch.nn.init.xavier_uniform_(tensor, generator=torch.Generator().manual_seed(0))
            assert np.abs(values).max() == pytest.approx(float(tensor.abs().max()), rel=0.1)
        else:
            torch.nn.init.kaiming_normal_(
                tensor, nonlinearity="relu", generator=torch.Generator().manual_seed(0)
            )
        spread = 5 / np.sqrt(values.size)
        assert values.std() == pytest.approx(float(tensor.std()), rel=2 * spread)
