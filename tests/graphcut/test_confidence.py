"""The confidence of a mask: each sign against a slow formula, and good and bad masks."""

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracles import contrast, energy

from wsseg.arrays import Maps
from wsseg.graphcut.confidence import (
    BOTH_MAPS,
    LEAST,
    OBJECTS,
    OK,
    OWN_MAP,
    REACH,
    Weights,
    confidence_of,
    mean_signs,
    signs_from_maps,
    signs_of,
)
from wsseg.graphcut.energy import pairwise_from_contrast

SIDE = 48
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=8)


def disc(shift: int = 0) -> Any:
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.hypot(y - 24, x - 24 - shift) < 12


def photo() -> Any:
    """A noisy orange disc on noisy blue."""
    colors = np.where(disc()[..., None], (230, 140, 40), (40, 80, 160))
    return (colors + np.random.default_rng(0).normal(0, 5, colors.shape)).clip(0, 255).astype(np.uint8)


def signs_in(image: Any, saliency: Any, odds: Any, mask: Any) -> Any:
    pairwise = pairwise_from_contrast(image, smoothness=30)
    return signs_of(saliency, odds, pairwise, mask, smoothness=30)


def signs(mask: Any) -> Any:
    """Return the signs of a mask of that photo, with an ideal map and ideal colors."""
    return signs_in(photo(), disc().astype(np.float32), np.where(disc(), 5.0, -5.0), mask)


@st.composite
def problems(draw: st.DrawFn) -> tuple[Any, Any, Any, Any]:
    """Photo, map, odds and mask of one size, all read-only."""
    shape = draw(SHAPES)
    found = (
        draw(hnp.arrays(np.uint8, (*shape, 3))),
        draw(hnp.arrays(np.float32, shape, elements=st.floats(0, 1, width=32))),
        draw(hnp.arrays(np.float64, shape, elements=st.floats(-20, 20))),
        draw(hnp.arrays(np.bool_, shape)),
    )
    for array in found:
        array.setflags(write=False)
    return found


class TestSigns:
    def test_all_signs_of_an_ideal_mask_are_near_one(self) -> None:
        assert signs(disc()) == pytest.approx({"support": 1, "contrast": 1, "drop": 1}, abs=0.05)

    def test_every_sign_falls_as_the_mask_gets_worse(self) -> None:
        masks = (disc(), disc(3), np.random.default_rng(0).random((SIDE, SIDE)) < 0.2)
        found = [signs(mask) for mask in masks]
        for name in OWN_MAP.weights:
            assert found[0][name] > found[1][name] > found[2][name], name
        trust = [confidence_of(one) for one in found]
        assert trust[0] > 0.95
        assert trust[0] > trust[1] > trust[2]
        assert trust[2] < LEAST

    def test_the_opposite_mask_has_opposite_evidence(self) -> None:
        found, opposite = signs(disc()), signs(~disc())
        assert (opposite["support"], opposite["contrast"]) == (0, found["contrast"])
        assert opposite["drop"] == -found["drop"]

    @given(problems())
    def test_signs_match_their_weights_and_lie_in_range(self, problem: Any) -> None:
        image, saliency, odds, mask = problem
        found = signs_in(image, saliency, odds, mask)
        if mask.all() or not mask.any():
            assert found == {}
            assert confidence_of(found) == 0
            return
        assert found.keys() == OWN_MAP.weights.keys()
        assert 0 <= found["support"] <= 1
        assert -1e-9 <= found["contrast"] < 1
        assert -1 <= found["drop"] <= 1
        assert 0 <= confidence_of(found) <= 1

    @given(problems())
    def test_support_is_the_share_of_pixels_for_their_label(self, problem: Any) -> None:
        image, saliency, odds, mask = problem
        sides: dict[bool, list[bool]] = {True: [], False: []}
        for place, label in np.ndenumerate(mask):
            sides[bool(label)].append((odds[place] > 0) == label)
        if all(sides.values()):
            expected = np.mean([np.mean(votes) for votes in sides.values()])
            assert signs_in(image, saliency, odds, mask)["support"] == pytest.approx(expected)

    @given(problems())
    def test_contrast_is_the_saved_share_of_the_outline_cost(self, problem: Any) -> None:
        image, saliency, odds, mask = problem
        free = np.zeros((*mask.shape, 2))
        full = energy(mask, free, contrast(np.zeros_like(image), 7.0))
        if full:
            expected = 1 - energy(mask, free, contrast(image, 7.0)) / full
            assert signs_in(image, saliency, odds, mask)["contrast"] == pytest.approx(expected, abs=1e-9)

    @pytest.mark.parametrize("shape", [(21, 30), (30, 21), (4, 9)])
    @pytest.mark.parametrize("random_state", range(3))
    def test_drop_is_the_loss_of_saliency_across_the_outline(self, shape: tuple[int, int], random_state: int) -> None:
        rng = np.random.default_rng(random_state)
        saliency, mask = rng.random(shape, np.float32), cv2.blur(rng.random(shape), (7, 7)) > 0.5
        reach = max(1, round(REACH * max(shape))) - 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2) > 0
        near: dict[bool, list[float]] = {True: [], False: []}
        for y, x in np.ndindex(*shape):
            around = [
                mask[v, u]
                for v, u in np.ndindex(*shape)
                if abs(v - y) <= reach and abs(u - x) <= reach and disc[v - y + reach, u - x + reach]
            ]
            if not all(around) and any(around):
                near[bool(mask[y, x])].append(float(saliency[y, x]))
        expected = {side: np.mean(values or saliency[mask == side]) for side, values in near.items()}
        found = signs_in(np.zeros((*shape, 3), np.uint8), saliency, np.zeros(shape), mask)
        assert found["drop"] == pytest.approx(expected[True] - expected[False], abs=1e-5)

    def test_far_from_the_outline_saliency_does_not_matter(self) -> None:
        saliency, other = disc().astype(np.float32), disc().astype(np.float32)
        other[22:27, 22:27], other[:4] = 0, 1
        one, same = (signs_in(photo(), map, np.zeros((SIDE, SIDE)), disc())["drop"] for map in (saliency, other))
        assert one == same == 1

    @pytest.mark.parametrize("shape", [(1, 2), (2, 1), (2, 2), (1, 5)])
    def test_a_tiny_photo_has_signs_too(self, shape: tuple[int, int]) -> None:
        mask = np.zeros(shape, np.bool_)
        mask[0, 0] = True
        image, saliency = np.zeros((*shape, 3), np.uint8), mask.astype(np.float32)
        expected = {"support": 1, "contrast": 0, "drop": 1}
        assert signs_in(image, saliency, np.where(mask, 1.0, -1.0), mask) == pytest.approx(expected)


class TestConfidence:
    def test_without_signs_there_is_no_confidence(self) -> None:
        assert confidence_of({}) == 0

    def test_no_weight_is_negative(self) -> None:
        assert min(min(one.weights.values()) for one in (OWN_MAP, OBJECTS, BOTH_MAPS)) >= 0
        with pytest.raises(TypeError):
            OWN_MAP.weights["support"] = -1.0  # type: ignore[index]  # This must fail.

    def test_it_is_the_weighted_sum(self) -> None:
        found = {"support": 0.9, "contrast": 0.5, "drop": 0.4}
        weights, offset = OWN_MAP
        expected = offset + 0.9 * weights["support"] + 0.5 * weights["contrast"] + 0.4 * weights["drop"]
        assert 0 < expected < 1
        assert confidence_of(found) == pytest.approx(expected)
        assert confidence_of(dict(reversed(found.items()))) == pytest.approx(expected)

    def test_it_ranges_from_0_to_1(self) -> None:
        assert confidence_of({"support": 1.0, "contrast": 1.0, "drop": 1.0}) == 1
        assert confidence_of({"support": 0.0, "contrast": 0.0, "drop": -1.0}) == 0
        assert 0 < LEAST < OK < 1

    @given(*[st.floats(0, 1)] * 3, st.sampled_from(list(OWN_MAP.weights)), st.floats(0, 1))
    def test_a_higher_sign_never_lowers_confidence(
        self, support: float, contrast: float, drop: float, name: str, more: float
    ) -> None:
        found = {"support": support, "contrast": contrast, "drop": drop}
        assert confidence_of(found | {name: found[name] + more}) >= confidence_of(found)

    @pytest.mark.parametrize("name", OWN_MAP.weights)
    def test_every_sign_counts(self, name: str) -> None:
        found = {"support": 0.9, "contrast": 0.5, "drop": 0.3}
        assert confidence_of(found | {name: found[name] + 0.1}) > confidence_of(found)

    @pytest.mark.parametrize("weights", [OWN_MAP, OBJECTS, BOTH_MAPS], ids=["own map", "objects", "both"])
    def test_each_set_of_signs_has_weights_of_its_own(self, weights: Weights) -> None:
        found = dict.fromkeys(weights.weights, 0.78)
        expected = weights.offset + 0.78 * sum(weights.weights.values())
        assert 0 < expected < 1
        assert confidence_of(found) == pytest.approx(expected)

    def test_several_looks_count_alike(self) -> None:
        assert mean_signs([{"support": 1.0, "drop": 0.0}, {"support": 0.5, "drop": 1.0}]) == {
            "support": 0.75,
            "drop": 0.5,
        }
        assert mean_signs([{"support": 1.0}, {}]) == {"support": 1.0}
        assert mean_signs([{}, {}]) == {}


class TestSignsFromMaps:
    def test_without_a_map_of_objects_there_are_none(self) -> None:
        assert signs_from_maps(Maps(np.ones((4, 4), np.float32), None), disc()) == {}

    def test_a_map_like_the_mask_overlaps_fully(self) -> None:
        found = signs_from_maps(Maps(disc().astype(np.float32) * 7, disc().astype(np.float32)), disc())
        assert found == pytest.approx({"overlap": 1, "decision": 1, "consent": 1})

    def test_maps_of_different_things_do_not_consent(self) -> None:
        found = signs_from_maps(Maps(1 - disc().astype(np.float32), disc().astype(np.float32)), disc())
        assert found == pytest.approx({"overlap": 1, "decision": 1, "consent": 0})
        assert signs_from_maps(Maps(np.zeros((3, 3), np.float32), disc().astype(np.float32)), disc())["consent"] == 0

    def test_an_undecided_map_says_little(self) -> None:
        found = signs_from_maps(Maps(None, np.full((SIDE, SIDE), 0.5, np.float32)), disc())
        share = disc().mean()
        assert found == pytest.approx({"overlap": share / 2 / (0.5 + share / 2), "decision": 0})

    def test_maps_may_have_other_sizes(self) -> None:
        found = signs_from_maps(Maps(np.eye(3, dtype=np.float32), np.eye(5, dtype=np.float32)), disc())
        assert all(0 <= sign <= 1 for sign in found.values())
