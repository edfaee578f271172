"""The values of a result, how they print, and the pictures of them as files."""

import base64
import io
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as pillow
from quick import photo_bytes, sure_classifier

from wsseg.arrays import Box
from wsseg.pictures.cutout import cutout
from wsseg.pictures.overlay import heatmap, overlay
from wsseg.pictures.strip import strip
from wsseg.pictures.style import PLAIN, Style
from wsseg.recipe import RECIPES
from wsseg.segmenting.outputs import PICTURES, check_style, encode, pictures_of, suffix_of
from wsseg.segmenting.results import SHOWN_SIDE, LabelMap, SaliencyResult, Segmentation
from wsseg.segmenting.segmenter import Segmenter


class TestInANotebook:
    """A result as Jupyter shows it."""

    def picture(self, result: Any) -> np.ndarray:
        with pillow.open(io.BytesIO(result._repr_png_())) as opened:
            assert opened.format == "PNG"
            return np.array(opened)

    def test_a_result_is_its_strip_reduced(self, cat: Segmentation, result: SaliencyResult) -> None:
        assert cat.strip().shape[1] > SHOWN_SIDE
        assert self.picture(cat).shape[1] == SHOWN_SIDE
        np.testing.assert_array_equal(self.picture(result), result.strip())

    @pytest.mark.slow
    def test_a_map_is_its_overlay(self, crew: LabelMap) -> None:
        np.testing.assert_array_equal(self.picture(crew), crew.overlay())

    def test_the_caption_says_what_was_found(self, cat: Segmentation, result: SaliencyResult, crew: LabelMap) -> None:
        caption = f"Egyptian cat {cat.probability:.2f} · {cat.status}, confidence {cat.confidence:.2f}"
        assert replace(cat, reasons=())._repr_html_().endswith(f"><br>{caption}")
        assert replace(cat, reasons=("why",))._repr_html_().endswith(f"{caption} · why")
        assert "confidence" not in result._repr_html_()
        assert [line.partition(" ")[0] for line in crew._repr_html_().split("<br>")[1:]] == [
            "space",
            "bulletproof",
            "wig",
        ]
        data = base64.b64encode(cat._repr_png_()).decode()
        assert f'src="data:image/png;base64,{data}"' in cat._repr_html_()

    def test_names_are_only_names(self, result: SaliencyResult) -> None:
        target = replace(result.target, category="<img src=x onerror=alert(1)>")
        html = replace(result, target=target, reasons=("</div><script>",))._repr_html_()
        assert html.count("<") == 2  # The picture and the line break.
        assert "&lt;script&gt;" in html


class TestResult:
    def test_concentration_is_the_share_of_the_saliency_in_the_mask(self, cat: Segmentation) -> None:
        saliency, mask = np.array([[0.5, 0.25], [1, 0.25]], np.float32), np.array([[True, False], [True, False]])
        found = replace(cat, saliency=saliency, mask=mask)
        assert found.concentration == 0.75
        assert replace(found, mask=~mask).concentration == 0.25
        assert replace(found, mask=mask | True).concentration == 1
        assert replace(found, mask=mask & False).concentration == 0
        assert replace(found, saliency=saliency * 0).concentration == 0
        assert 0 < cat.concentration < 1

    def test_the_box_is_tight(self, cat: Segmentation) -> None:
        mask = np.zeros((6, 9), np.bool_)
        mask[2, 3] = mask[4, 7] = True
        assert replace(cat, mask=mask).box == Box(3, 2, 8, 5)
        assert replace(cat, mask=np.zeros((6, 9), np.bool_)).box is None

    def test_it_is_frozen(self, cat: Segmentation) -> None:
        with pytest.raises(FrozenInstanceError):
            cat.mask = ~cat.mask  # type: ignore[misc]  # This must fail.

    @pytest.mark.parametrize("kind", pictures_of(Segmentation))
    def test_every_picture_can_be_saved(self, cat: Segmentation, tmp_path: Path, kind: str) -> None:
        cat.save(tmp_path / "new" / "a.png", kind)
        with pillow.open(tmp_path / "new" / "a.png") as picture:
            np.testing.assert_array_equal(np.array(picture), PICTURES[kind].draw(cat, PLAIN))

    def test_the_mask_is_saved_unless_another_is_named(self, cat: Segmentation, tmp_path: Path) -> None:
        cat.save(tmp_path / "a.png")
        with pillow.open(tmp_path / "a.png") as picture:
            np.testing.assert_array_equal(np.array(picture), np.where(cat.mask, 255, 0))

    def test_seeds_are_saved_as_black_grey_and_white(self, cat: Segmentation) -> None:
        levels = PICTURES["seeds"].draw(cat, PLAIN)
        assert [set(np.unique(levels[cat.seeds == seed])) for seed in (0, 255, 1)] == [{0}, {128}, {255}]

    def test_an_unknown_picture_is_refused(self, cat: Segmentation, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="^picture must be one of mask, cutout, .*, got 'poster'"):
            cat.save(tmp_path / "a.png", "poster")

    def test_a_saliency_result_has_no_mask_to_save(self, quick: Segmenter, tmp_path: Path) -> None:
        result = quick.saliency(photo_bytes("coffee"))
        assert type(result) is SaliencyResult
        assert result.strip().shape == (400, 1208, 3)
        with pytest.raises(ValueError, match="^picture must be one of saliency, strip, got 'mask'"):
            result.save(tmp_path / "a.png")
        assert not list(tmp_path.iterdir())


FANCY = Style(format="webp", feather=3, crop=True, background="blur")

MEASURED = ("mask", "seeds", "labels", "instances")
"""The pictures that no style changes."""

AS_PNG = (*MEASURED, "alpha")
"""The pictures that are PNG in any style."""


def read(path: Path) -> tuple[str | None, np.ndarray]:
    """Return a file's format and its pixels."""
    with pillow.open(path) as picture:
        return picture.format, np.array(picture)


class TestStyle:
    @pytest.mark.slow
    @pytest.mark.parametrize("kind", pictures_of(Segmentation))
    @pytest.mark.parametrize("format", ["png", "webp", "jpg"])
    def test_a_style_s_format_applies_only_to_pictures_for_viewing(
        self, cat: Segmentation, format: str, kind: str
    ) -> None:
        style = Style(format=format, background="white")
        data = encode(cat, kind, style)
        chosen = "png" if kind in AS_PNG else format
        assert suffix_of(kind, style) == f".{chosen}"
        with pillow.open(io.BytesIO(data)) as picture:
            assert picture.format == {"png": "PNG", "webp": "WEBP", "jpg": "JPEG"}[chosen]
            assert picture.size[::-1] == PICTURES[kind].draw(cat, style).shape[:2]
        assert encode(replace(cat), kind, replace(style)) == data

    def test_no_style_changes_the_data(self, cat: Segmentation, crew: LabelMap) -> None:
        for result in (cat, crew):
            for kind in pictures_of(type(result)):
                changed = encode(result, kind, FANCY) != encode(result, kind)
                assert changed != (kind in MEASURED), kind

    def test_a_cutout_is_drawn_in_its_style(self, cat: Segmentation, tmp_path: Path) -> None:
        style = replace(FANCY, format="png")
        cat.save(tmp_path / "a.png", "cutout", style)
        np.testing.assert_array_equal(read(tmp_path / "a.png")[1], cutout(cat.image, cat.mask, style))
        np.testing.assert_array_equal(cat.cutout(style), cutout(cat.image, cat.mask, style))

    def test_a_soft_edge_is_that_of_the_cutout(self, cat: Segmentation, tmp_path: Path) -> None:
        style = Style(edge="soft")
        cat.save(tmp_path / "a.png", "alpha", style)
        picture = cutout(cat.image, cat.mask, style)
        np.testing.assert_array_equal(read(tmp_path / "a.png")[1], picture[..., 3])
        np.testing.assert_array_equal(cat.cutout(style), picture)
        assert 0 < ((picture[..., 3] > 0) & (picture[..., 3] < 255)).mean() < 0.5

    @pytest.mark.parametrize(
        ("name", "format"), [("a.png", "PNG"), ("a.WEBP", "WEBP"), ("a.jpg", "JPEG"), ("a.jpeg", "JPEG")]
    )
    def test_the_suffix_chooses_the_format(
        self, cat: Segmentation, crew: LabelMap, tmp_path: Path, name: str, format: str
    ) -> None:
        for result in (cat, crew):
            result.save(tmp_path / name, "overlay")
            assert read(tmp_path / name)[0] == format

    def test_a_style_s_format_must_be_the_suffix_s(self, cat: Segmentation, tmp_path: Path) -> None:
        cat.save(tmp_path / "a.webp", "cutout", FANCY)
        assert read(tmp_path / "a.webp")[0] == "WEBP"
        for kind, name, style, wanted in [
            ("cutout", "b.png", FANCY, ".webp"),
            ("overlay", "b.webp", Style(format="jpg"), ".jpg or .jpeg"),
            ("overlay", "b.gif", None, ".png or .webp or .jpg or .jpeg"),
            ("overlay", "b", None, ".png or .webp or .jpg or .jpeg"),
            ("mask", "b.jpg", None, ".png"),
            ("mask", "b.webp", FANCY, ".png"),
            ("seeds", "b.webp", None, ".png"),
        ]:
            with pytest.raises(ValueError, match=f"^path must end in {wanted}, got '.*{name}'; "):
                cat.save(tmp_path / name, kind, style)
        assert [path.name for path in tmp_path.iterdir()] == ["a.webp"]

    def test_a_transparent_jpg_is_refused_before_there_is_a_photo(self, cat: Segmentation, tmp_path: Path) -> None:
        for style in (Style(format="jpg", background="white"), Style(format="jpg", background="blur"), FANCY, PLAIN):
            check_style(style, list(PICTURES))
        check_style(Style(format="jpg"), ["mask", "overlay", "saliency", "strip"])
        reason = "^background must be a color or blur in JPEG cut-outs, got none; choose one, or the format png or webp"
        with pytest.raises(ValueError, match=reason):
            check_style(Style(format="jpg"), ["mask", "cutout"])
        with pytest.raises(ValueError, match=reason):
            encode(cat, "cutout", Style(format="jpg"))
        with pytest.raises(ValueError, match=reason):
            cat.save(tmp_path / "a.jpg", "cutout")
        assert not list(tmp_path.iterdir())

    def test_a_missing_picture_cannot_be_saved(self, cat: Segmentation) -> None:
        with pytest.raises(ValueError, match="^picture must be one of mask, cutout, .*, got 'labels'"):
            encode(cat, "labels", FANCY)

    def test_an_empty_mask_has_every_picture(self, cat: Segmentation) -> None:
        nothing = replace(cat, mask=np.zeros_like(cat.mask))
        for kind in pictures_of(Segmentation):
            with pillow.open(io.BytesIO(encode(nothing, kind, FANCY))) as picture:
                assert picture.size[::-1] == cat.mask.shape or kind == "strip"


class TestPictures:
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

    def test_a_result_shows_the_photo_and_then_the_map(self, segmenter: Segmenter, square: Any) -> None:
        result = segmenter.saliency(square)
        np.testing.assert_array_equal(result.heatmap(), heatmap(result.saliency))
        np.testing.assert_array_equal(result.strip(), strip(square, result.heatmap()))

    def test_a_segmentation_s_pictures_are_of_its_own_arrays(self, segmenter: Segmenter, square: Any) -> None:
        found = segmenter.segment(square)
        np.testing.assert_array_equal(found.saliency, segmenter.saliency(square).saliency)
        outlined, alone = overlay(square, found.mask), cutout(square, found.mask)
        seeds = np.choose(np.searchsorted([0, 1, 255], found.seeds), [0, 255, 128]).astype(np.uint8)
        expected = {
            "masks": found.mask * np.uint8(255),
            "cutouts": alone,
            "alphas": found.mask * np.uint8(255),
            "overlays": outlined,
            "seeds": seeds,
            "saliency": found.heatmap(),
            "strips": strip(square, found.heatmap(), seeds, outlined),
        }
        drawn = [PICTURES[name] for name in pictures_of(Segmentation)]
        assert [picture.folder for picture in drawn] == list(expected)
        for picture in drawn:
            np.testing.assert_array_equal(picture.draw(found, PLAIN), expected[picture.folder])


class TestRepr:
    """One short line, without arrays."""

    def test_of_a_saliency_result_and_a_mask(self, result: SaliencyResult, cat: Segmentation) -> None:
        known = replace(result, probability=0.5)
        assert repr(known) == f"SaliencyResult('{result.category}', probability=0.50, 226 x 150 pixels)"
        weak = replace(cat, probability=0.25, status="weak", confidence=0.4)
        expected = "Segmentation('Egyptian cat', probability=0.25, status='weak', confidence=0.40, 451 x 300 pixels)"
        assert str(weak) == repr(weak) == expected

    def test_of_a_label_map(self, crew: LabelMap) -> None:
        names = "'space shuttle', 'bulletproof vest|military uniform', 'wig'"
        assert repr(crew) == f"LabelMap({names}, 512 x 512 pixels)"
        many = replace(crew, results=crew.results[:1] * 6)
        assert repr(many) == f"LabelMap({', '.join(4 * [repr('space shuttle')])}, 2 more, 512 x 512 pixels)"
        assert repr(crew.results[0]).startswith("TargetResult('space shuttle', probability=0.")
