"""From a photo to its mask with the embedded network: real photos, odd ones, and targets.

`python tests/segmenting/test_segmenter.py` makes the golden masks again.
"""

import io
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as pillow
from quick import CREW, QUICK, photo_bytes

from wsseg.classifier.classifier import Classifier
from wsseg.files.levels import ReadError
from wsseg.graphcut.confidence import LEAST, OK
from wsseg.recipe import RECIPES
from wsseg.segmenting.results import LabelMap, Segmentation
from wsseg.segmenting.segmenter import Segmenter, check_apart, segment

GOLDEN = Path(__file__).parents[1] / "golden"
PHOTOS = ("chelsea", "coffee")


def golden_of(segmenter: Segmenter, name: str) -> np.ndarray:
    """Return the mask at the size of the golden masks."""
    picture = pillow.open(io.BytesIO(photo_bytes(name))).convert("RGB").reduce(2)
    return segmenter.segment(picture).mask


class TestPhotos:
    @pytest.mark.parametrize("recipe", RECIPES)
    @pytest.mark.parametrize("name", PHOTOS)
    def test_the_mask_is_the_golden_one(self, network: Classifier, recipe: str, name: str) -> None:
        mask = golden_of(Segmenter(network, recipe), name)
        golden = np.array(pillow.open(GOLDEN / f"{name}.{recipe}.png")) > 0
        # Resampling and arithmetic differ between versions, by up to .032 with the oldest supported ones.
        assert (mask & golden).sum() / (mask | golden).sum() >= 0.96

    def test_chelsea_is_an_egyptian_cat_and_coffee_an_espresso(self, network: Classifier) -> None:
        segmenter = Segmenter(network)
        cat, cup = (segmenter.segment(photo_bytes(name)) for name in PHOTOS)
        assert (cat.category, round(cat.probability, 2), cup.category, round(cup.probability, 2)) == (
            *("Egyptian cat", 0.77),
            *("espresso", 0.90),
        )
        assert (cat.status, cat.reasons) == (cup.status, cup.reasons) == ("unsure", ())
        assert LEAST < min(cat.confidence, cup.confidence) < max(cat.confidence, cup.confidence) < OK
        # The face between the eyes; the cup, but not the table left of its saucer.
        assert cat.mask[120:200, 150:280].mean() > 0.95
        assert cup.mask[100:200, 240:340].mean() > 0.95
        assert not cup.mask[:, :60].any()

    @pytest.mark.slow
    @pytest.mark.parametrize("form", ["path", "bytes", "picture", "array"])
    def test_a_photo_may_come_in_any_form(self, quick: Segmenter, cat: Segmentation, tmp_path: Path, form: str) -> None:
        data = photo_bytes("chelsea")
        (tmp_path / "cat.png").write_bytes(data)
        picture = pillow.open(io.BytesIO(data))
        photos = {"path": tmp_path / "cat.png", "bytes": data, "picture": picture, "array": np.array(picture)}
        found = quick.segment(photos[form])
        assert found.mask.tobytes() == cat.mask.tobytes()
        assert found.energy == cat.energy

    def test_the_caller_s_threads_do_not_matter(self, quick: Segmenter, cat: Segmentation) -> None:
        threads = torch.get_num_threads()
        try:
            for count in (1, 2):
                torch.set_num_threads(count)
                found = quick.segment(photo_bytes("chelsea"))
                assert found.mask.tobytes() == cat.mask.tobytes()
                assert found.saliency.tobytes() == cat.saliency.tobytes()
        finally:
            torch.set_num_threads(threads)

    def test_one_call_is_a_segmenter_s(self, network: Classifier, cat: Segmentation) -> None:
        found = segment(photo_bytes("chelsea"), classifier=network, recipe=QUICK)
        assert found.target == cat.target
        assert found.mask.tobytes() == cat.mask.tobytes()

    def test_a_bare_module_is_refused_with_a_remedy(self) -> None:
        with pytest.raises(ValueError, match="^preprocessing must be given for a module of your own"):
            Segmenter(torch.nn.Flatten())  # type: ignore[arg-type]  # Newcomers try this.


class TestOddPhotos:
    @pytest.mark.slow
    @pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (2, 3), (20, 20)])
    @pytest.mark.parametrize("recipe", RECIPES)
    def test_a_flat_photo_gets_a_mask_with_a_status(
        self, network: Classifier, shape: tuple[int, int], recipe: str
    ) -> None:
        found = Segmenter(network, replace(RECIPES[recipe], samples=1)).segment(np.full((*shape, 3), 200, np.uint8))
        assert found.mask.shape == shape
        assert found.status in ("ok", "weak", "no object")
        assert (found.status == "no object") == (not found.mask.any())
        assert (found.status == "ok") == (not found.reasons)

    def test_noise_gets_a_mask_with_a_status(self, quick: Segmenter) -> None:
        found = quick.segment(np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8))
        assert found.mask.shape == (60, 80)
        assert found.status in ("ok", "weak", "no object")

    def test_a_turned_photo_s_mask_is_upright(self, quick: Segmenter) -> None:
        picture = pillow.open(io.BytesIO(photo_bytes("chelsea"))).convert("RGB")
        exif = pillow.Exif()
        exif[0x0112] = 6  # Turn clockwise to view.
        file = io.BytesIO()
        picture.transpose(pillow.Transpose.ROTATE_90).save(file, "PNG", exif=exif)
        assert quick.segment(file.getvalue()).mask.tobytes() == quick.segment(picture).mask.tobytes()

    @pytest.mark.slow
    @pytest.mark.parametrize("mode", ["L", "CMYK", "P", "RGBA", "I;16"])
    def test_any_color_mode_is_segmented(self, quick: Segmenter, mode: str) -> None:
        picture = pillow.open(io.BytesIO(photo_bytes("chelsea")))
        if mode == "I;16":
            picture = pillow.fromarray(np.array(picture.convert("L")).astype(np.uint16) * 257)
        else:
            picture = picture.convert(mode)
        found = quick.segment(picture)
        assert found.mask.shape == (300, 451)
        assert found.mask.any()

    def test_ignored_parts_of_a_file_are_noted(self, quick: Segmenter) -> None:
        frames = [pillow.fromarray(np.full((8, 9, 3), level, np.uint8)) for level in (0, 90, 180)]
        file = io.BytesIO()
        frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
        assert "only the first of 3 frames is used" in quick.segment(file.getvalue()).reasons

    def test_a_photo_too_large_is_refused(self, quick: Segmenter) -> None:
        with pytest.raises(ReadError, match="must have at most 100 pixels"):
            quick.segment(np.zeros((20, 20, 3), np.uint8), max_pixels=100)


class TestTarget:
    @pytest.mark.parametrize("target", [285, "285", "n02124075", "egyptian_CAT"])
    def test_a_class_may_be_requested(self, quick: Segmenter, cat: Segmentation, target: Any) -> None:
        assert quick.saliency(photo_bytes("chelsea"), target).target == cat.target

    def test_a_given_target_s_map_has_its_own_prior(self, network: Classifier) -> None:
        photo = photo_bytes("chelsea")
        own, wide, narrow = (
            Segmenter(network, replace(QUICK, prior=2.0, prior_given=given)) for given in (2.0, 6.0, 0.0)
        )
        assert (own.segment(photo).mask == wide.segment(photo).mask).all()
        masks = [segmenter.segment(photo, 285).mask for segmenter in (own, wide, narrow)]
        assert (masks[0] != masks[1]).any() and (masks[0] != masks[2]).any()
        each = wide.segment_each(photo, top=1)[0]
        assert (each.mask == masks[1]).all()

    def test_several_classes_are_one_target(self, quick: Segmenter) -> None:
        found, *parts = (quick.saliency(photo_bytes("chelsea"), target) for target in ("tiger cat|tabby", 281, 282))
        assert found.category == "tiger cat|tabby"
        assert found.target.indices == (281, 282)
        assert found.probability == pytest.approx(sum(part.probability for part in parts))

    def test_a_class_that_is_not_seen_is_flagged(self, network: Classifier) -> None:
        recipe = replace(RECIPES["simonyan2013"], mirror=False, exact_side=96, presence=0.015)
        found = Segmenter(network, recipe).segment(photo_bytes("chelsea"), "fire engine")
        assert found.mask.any()
        assert found.status == "weak"
        assert found.reasons[0].startswith("the classifier does not see fire engine: probability ")

    def test_without_a_target_the_map_is_of_the_likeliest_classes(self, network: Classifier, quick: Segmenter) -> None:
        photo = photo_bytes("chelsea")
        alike = Segmenter(network, replace(QUICK, blended_classes=1, cam_share_given=QUICK.cam_share))
        one, several = alike.saliency(photo), quick.saliency(photo)
        assert one.target == several.target
        np.testing.assert_allclose(one.saliency, alike.saliency(photo, one.target).saliency, atol=1e-4)
        assert np.abs(one.saliency - several.saliency).max() > 0.01

    @pytest.mark.slow
    def test_several_targets_give_the_same_masks_as_one_at_a_time(
        self, network: Classifier, quick: Segmenter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        photo, targets = photo_bytes("chelsea"), ("tiger cat|tabby", 285)
        alone = [quick.segment(photo, target) for target in targets]
        passes = []
        probabilities = Classifier.probabilities
        monkeypatch.setattr(Classifier, "probabilities", lambda *given: passes.append(0) or probabilities(*given))
        each = quick.segment_each(photo, targets)
        assert len(passes) == 1
        assert [found.target for found in each] == [found.target for found in alone]
        assert [found.mask.tobytes() for found in each] == [found.mask.tobytes() for found in alone]
        assert each[0].image is each[1].image

    def test_the_likeliest_classes_come_in_order(self, quick: Segmenter) -> None:
        photo = photo_bytes("chelsea")
        found = quick.saliency_each(photo, top=3)
        assert [result.category for result in found] == ["Egyptian cat", "tiger cat", "tabby"]
        assert found[0].probability > found[1].probability > found[2].probability
        np.testing.assert_array_equal(found[1].saliency, quick.saliency(photo, "tiger cat").saliency)

    def test_without_targets_the_classifier_chooses(self, quick: Segmenter, cat: Segmentation) -> None:
        (found,) = quick.segment_each(photo_bytes("chelsea"))
        assert found.target == cat.target
        assert found.mask.tobytes() == cat.mask.tobytes()

    @pytest.mark.parametrize("top", [0, -1, 1001, 2.5, "3"])
    def test_all_classes_may_be_requested(self, quick: Segmenter, top: Any) -> None:
        with pytest.raises(ValueError, match=f"^top must be a number of classes from 1 to 1000, got {top}"):
            quick.segment_each(photo_bytes("chelsea"), top=top)

    def test_targets_are_a_list_and_not_empty(self, quick: Segmenter) -> None:
        for single in ("tabby", 285):
            with pytest.raises(TypeError, match=f"^targets must be a list, got {single!r}; put"):
                quick.resolve(single)  # type: ignore[arg-type]  # Newcomers try this.
        with pytest.raises(ValueError, match="^targets must hold at least one target, got none"):
            quick.resolve([])

    def test_an_unknown_class_is_refused(self, quick: Segmenter) -> None:
        with pytest.raises(ValueError, match="target must fit one category, got 'unicorn'"):
            quick.segment(photo_bytes("chelsea"), "unicorn")


class TestTogether:
    """Several targets in one map."""

    @pytest.mark.slow
    def test_each_pixel_belongs_to_at_most_one_target(self, quick: Segmenter, crew: LabelMap) -> None:
        assert [target.category for target in crew.targets] == list(CREW)
        assert crew.targets == quick.resolve(CREW)
        assert crew.labels.shape == crew.image.shape[:2] == (512, 512)
        assert set(np.unique(crew.labels)) == {0, 1, 2, 3}
        assert sum(crew.mask(label).astype(int) for label in range(4)).tolist() == np.ones((512, 512)).tolist()
        # The sky beside the shuttle, the suit, and the face.
        assert crew.labels[100, 440] == 1
        assert np.bincount(crew.labels[300:440, 60:150].ravel()).argmax() == 2
        assert np.bincount(crew.labels[60:150, 200:250].ravel()).argmax() == 3
        assert not crew.exact
        assert crew.energy > 0

    def test_each_part_equals_its_target_seen_alone(self, quick: Segmenter, crew: LabelMap) -> None:
        results = quick.saliency_each(photo_bytes("astronaut"), CREW)
        for part, result in zip(crew.results, results, strict=True):
            assert part.image is crew.image
            assert (part.target, part.probability) == (result.target, result.probability)
            np.testing.assert_array_equal(part.saliency, result.saliency)
            np.testing.assert_array_equal(part.strip(), result.strip())
            assert 0 <= part.confidence <= 1
        assert crew.results[2].reasons[0].startswith("the classifier hardly sees wig: probability ")
        assert crew.results[2].status == "ok"

    def test_the_photo_is_read_once_and_seen_once(self, quick: Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
        passes: list[int] = []
        probabilities = Classifier.probabilities
        monkeypatch.setattr(Classifier, "probabilities", lambda *given: passes.append(0) or probabilities(*given))
        quick.segment_categories(photo_bytes("coffee"), ["espresso", "wooden spoon"])
        assert len(passes) == 1

    def test_one_target_gives_the_mask_of_one_look(self, quick: Segmenter) -> None:
        photo, quick = photo_bytes("coffee"), Segmenter(quick.classifier, replace(quick.recipe, looks=1))
        found, (alone,) = quick.segment_categories(photo, ["espresso"]), quick.segment_each(photo, ["espresso"])
        np.testing.assert_array_equal(found.mask(1), alone.mask)
        assert (found.energy, found.exact) == (alone.energy, alone.exact)
        (part,) = found.results
        assert (part.status, part.reasons, part.confidence) == (alone.status, alone.reasons, alone.confidence)

    @pytest.mark.slow
    def test_each_target_is_one_object_without_instances(self, quick: Segmenter, crew: LabelMap) -> None:
        assert crew.instances().max() == 3
        areas = np.bincount(crew.instances().ravel())[1:]
        assert sorted(areas.tolist(), reverse=True) == areas.tolist()
        every = quick.segment_categories(photo_bytes("astronaut"), CREW, instances=True)
        assert every.instances().max() > 3
        np.testing.assert_array_equal(every.instances() > 0, every.labels > 0)

    def test_a_target_without_a_pixel_is_no_object(self, quick: Segmenter) -> None:
        photo = np.full((40, 60, 3), 200, np.uint8)
        found = Segmenter(quick.classifier, replace(QUICK, smoothness=1e6)).segment_categories(photo, ["tabby", "wig"])
        for label, part in enumerate(found.results, 1):
            assert (part.status == "no object") == (not found.mask(label).any())
            assert part.reasons

    def test_a_target_that_is_not_in_the_photo_takes_no_pixels(self, network: Classifier) -> None:
        """In the photo of a cat, 1.5 % of the likeliest class's probability is far more than that of a ball or boat."""
        photo, segmenter = photo_bytes("chelsea"), Segmenter(network, replace(QUICK, presence=0.015))
        found = segmenter.segment_categories(photo, ["tennis ball", "cat", "boat"])
        ball, cat, boat = found.results
        assert (ball.status, boat.status) == ("no object", "no object")
        assert cat.status != "no object"
        assert set(np.unique(found.labels)) == {0, 2}
        assert ball.reasons[0].startswith("the classifier does not see tennis ball: probability ")
        alone = segmenter.segment_categories(photo, ["cat"])
        np.testing.assert_array_equal(found.mask(2), alone.mask(1))
        none = segmenter.segment_categories(photo, ["tennis ball", "boat"])
        assert not none.labels.any()
        assert (none.energy, none.exact) == (0.0, True)

    def test_a_target_given_alone_keeps_its_mask_and_is_weak(self, network: Classifier) -> None:
        photo, segmenter = photo_bytes("chelsea"), Segmenter(network, replace(QUICK, presence=0.015))
        probabilities = network.probabilities(segmenter.saliency(photo).image)
        order = np.argsort(-probabilities)
        unseen = int(order[np.searchsorted(-probabilities[order], -0.015 * probabilities.max(), side="right")])
        assert 0.001 <= probabilities[unseen] < 0.015 * probabilities.max()
        (found,) = segmenter.segment_each(photo, [unseen])
        assert (found.status, found.seen) == ("weak", False)
        assert found.reasons[0].startswith(f"the classifier does not see {found.category}: probability ")

    def test_a_kind_is_named_as_asked_with_its_likeliest_class(self, quick: Segmenter) -> None:
        found = quick.saliency(photo_bytes("chelsea"), "cat")
        assert found.category == "cat"
        assert found.reasons == ("the likeliest of 7 classes of cat is Egyptian cat 0.77",)
        assert found.probability > 0.9

    def test_pictures_are_saved_in_the_colors_of_voc(self, crew: LabelMap, tmp_path: Path) -> None:
        crew.save(tmp_path / "new" / "labels.png")
        crew.save(tmp_path / "instances.png", "instances")
        crew.save(tmp_path / "overlay.png", "overlay")
        for name, labels in (("new/labels", crew.labels), ("instances", crew.instances())):
            with pillow.open(tmp_path / f"{name}.png") as picture:
                assert picture.mode == "P"
                assert picture.getpalette()[:12] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]  # type: ignore[index]
                np.testing.assert_array_equal(np.array(picture), labels)
        with pillow.open(tmp_path / "overlay.png") as picture:
            assert picture.mode == "RGB"
            np.testing.assert_array_equal(np.array(picture), crew.overlay())

    def test_missing_pictures_cannot_be_saved_or_requested(self, crew: LabelMap, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="^picture must be one of labels, instances, overlay, got 'mask'"):
            crew.save(tmp_path / "a.png", "mask")
        for label in (-1, 4, 1.5):
            with pytest.raises(ValueError, match=f"^label must be a whole number from 0 to 3, got {label}"):
                crew.mask(label)  # type: ignore[arg-type]  # This must fail.
        with pytest.raises(FrozenInstanceError):
            crew.energy = 0.0  # type: ignore[misc]  # This must fail.

    @pytest.mark.parametrize(
        ("targets", "got"),
        [
            (["tabby", "n02123045"], "'tabby' and 'tabby'"),
            (["tabby", "wig", "tiger cat|tabby"], "'tabby' and 'tiger cat|tabby'"),
            ([], "none"),
            (None, "0"),
            (range(255), "255"),
        ],
    )
    def test_indistinguishable_targets_are_refused_before_any_work(
        self, quick: Segmenter, targets: Any, got: str
    ) -> None:
        with pytest.raises(ValueError, match="^targets must ") as error:
            quick.segment_categories(Path("missing.jpg"), targets)
        assert f"got {got}" in str(error.value)

    def test_as_many_targets_as_fit_in_a_byte_are_accepted(self, quick: Segmenter) -> None:
        assert len(check_apart(quick.resolve(range(254)))) == 254


if __name__ == "__main__":
    for recipe in RECIPES:
        for name in PHOTOS:
            mask = golden_of(Segmenter(recipe=recipe), name)
            GOLDEN.mkdir(exist_ok=True)
            pillow.fromarray(mask).save(GOLDEN / f"{name}.{recipe}.png", optimize=True)
