"""exp, log and the activations, number by number."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
import torch

from repro.networks.activations import ACTIVATIONS
from tests.kernels.conftest import HERE


@pytest.fixture(scope="module")
def functions(compiled):
    return compiled(HERE / "functions.c")


def call(function, *arrays, before=()):
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in arrays]
    function(*pointers, *before, ctypes.c_int64(len(arrays[0])))


def of(function, x):
    x = np.resize(np.asarray(x, np.float32), -(-len(x) // 16) * 16)
    y = np.empty_like(x)
    call(function, x, y)
    return x, y


def every_exponent(step: int):
    """Float32 numbers of every sign and exponent, each with 2**23 / `step` mantissas."""
    return np.arange(0, 2**32, step, dtype=np.uint64).astype(np.uint32).view(np.float32)


def ulps(y, exact):
    with np.errstate(over="ignore"):
        return np.abs(y.astype(np.float64) - exact) / np.spacing(np.abs(exact).astype(np.float32))


def test_exp_is_within_one_unit_in_the_last_place(functions):
    x, y = of(functions.test_exp, every_exponent(997))
    usual = (x >= -87.33) & (x <= 88.72)
    error = ulps(y[usual], np.exp(x[usual].astype(np.float64)))
    assert error.max() < 1.0
    assert (y[x < -87.4] == 0).all()
    assert np.isposinf(y[x > 88.8]).all()
    assert (np.isnan(x) == np.isnan(y)).all()


def test_exp_of_special_numbers(functions):
    _, y = of(functions.test_exp, [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 88.9])
    assert y[:4].tolist() == [1, 1, np.inf, 0]
    assert np.isnan(y[4])
    assert y[5:8].tolist() == [1, 1, np.inf]


def test_log_is_within_one_unit_in_the_last_place(functions):
    x = every_exponent(997)
    x, y = of(functions.test_log, x[(x >= 1) & np.isfinite(x)])
    assert ulps(y[x > 1], np.log(x[x > 1].astype(np.float64))).max() < 0.8
    assert (y[x == 1] == 0).all()


def test_log_of_special_numbers(functions):
    _, y = of(functions.test_log, [1.0, np.inf, np.nan])
    assert y[:2].tolist() == [0, np.inf]
    assert np.isnan(y[2])


@pytest.mark.parametrize(("number", "name"), [(1, "relu"), (2, "leaky_relu"), (3, "swish")])
def test_activations_and_their_slopes_are_torchs(functions, number, name):
    x = np.resize(np.linspace(-90, 90, 1999, dtype=np.float32), 2000)
    x[:6] = [0.0, -0.0, np.nan, 1e-30, -1e-30, 20]
    y, slope = np.empty_like(x), np.empty_like(x)
    call(functions.test_activate, x, y, slope, before=(ctypes.c_int32(number),))
    given = torch.from_numpy(x).double().requires_grad_()
    expected = ACTIVATIONS[name](given)
    (expected_slope,) = torch.autograd.grad(expected.sum(), given)
    assert np.allclose(y, expected.detach().numpy(), rtol=3e-7, atol=1e-36, equal_nan=True)
    here = ~np.isnan(x)
    # Swish's slope has x times (1 - sigmoid), whose error is half a unit of 1.
    bound = 2e-7 + 6e-8 * np.abs(x[here])
    assert (np.abs(slope[here] - expected_slope.numpy()[here]) <= bound).all()
