"""From a photo to its mask with the embedded network: real photos, odd ones, and what a result carries.

`python tests/test_segmentation.py` makes the golden masks anew.
"""

import io
from dataclasses import FrozenInstanceError, replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as pillow

from wsseg import pictures
from wsseg.arrays import Box
from wsseg.classifier import Classifier, Preprocessing, load_classifier
from wsseg.files import ReadError
from wsseg.recipe import RECIPES
from wsseg.segmentation import PICTURES, Segmentation, Segmenter, Sighting, segment

GOLDEN = Path(__file__).parent / "golden"
PHOTOS = ("chelsea", "coffee")

QUICK = replace(RECIPES["default"], samples=1, mirror=False, exact_side=96)


def photo_bytes(name: str) -> bytes:
    return (resources.files("skimage") / "data" / f"{name}.png").read_bytes()


def golden_of(segmenter: Segmenter, name: str) -> np.ndarray:
    """The mask at the size that the golden ones are kept in."""
    picture = pillow.open(io.BytesIO(photo_bytes(name))).convert("RGB").reduce(2)
    return segmenter.segment(picture).mask


@pytest.fixture(scope="session")
def network() -> Classifier:
    return load_classifier()


@pytest.fixture(scope="session")
def quick(network: Classifier) -> Segmenter:
    return Segmenter(network, QUICK)


@pytest.fixture(scope="session")
def cat(quick: Segmenter) -> Segmentation:
    return quick.segment(photo_bytes("chelsea"))


class TestPhotos:
    @pytest.mark.parametrize("recipe", RECIPES)
    @pytest.mark.parametrize("name", PHOTOS)
    def test_the_mask_is_the_golden_one(self, network: Classifier, recipe: str, name: str) -> None:
        mask = golden_of(Segmenter(network, recipe), name)
        golden = np.array(pillow.open(GOLDEN / f"{name}.{recipe}.png")) > 0
        assert (mask & golden).sum() / (mask | golden).sum() >= 0.98

    def test_chelsea_is_an_egyptian_cat_and_coffee_an_espresso(self, network: Classifier) -> None:
        segmenter = Segmenter(network)
        cat, cup = (segmenter.segment(photo_bytes(name)) for name in PHOTOS)
        assert (cat.category, round(cat.probability, 2), cat.status) == ("Egyptian cat", 0.77, "ok")
        assert (cup.category, round(cup.probability, 2), cup.status) == ("espresso", 0.90, "ok")
        # The face between the eyes; the cup, and not the table left of its saucer.
        assert cat.mask[120:200, 150:280].mean() > 0.95
        assert cup.mask[100:200, 240:340].mean() > 0.95
        assert not cup.mask[:, :60].any()

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

    def test_a_module_alone_is_told_what_it_lacks(self) -> None:
        with pytest.raises(ValueError, match="^preprocessing must be given for a module of your own"):
            Segmenter(torch.nn.Flatten())  # type: ignore[arg-type]  # What newcomers try.


class TestOddPhotos:
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

    @pytest.mark.parametrize("mode", ["L", "CMYK", "P", "RGBA", "I;16"])
    def test_modes_of_color_do_not_stop_it(self, quick: Segmenter, mode: str) -> None:
        picture = pillow.open(io.BytesIO(photo_bytes("chelsea")))
        if mode == "I;16":
            picture = pillow.fromarray(np.array(picture.convert("L")).astype(np.uint16) * 257)
        else:
            picture = picture.convert(mode)
        found = quick.segment(picture)
        assert found.mask.shape == (300, 451)
        assert found.mask.any()

    def test_what_was_left_out_is_said(self, quick: Segmenter) -> None:
        frames = [pillow.fromarray(np.full((8, 9, 3), level, np.uint8)) for level in (0, 90, 180)]
        file = io.BytesIO()
        frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
        assert "only the first of 3 frames is used" in quick.segment(file.getvalue()).reasons

    def test_a_photo_too_large_is_refused(self, quick: Segmenter) -> None:
        with pytest.raises(ReadError, match="must have at most 100 pixels"):
            quick.segment(np.zeros((20, 20, 3), np.uint8), max_pixels=100)


class TestTarget:
    @pytest.mark.parametrize("target", [285, "285", "n02124075", "egyptian_CAT"])
    def test_a_class_may_be_asked_for(self, quick: Segmenter, cat: Segmentation, target: Any) -> None:
        assert quick.sight(photo_bytes("chelsea"), target).target == cat.target

    def test_the_map_of_a_given_target_weighs_by_a_prior_of_its_own(self, network: Classifier) -> None:
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
        found, *parts = (quick.sight(photo_bytes("chelsea"), target) for target in ("tiger cat|tabby", 281, 282))
        assert found.category == "tiger cat|tabby"
        assert found.target.indices == (281, 282)
        assert found.probability == pytest.approx(sum(part.probability for part in parts))

    def test_a_class_that_the_network_does_not_see_is_doubted(self, network: Classifier) -> None:
        recipe = replace(RECIPES["simonyan2013"], mirror=False, exact_side=96)
        found = Segmenter(network, recipe).segment(photo_bytes("chelsea"), "fire engine")
        assert found.mask.any()
        assert found.status == "weak"
        assert found.reasons[0].startswith("the classifier does not see fire engine: probability ")

    def test_without_a_target_the_map_is_of_the_likeliest_classes(self, network: Classifier, quick: Segmenter) -> None:
        photo = photo_bytes("chelsea")
        alike = Segmenter(network, replace(QUICK, blended_classes=1, cam_share_given=QUICK.cam_share))
        one, several = alike.sight(photo), quick.sight(photo)
        assert one.target == several.target
        np.testing.assert_allclose(one.saliency, alike.sight(photo, one.target).saliency, atol=1e-4)
        assert np.abs(one.saliency - several.saliency).max() > 0.01

    def test_each_of_several_targets_is_as_if_asked_alone(
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
        found = quick.sight_each(photo, top=3)
        assert [sighting.category for sighting in found] == ["Egyptian cat", "tiger cat", "tabby"]
        assert found[0].probability > found[1].probability > found[2].probability
        np.testing.assert_array_equal(found[1].saliency, quick.sight(photo, "tiger cat").saliency)

    def test_without_targets_each_is_the_classifier_s_own_choice(self, quick: Segmenter, cat: Segmentation) -> None:
        (found,) = quick.segment_each(photo_bytes("chelsea"))
        assert found.target == cat.target
        assert found.mask.tobytes() == cat.mask.tobytes()

    @pytest.mark.parametrize("top", [0, -1, 1001, 2.5, "3"])
    def test_as_many_classes_as_there_are_may_be_asked_for(self, quick: Segmenter, top: Any) -> None:
        with pytest.raises(ValueError, match=f"^top must be a number of classes from 1 to 1000, got {top}"):
            quick.segment_each(photo_bytes("chelsea"), top=top)

    def test_targets_are_a_list_and_not_empty(self, quick: Segmenter) -> None:
        for single in ("tabby", 285):
            with pytest.raises(TypeError, match=f"^targets must be a list, got {single!r}; put"):
                quick.resolve(single)  # type: ignore[arg-type]  # What newcomers try.
        with pytest.raises(ValueError, match="^targets must name one or more, got none"):
            quick.resolve([])

    def test_an_unknown_class_is_refused(self, quick: Segmenter) -> None:
        with pytest.raises(ValueError, match="target must fit one category, got 'cat'"):
            quick.segment(photo_bytes("chelsea"), "cat")


class Sure(torch.nn.Module):
    """Looks at the middle of the photo, and gives four classes the same probabilities whatever it sees there."""

    def __init__(self, least: float = 0.0) -> None:
        super().__init__()
        y, x = torch.meshgrid(torch.linspace(-2, 2, 16), torch.linspace(-2, 2, 16), indexing="ij")
        self.register_buffer("middle", torch.exp(-2 * (y**2 + x**2)).clamp(min=least))
        self.register_buffer("scores", 5 + torch.tensor([0.3, 0.26, 0.24, 0.2]).log())

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.scores + 1e-6 * (batch * self.middle).mean(dim=(1, 2, 3))[:, None]


class TestStatus:
    """With a network whose probabilities are known, and a photo of an orange square on blue."""

    @staticmethod
    def classifier(least: float = 0.0) -> Classifier:
        preprocessing = Preprocessing((16, 16), (0.5,) * 3, (0.25,) * 3)
        return load_classifier(Sure(least), categories=["ape", "bee", "cow", "dog"], preprocessing=preprocessing)

    @pytest.fixture
    def segmenter(self) -> Segmenter:
        return Segmenter(
            self.classifier(), replace(RECIPES["simonyan2013"], prior=2.0, prior_given=2.0, hard_seeds=False)
        )

    @pytest.fixture
    def square(self) -> Any:
        image = np.full((48, 64, 3), (40, 80, 160), np.uint8)
        image[14:34, 20:44] = (230, 140, 40)
        return image

    def test_what_is_seen_and_found_is_ok(self, segmenter: Segmenter, square: Any) -> None:
        found = segmenter.segment(square)
        assert (found.category, found.status, found.reasons) == ("ape", "ok", ())
        assert found.probability == pytest.approx(0.3)
        assert found.box == Box(20, 14, 44, 34)
        assert found.energy > 0

    @pytest.mark.parametrize(
        ("target", "status"),
        [("bee", "ok"), ("cow", "weak"), ("ape|bee", "ok"), ("cow|dog", "weak"), ("bee|cow|dog", "weak")],
    )
    def test_less_likely_than_by_chance_is_not_seen(
        self, segmenter: Segmenter, square: Any, target: str, status: str
    ) -> None:
        """The chance of several classes is that of each, added."""
        found = segmenter.segment(square, target)
        assert found.status == status
        assert bool(found.reasons) == (status == "weak")
        assert all(reason.startswith(f"the classifier does not see {target}: ") for reason in found.reasons)

    def test_a_mask_of_the_whole_photo_is_weak(self, segmenter: Segmenter, square: Any) -> None:
        recipe = replace(segmenter.recipe, smoothness=1e6)
        found = Segmenter(self.classifier(least=0.9), recipe).segment(np.full_like(square, 90))
        assert found.mask.all()
        assert (found.status, found.reasons) == ("weak", ("the photo is of one color", "the mask is the whole photo"))

    def test_without_an_object_the_status_says_so_before_all_else(self, segmenter: Segmenter, square: Any) -> None:
        recipe = replace(segmenter.recipe, smoothness=1e6)
        found = Segmenter(segmenter.classifier, recipe).segment(np.full_like(square, 90), "dog")
        assert not found.mask.any()
        assert found.box is None
        assert found.status == "no object"
        assert [reason.partition(":")[0] for reason in found.reasons] == [
            "the cheapest cut keeps no pixel of the object",
            "the classifier does not see dog",
        ]

    def test_a_note_on_the_file_is_no_doubt(self, segmenter: Segmenter, square: Any) -> None:
        file = io.BytesIO()
        first, second = (pillow.fromarray(image) for image in (square, square[::-1].copy()))
        first.save(file, "PNG", save_all=True, append_images=[second])
        found = segmenter.segment(file.getvalue(), "dog")
        assert found.reasons[1:] == ("only the first of 2 frames is used",)
        assert found.status == "weak"
        assert segmenter.segment(file.getvalue()).reasons == found.reasons[1:]
        assert segmenter.segment(file.getvalue()).status == "ok"

    def test_one_call_takes_the_same_target_and_recipe(self, segmenter: Segmenter, square: Any) -> None:
        found = segment(square, "dog", classifier=segmenter.classifier, recipe=segmenter.recipe)
        assert found.category == "dog"
        assert found.energy == segmenter.segment(square, "dog").energy
        assert found.energy != segment(square, "dog", classifier=segmenter.classifier, recipe="simonyan2013").energy

    def test_a_recipe_may_be_named(self, segmenter: Segmenter) -> None:
        for name, recipe in RECIPES.items():
            assert Segmenter(segmenter.classifier, name).recipe is recipe
        assert Segmenter(segmenter.classifier).recipe is RECIPES["default"]

    def test_a_sighting_shows_the_photo_and_then_the_map(self, segmenter: Segmenter, square: Any) -> None:
        sighting = segmenter.sight(square)
        np.testing.assert_array_equal(sighting.heatmap(), pictures.heatmap(sighting.saliency))
        np.testing.assert_array_equal(sighting.strip(), pictures.strip(square, sighting.heatmap()))

    def test_a_segmentation_s_pictures_are_of_its_own_arrays(self, segmenter: Segmenter, square: Any) -> None:
        found = segmenter.segment(square)
        np.testing.assert_array_equal(found.saliency, segmenter.sight(square).saliency)
        overlay, cutout = pictures.overlay(square, found.mask), pictures.cutout(square, found.mask)
        seeds = np.choose(np.searchsorted([0, 1, 255], found.seeds), [0, 255, 128]).astype(np.uint8)
        expected = {
            "masks": found.mask * np.uint8(255),
            "cutouts": cutout,
            "overlays": overlay,
            "seeds": seeds,
            "saliency": found.heatmap(),
            "strips": pictures.strip(square, found.heatmap(), seeds, overlay),
        }
        assert [picture.folder for picture in PICTURES.values()] == list(expected)
        for picture in PICTURES.values():
            np.testing.assert_array_equal(picture.draw(found), expected[picture.folder])


class TestResult:
    def test_the_box_is_tight(self, cat: Segmentation) -> None:
        mask = np.zeros((6, 9), np.bool_)
        mask[2, 3] = mask[4, 7] = True
        assert replace(cat, mask=mask).box == Box(3, 2, 8, 5)
        assert replace(cat, mask=np.zeros((6, 9), np.bool_)).box is None

    def test_it_is_frozen(self, cat: Segmentation) -> None:
        with pytest.raises(FrozenInstanceError):
            cat.mask = ~cat.mask  # type: ignore[misc]  # What must fail.

    @pytest.mark.parametrize("kind", PICTURES)
    def test_every_picture_can_be_saved(self, cat: Segmentation, tmp_path: Path, kind: str) -> None:
        cat.save(tmp_path / "new" / "a.png", kind)
        with pillow.open(tmp_path / "new" / "a.png") as picture:
            np.testing.assert_array_equal(np.array(picture), PICTURES[kind].draw(cat))

    def test_the_mask_is_saved_unless_another_is_named(self, cat: Segmentation, tmp_path: Path) -> None:
        cat.save(tmp_path / "a.png")
        with pillow.open(tmp_path / "a.png") as picture:
            np.testing.assert_array_equal(np.array(picture), np.where(cat.mask, 255, 0))

    def test_seeds_are_saved_as_black_grey_and_white(self, cat: Segmentation) -> None:
        levels = PICTURES["seeds"].draw(cat)
        assert [set(np.unique(levels[cat.seeds == seed])) for seed in (0, 255, 1)] == [{0}, {128}, {255}]

    def test_an_unknown_picture_is_refused(self, cat: Segmentation, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="^picture must be one of mask, cutout, .*, got 'poster'"):
            cat.save(tmp_path / "a.png", "poster")

    def test_of_a_sighting_there_is_no_mask_to_save(self, quick: Segmenter, tmp_path: Path) -> None:
        sighting = quick.sight(photo_bytes("coffee"))
        assert type(sighting) is Sighting
        assert sighting.strip().shape == (400, 1208, 3)
        with pytest.raises(ValueError, match="^picture must be one of saliency, strip, got 'mask'"):
            sighting.save(tmp_path / "a.png")
        assert not list(tmp_path.iterdir())


if __name__ == "__main__":
    for recipe in RECIPES:
        for name in PHOTOS:
            mask = golden_of(Segmenter(recipe=recipe), name)
            GOLDEN.mkdir(exist_ok=True)
            pillow.fromarray(mask).save(GOLDEN / f"{name}.{recipe}.png", optimize=True)
