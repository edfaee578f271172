"""A photo cut again as hints arrive."""

import gc
import weakref
from dataclasses import fields, replace
from typing import Any

import cv2
import numpy as np
import pytest
from quick import QUICK, sure_classifier

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Box, Maps
from wsseg.classifier.classifier import Classifier
from wsseg.graphcut.hints import Hints, seeds_from_hints
from wsseg.graphcut.regions import components_of
from wsseg.graphcut.solver import MaskSolver
from wsseg.recipe import RECIPES, Recipe
from wsseg.saliency import features_of
from wsseg.saliency.objectness.objectness import load_objectness
from wsseg.segmenting import corrections
from wsseg.segmenting.results import SaliencyResult
from wsseg.segmenting.segmenter import Segmenter, segment
from wsseg.segmenting.session import NO_FEATURES, Session

CAT = Box(14, 0, 196, 140)
"""Around the cat in the small photo."""

SAID = Hints(box=CAT, foreground=[(108, 85), (40, 100)], background=[(180, 20)])

CHANGES = {
    "click_radius": 0.08,
    "hint_margin": 0.1,
    "hint_middle": 0.1,
    "hint_reach": 0.5,
    "hint_near": 0.0,
    "hint_alike": 0.0,
    "hint_learned": 0.0,
    "hint_map": 0.0,
    "hint_objectness": 0.0,
    "box_margin": 0.01,
    "box_filled": 0.97,
    "smoothness_hinted": 90.0,
}


def agrees(mask: np.ndarray, hints: Hints) -> bool:
    """Return whether the mask agrees with the hints."""
    seeds = seeds_from_hints(hints, mask.shape, click_radius=0)
    return bool(mask[seeds == FOREGROUND].all() and not mask[seeds == BACKGROUND].any())


class TestSession:
    """The cat at half its size, cut at a smaller one and then in a band."""

    @pytest.fixture
    def session(self, quick: Segmenter, result: SaliencyResult) -> Session:
        return Session(quick.classifier, result, QUICK)

    def test_without_hints_it_is_the_segmenter_s_mask(self, quick: Segmenter, small: Any) -> None:
        for target in (None, 285):
            with quick.open(small, target) as session:
                found, expected = session.segment(), quick.segment(small, target)
            assert found.mask.tobytes() == expected.mask.tobytes()
            assert (found.energy, found.reasons, found.target) == (expected.energy, expected.reasons, expected.target)
            assert found.confidence == expected.confidence

    @pytest.mark.slow
    def test_one_call_with_hints_is_one_step_of_a_session(self, quick: Segmenter, session: Session, small: Any) -> None:
        expected = session.segment(SAID)
        for found in (
            quick.segment(small, hints=SAID),
            segment(small, classifier=quick.classifier, recipe=QUICK, hints=SAID),
        ):
            assert found.mask.tobytes() == expected.mask.tobytes()
            assert (found.energy, found.confidence, found.reasons) == (
                *(expected.energy, expected.confidence, expected.reasons),
            )

    def test_a_box_holds_the_mask_and_is_partly_filled(self, session: Session) -> None:
        for box in (CAT, (60, 40, 160, 130), Box(120, 3, 226, 150), Box(0, 0, 226, 150)):
            x0, y0, x1, y1 = box
            found = session.segment(Hints(box=box))
            assert agrees(found.mask, Hints(box=box))
            assert found.mask[y0:y1, x0:x1].mean() > 0.1
            assert found.mask.shape == (150, 226)
        assert session.segment(Hints(box=CAT)).mask[60:100, 75:140].mean() > 0.95

    def test_a_box_may_hold_whole_floats(self, session: Session) -> None:
        floats = tuple(map(float, CAT))
        one, other = (session.segment(Hints(box=box)) for box in (CAT, floats))  # type: ignore[arg-type]  # As from JSON.
        assert one.mask.tobytes() == other.mask.tobytes()

    @pytest.mark.parametrize("boxed", [False, True])
    def test_clicks_are_never_contradicted(self, session: Session, boxed: bool) -> None:
        rng = np.random.default_rng(0)
        foreground, background = [], []
        for _ in range(6):
            foreground.append((int(rng.integers(*CAT[::2])), int(rng.integers(*CAT[1::2]))))
            background.append((int(rng.integers(226)), int(rng.integers(150))))
            hints = Hints(foreground=foreground, background=background, box=CAT if boxed else None)
            assert agrees(session.segment(hints).mask, hints)

    def test_scribbles_and_seeds_are_kept_too(self, session: Session) -> None:
        marked = np.zeros((150, 226), np.bool_)
        marked[4:6, 4:220] = True
        seeds = np.where(marked, FOREGROUND, UNKNOWN).astype(np.uint8)
        for hints in (Hints(foreground=marked), Hints(background=marked), Hints(seeds=seeds)):
            assert agrees(session.segment(hints).mask, hints)

    def test_removed_hints_leave_no_trace(self, session: Session) -> None:
        more = replace(SAID, background=[*SAID.background, (100, 60)])
        first, other, again = (session.segment(hints) for hints in (SAID, more, SAID))
        assert first.mask.tobytes() == again.mask.tobytes() != other.mask.tobytes()
        assert (first.energy, first.flow, first.confidence) == (again.energy, again.flow, again.confidence)
        assert session.segment().mask.tobytes() == session.segment(None).mask.tobytes()

    def test_empty_hints_give_a_mask_too(self, session: Session) -> None:
        found = session.segment(Hints())
        assert found.mask[60:100, 75:140].mean() > 0.9

    def test_hints_with_nothing_new_give_the_mask_that_they_gave(self, session: Session) -> None:
        first = Hints(foreground=[(108, 85)])
        more = replace(first, background=[(180, 20)])
        masks = [session.segment(hints).mask for hints in (first, more, first, more)]
        assert masks[0].tobytes() == masks[2].tobytes() and masks[1].tobytes() == masks[3].tobytes()

    def test_taking_a_hint_back_and_giving_it_again_changes_nothing(self, session: Session) -> None:
        both = Hints(foreground=[(20, 20)], background=[(108, 60)])
        first = session.segment(both).mask
        session.segment(replace(both, foreground=()))
        assert session.segment(both).mask.tobytes() == first.tobytes()

    def test_clicks_on_the_rim_are_kept(self, quick: Segmenter, result: SaliencyResult) -> None:
        mask = Session(quick.classifier, result, QUICK).segment().mask
        levels = mask.astype(np.uint8)
        rims = {True: cv2.dilate(levels, np.ones((3, 3))) > levels, False: cv2.erode(levels, np.ones((3, 3))) < levels}
        for label, rim in rims.items():
            for y, x in np.argwhere(rim)[::97].tolist():
                session = Session(quick.classifier, result, QUICK)
                hints = Hints(foreground=[(x, y)]) if label else Hints(background=[(x, y)])
                assert session.segment(hints).mask[y, x] == label

    def test_a_checkerboard_of_hints_is_kept(self, session: Session) -> None:
        rng = np.random.default_rng(0)
        seeds = rng.choice([FOREGROUND, BACKGROUND, UNKNOWN], (150, 226), p=[0.2, 0.2, 0.6]).astype(np.uint8)
        for hints in (
            Hints(seeds=seeds),
            Hints(seeds=np.where(np.indices(seeds.shape).sum(0) % 2, 1, 0).astype(np.uint8)),
        ):
            assert agrees(session.segment(hints).mask, hints)
            assert agrees(session.segment(hints, refit=True).mask, hints)

    def test_a_thin_strip_beyond_a_box_stays_background(self, session: Session) -> None:
        seeds = np.full((150, 226), UNKNOWN, np.uint8)
        seeds[1:4], seeds[8] = FOREGROUND, BACKGROUND
        hints = Hints(box=Box(0, 1, 226, 150), seeds=seeds)
        for refit in (False, True):
            assert agrees(session.segment(hints, refit=refit).mask, hints)

    def test_a_hint_that_the_mask_agrees_with_changes_nothing(self, session: Session) -> None:
        before = session.segment().mask
        y, x = np.argwhere(before)[len(np.argwhere(before)) // 2].tolist()
        found = session.segment(Hints(foreground=[(x, y)], background=[(1, 1)]))
        np.testing.assert_array_equal(found.mask, before)

    def test_a_correction_leaves_the_rest_as_it_was(self, session: Session) -> None:
        before = session.segment().mask
        outside = np.argwhere(~before)
        y, x = outside[len(outside) // 2].tolist()
        grown = session.segment(Hints(foreground=[(x, y)])).mask
        assert grown[y, x] and not (before & ~grown).any()
        change = components_of(grown ^ before, np.isin(np.arange(before.size), y * 226 + x).reshape(before.shape))
        np.testing.assert_array_equal(change, grown ^ before)

    def test_refit_cuts_the_whole_mask_again(self, session: Session) -> None:
        hints = Hints(foreground=[(108, 85)])
        kept, refitted = session.segment(hints), session.segment(hints, refit=True)
        assert agrees(refitted.mask, hints) and kept.mask.tobytes() != refitted.mask.tobytes()
        assert session.segment(hints).mask.tobytes() == refitted.mask.tobytes()

    @pytest.mark.parametrize("box", [Box(60, 20, 61, 120), Box(20, 60, 180, 61), Box(100, 70, 101, 71)])
    def test_refit_in_a_thin_box_holds_something_too(self, session: Session, box: Box) -> None:
        found = session.segment(Hints(box=box), refit=True)
        assert found.mask.any() and agrees(found.mask, Hints(box=box))

    def test_refit_works_without_hints_too(self, session: Session) -> None:
        plain, again = session.segment(), session.segment(refit=True)
        np.testing.assert_array_equal(session.segment(Hints()).mask, again.mask)
        np.testing.assert_array_equal(session.segment().mask, plain.mask)
        assert again.energy != plain.energy

    def test_a_box_around_the_whole_photo_says_nothing(self, session: Session) -> None:
        found = session.segment(Hints(box=Box(0, 0, 226, 150)))
        assert found.mask.tobytes() == session.segment().mask.tobytes()

    @pytest.mark.parametrize(
        "box", [Box(60, 80, 200, 82), Box(100, 30, 102, 140), Box(0, 0, 3, 3), Box(225, 149, 226, 150)]
    )
    def test_even_a_thin_box_holds_something(self, session: Session, box: Box) -> None:
        found = session.segment(Hints(box=box)).mask
        assert found.any() and agrees(found, Hints(box=box))

    def test_a_box_and_points_come_to_the_same_at_once_and_apart(
        self, quick: Segmenter, result: SaliencyResult
    ) -> None:
        one, other = (Session(quick.classifier, result, QUICK) for _ in range(2))
        one.segment(Hints(box=CAT))
        assert one.segment(SAID).mask.tobytes() == other.segment(SAID).mask.tobytes()

    def test_the_map_s_own_odds_stay_in_the_evidence(self, session: Session) -> None:
        assert session.segment(SAID).seeds.tobytes() == session.segment().seeds.tobytes()

    def test_every_number_of_hints_is_tested(self) -> None:
        assert CHANGES.keys() == {item.name for item in fields(Recipe) if item.metadata["stage"] == "hints"}

    @pytest.fixture(scope="module")
    @staticmethod
    def learned(result: SaliencyResult) -> SaliencyResult:
        """The result with a map that sees an object everywhere."""
        return replace(result, maps=Maps(None, np.ones((8, 8), np.float32)))

    @pytest.mark.slow
    @pytest.mark.parametrize("name", CHANGES)
    def test_no_number_of_hints_is_ignored(self, network: Classifier, learned: SaliencyResult, name: str) -> None:
        hints = Hints(box=CAT)
        if not name.startswith("box"):
            hints = Hints(box=Box(60, 40, 150, 120), foreground=[(64, 44)], background=[(80, 100)])
        before, after = (
            Session(network, learned, one, load_objectness()).segment(hints)
            for one in (QUICK, replace(QUICK, **{name: CHANGES[name]}))
        )
        assert (before.energy, before.mask.tobytes()) != (after.energy, after.mask.tobytes())
        assert before.saliency is after.saliency

    def test_the_map_of_objects_counts_beside_hints(
        self, session: Session, network: Classifier, learned: SaliencyResult
    ) -> None:
        heeding, hints = Session(network, learned, QUICK), Hints(background=[(108, 60)])
        assert session.segment().mask.tobytes() == heeding.segment().mask.tobytes()
        assert session.segment(hints).mask.sum() < heeding.segment(hints).mask.sum()

    def test_invalid_hints_are_refused_and_the_session_stays_usable(self, session: Session) -> None:
        with pytest.raises(ValueError, match="^hints must not contradict each other, got both labels at x 3, y 4; "):
            session.segment(Hints(foreground=[(3, 4)], background=[(3, 4)]))
        with pytest.raises(ValueError, match="^foreground must be points .*, pixels of the 226 x 150 photo, got "):
            session.segment(Hints(foreground=[(226, 4)]))
        with pytest.raises(ValueError, match="^box must lie within "):
            session.segment(Hints(box=Box(0, 0, 226, 151)))
        with pytest.raises(TypeError, match=r"^hints must be wsseg\.Hints, got Box; "):
            session.segment(Box(0, 0, 26, 15))  # type: ignore[arg-type]  # On purpose.
        assert session.segment(SAID).mask.any()

    def test_arguments_are_not_changed(self, quick: Segmenter, small: Any) -> None:
        seeds = np.full((150, 226), UNKNOWN, np.uint8)
        seeds[80:90, 100:110] = FOREGROUND
        for array in (photo := small.copy(), seeds):
            array.setflags(write=False)
        found = quick.segment(photo, hints=Hints(seeds=seeds, box=CAT))
        assert found.mask[80:90, 100:110].all()

    @pytest.mark.slow
    def test_its_graphs_are_released_at_the_end(self, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        made: list[weakref.ref[MaskSolver]] = []

        class Seen(MaskSolver):
            def __init__(self, *given: Any, **named: Any) -> None:
                super().__init__(*given, **named)
                made.append(weakref.ref(self))

        monkeypatch.setattr(corrections, "MaskSolver", Seen)
        hints = Hints(foreground=[(30, 130)])
        with session as opened:
            assert opened is session
            first = session.segment(hints)
            gc.collect()
            assert made and made[-1]() is not None
        gc.collect()
        assert [one() for one in made] == [None] * len(made)
        assert session.segment(hints).mask.tobytes() == first.mask.tobytes()

    @pytest.mark.slow
    @pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (2, 3)])
    def test_a_tiny_photo_takes_hints_too(self, quick: Segmenter, shape: tuple[int, int]) -> None:
        with quick.open(np.full((*shape, 3), 200, np.uint8)) as session:
            for hints in (
                *(Hints(foreground=[(0, 0)]), Hints(background=[(0, 0)])),
                *(Hints(box=Box(0, 0, 1, 1)), Hints(box=Box(0, 0, 1, 1), foreground=[(0, 0)])),
            ):
                found = session.segment(hints, refit=True)
                assert agrees(found.mask, hints)
                assert (found.status == "no object") == (not found.mask.any())


class TestWithoutFeatures:
    """A classifier without layers on a grid, and a photo of two orange squares on blue."""

    @pytest.fixture
    def session(self) -> Session:
        image = np.full((48, 96, 3), (40, 80, 160), np.uint8)
        image[14:34, 40:60] = image[14:34, 70:90] = (230, 140, 40)
        recipe = replace(RECIPES["simonyan2013"], prior=2.0, hard_seeds=False)
        return Segmenter(sure_classifier(), recipe).open(image)

    def test_features_need_layers_on_a_grid(self, session: Session) -> None:
        with pytest.raises(ValueError, match="^classifier must have layers that give a grid"):
            features_of(sure_classifier(), session.result.image, mirror=False)

    def test_hints_work_by_place_and_color_and_give_reasons(self, session: Session) -> None:
        assert not session.segment().mask[24, 80]
        assert NO_FEATURES not in session.segment().reasons
        hints = Hints(foreground=[(80, 24)])
        found = session.segment(hints)
        assert found.mask[14:34, 70:90].all()
        assert not found.mask[:, :30].any()
        assert NO_FEATURES in found.reasons
        boxed = session.segment(Hints(box=Box(68, 12, 92, 36)))
        assert boxed.box == Box(70, 14, 90, 34)
        assert NO_FEATURES in boxed.reasons

    def test_a_person_knows_better_than_hard_seeds(self, session: Session) -> None:
        hard = Segmenter(sure_classifier(), replace(RECIPES["simonyan2013"], prior=2.0))
        hinted = hard.open(session.result.image)
        assert hinted.segment().mask[14:34, 40:60].all() and (hinted.segment().seeds[20:28, 44:56] == FOREGROUND).all()
        assert not hinted.segment(Hints(background=[(50, 24)])).mask[14:34, 40:60].any()

    def test_missing_features_alone_are_not_a_flag(self, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("wsseg.segmenting.status.confidence_of", lambda signs: 1.0)
        found = session.segment(Hints(box=Box(68, 12, 92, 36)))
        assert (found.status, found.reasons) == ("ok", (NO_FEATURES,))
