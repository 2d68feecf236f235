from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from repro.networks.activations import ACTIVATIONS
from repro.networks.models import build
from repro.spec import REPORT_RECIPES

MODELS = {name: build(recipe, seed=0).eval() for name, recipe in REPORT_RECIPES.items()}
values = hnp.arrays(
    np.float32, hnp.array_shapes(max_dims=4, max_side=6), elements=st.floats(-80, 80, width=32)
)
FORMULAS = {
    "relu": lambda x: np.maximum(0, x),
    "leaky_relu": lambda x: np.maximum(0.01 * x, x),
    "swish": lambda x: x / (1 + np.exp(-x)),
}


@given(st.sampled_from(sorted(FORMULAS)), values)
def test_activations_equal_their_formulas(name, x):
    out = ACTIVATIONS[name](torch.from_numpy(x))
    assert out.shape == x.shape
    assert out.dtype == torch.float32
    np.testing.assert_allclose(out, FORMULAS[name](x.astype(np.float64)), rtol=1e-5, atol=1e-6)


@settings(max_examples=25)
@given(st.sampled_from(sorted(MODELS)), st.integers(1, 65))
def test_any_batch_of_images_gives_ten_logits_each(name, batch):
    with torch.no_grad():
        out = MODELS[name](torch.rand(batch, 3, 32, 32))
    assert out.shape == (batch, 10)
    assert out.dtype == torch.float32
    assert out.isfinite().all()


@settings(max_examples=15)
@given(st.sampled_from(["net-relu", "improved"]), st.integers(2, 20))
def test_prediction_treats_each_image_alone(name, batch):
    x = torch.rand(batch, 3, 32, 32, generator=torch.Generator().manual_seed(batch))
    with torch.no_grad():
        together, alone = MODELS[name](x), torch.cat([MODELS[name](each[None]) for each in x])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
