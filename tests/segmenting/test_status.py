"""The status of a mask and the reasons for it, with a network whose probabilities are known."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image as pillow
from quick import sure_classifier

from wsseg.arrays import Box
from wsseg.classifier.categories import Target
from wsseg.graphcut.confidence import LEAST, OK
from wsseg.recipe import RECIPES
from wsseg.segmenting.segmenter import Segmenter, segment
from wsseg.segmenting.status import is_seen


@pytest.mark.parametrize(
    ("indices", "seen"),
    [((0,), True), ((1,), True), ((2,), False), ((2, 3), False), ((2, 3, 4), False), ((0, 2), True), ((1, 4), True)],
)
def test_a_target_is_seen_if_one_of_its_classes_is_nearly_the_likeliest(indices: tuple[int, ...], seen: bool) -> None:
    """The limit is .0075 for any number of classes."""
    probabilities = np.array([0.5, 0.0075, 0.007, 0.007, 0.007], np.float32)
    assert is_seen(Target(indices, "x"), probabilities, presence=0.015) is seen
    assert is_seen(Target(indices, "x"), probabilities, presence=0.0)


class TestStatus:
    """The photo shows an orange square on blue."""

    @pytest.fixture
    def segmenter(self) -> Segmenter:
        return Segmenter(
            sure_classifier(), replace(RECIPES["simonyan2013"], prior=2.0, prior_given=2.0, hard_seeds=False)
        )

    @pytest.fixture
    def square(self) -> Any:
        image = np.full((48, 64, 3), (40, 80, 160), np.uint8)
        image[14:34, 20:44] = (230, 140, 40)
        return image

    def test_a_target_that_is_seen_and_found_is_ok(self, segmenter: Segmenter, square: Any) -> None:
        found = segmenter.segment(square)
        assert (found.category, found.status, found.reasons) == ("ape", "ok", ())
        assert found.probability == pytest.approx(0.3)
        assert found.box == Box(20, 14, 44, 34)
        assert found.energy > 0

    @pytest.mark.parametrize(
        ("target", "notes"),
        [("bee", 0), ("cow", 1), ("ape|bee", 0), ("cow|dog", 1), ("bee|cow|dog", 1)],
    )
    def test_a_target_less_likely_than_chance_is_a_note_and_no_doubt(
        self, segmenter: Segmenter, square: Any, target: str, notes: int
    ) -> None:
        """The chance of several classes is that of each, added."""
        found = segmenter.segment(square, target)
        assert found.status == "ok"
        assert len(found.reasons) == notes
        assert all(reason.startswith(f"the classifier hardly sees {target}: ") for reason in found.reasons)

    def test_a_given_target_that_is_not_seen_is_weak(self, segmenter: Segmenter, square: Any) -> None:
        recipe = replace(segmenter.recipe, presence=0.9)
        found = Segmenter(segmenter.classifier, recipe).segment(square, "dog")
        assert found.status == "weak"
        assert found.reasons == ("the classifier does not see dog: probability 0.2",)

    def test_a_mask_of_the_whole_photo_is_weak(self, segmenter: Segmenter, square: Any) -> None:
        recipe = replace(segmenter.recipe, smoothness=1e6)
        found = Segmenter(sure_classifier(least=0.9), recipe).segment(np.full_like(square, 90))
        assert found.mask.all()
        doubts = ("the photo is of one color", "the mask is the whole photo")
        assert (found.status, found.confidence) == ("weak", 0)
        assert found.reasons == (*doubts, "low confidence: 0.00")

    @pytest.mark.parametrize(
        ("confidence", "status"),
        [(LEAST - 0.01, "weak"), (LEAST, "unsure"), (OK - 0.01, "unsure"), (OK, "ok"), (1.0, "ok")],
    )
    def test_the_confidence_decides_the_status_where_nothing_else_speaks_against_the_mask(
        self, segmenter: Segmenter, square: Any, confidence: float, status: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("wsseg.segmenting.status.confidence_of", lambda signs: confidence)
        found = segmenter.segment(square)
        assert (found.status, found.confidence) == (status, confidence)
        reason = f"low confidence: {confidence:.2f}"
        assert found.reasons == ((reason,) if status == "weak" else ())

    def test_no_object_takes_precedence_in_the_status(self, segmenter: Segmenter, square: Any) -> None:
        recipe = replace(segmenter.recipe, smoothness=1e6)
        found = Segmenter(segmenter.classifier, recipe).segment(np.full_like(square, 90), "dog")
        assert not found.mask.any()
        assert found.box is None
        assert found.status == "no object"
        assert [reason.partition(":")[0] for reason in found.reasons] == [
            "the photo is of one color",
            "the cheapest cut keeps no pixel of the object",
            "the classifier hardly sees dog",
        ]

    def test_a_note_on_the_file_is_not_a_flag(self, segmenter: Segmenter, square: Any) -> None:
        file = io.BytesIO()
        first, second = (pillow.fromarray(image) for image in (square, square[::-1].copy()))
        first.save(file, "PNG", save_all=True, append_images=[second])
        found = segmenter.segment(file.getvalue(), "dog")
        assert found.reasons[1:] == ("only the first of 2 frames is used",)
        assert found.status == "ok"
        assert segmenter.segment(file.getvalue()).reasons == found.reasons[1:]
        assert segmenter.segment(file.getvalue()).status == "ok"


class TestCalls:
    @pytest.fixture
    def segmenter(self) -> Segmenter:
        return Segmenter(
            sure_classifier(), replace(RECIPES["simonyan2013"], prior=2.0, prior_given=2.0, hard_seeds=False)
        )

    @pytest.fixture
    def square(self) -> Any:
        image = np.full((48, 64, 3), (40, 80, 160), np.uint8)
        image[14:34, 20:44] = (230, 140, 40)
        return image

    def test_one_call_takes_the_same_target_and_recipe(self, segmenter: Segmenter, square: Any) -> None:
        found = segment(square, "dog", classifier=segmenter.classifier, recipe=segmenter.recipe)
        assert found.category == "dog"
        assert found.energy == segmenter.segment(square, "dog").energy
        assert found.energy != segment(square, "dog", classifier=segmenter.classifier, recipe="simonyan2013").energy

    def test_a_recipe_may_be_named(self, segmenter: Segmenter) -> None:
        for name, recipe in RECIPES.items():
            assert Segmenter(segmenter.classifier, name).recipe is recipe
        assert Segmenter(segmenter.classifier).recipe is RECIPES["default"]
