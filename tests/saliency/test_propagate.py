"""The walk over similar features, against a slow version, and its laws."""

import numpy as np
import pytest
import torch

from wsseg.saliency.propagate import POWER, spread


def randoms(*shape: int, random_state: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(random_state))


def slow_spread(coarse: np.ndarray, features: np.ndarray, steps: int) -> np.ndarray:
    """The walk cell by cell, as the docstring describes it."""
    places = list(np.ndindex(*coarse.shape))
    centered = {place: features[:, *place] - features.mean(axis=(1, 2)) for place in places}
    for _ in range(steps):
        spreaded = np.zeros_like(coarse)
        for here in places:
            shares = {}
            for there in places:
                a, b = centered[here], centered[there]
                cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
                shares[there] = 1.0 if here == there else max(cosine, 0) ** POWER
            spreaded[here] = sum(share * coarse[there] for there, share in shares.items()) / sum(shares.values())
        coarse = spreaded
    return coarse


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_it_equals_the_slow_version(steps: int) -> None:
    coarse, features = randoms(3, 4).double(), randoms(5, 3, 4, random_state=1).double()
    expected = slow_spread(coarse.numpy(), features.numpy(), steps)
    np.testing.assert_allclose(spread(coarse, features, steps=steps), expected)


def test_the_object_lights_up_from_one_of_its_parts() -> None:
    features = torch.zeros(2, 4, 6)
    features[0, :, :3] = features[1, :, 3:] = 1
    coarse = torch.zeros(4, 6)
    coarse[1, 1] = 1
    found = spread(coarse, features, steps=2)
    torch.testing.assert_close(found[:, :3], torch.full((4, 3), 1 / 12))
    assert not found[:, 3:].any()


@pytest.mark.parametrize("features", [torch.zeros(3, 4, 5), torch.ones(3, 4, 5), randoms(3, 4, 5)])
def test_a_constant_map_stays_and_no_value_leaves_the_range(features: torch.Tensor) -> None:
    torch.testing.assert_close(spread(torch.full((4, 5), 0.3), features, steps=3), torch.full((4, 5), 0.3))
    coarse = randoms(4, 5, random_state=2)
    found = spread(coarse, features, steps=3)
    assert found.isfinite().all()
    assert found.min() >= coarse.min() - 1e-6
    assert found.max() <= coarse.max() + 1e-6


def test_equal_features_give_an_average_everywhere() -> None:
    coarse = randoms(4, 5)
    torch.testing.assert_close(spread(coarse, torch.ones(3, 4, 5), steps=2), coarse)


def test_a_single_cell_does_not_change() -> None:
    assert spread(torch.tensor([[0.4]]), randoms(3, 1, 1), steps=2).item() == pytest.approx(0.4)


def test_arguments_are_not_changed() -> None:
    coarse, features = randoms(3, 4), randoms(5, 3, 4)
    before = coarse.clone(), features.clone()
    spread(coarse, features, steps=2)
    assert torch.equal(coarse, before[0])
    assert torch.equal(features, before[1])
