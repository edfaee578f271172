"""A folder at a time, with a stand-in for the segmenter."""

import json
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pytest

from wsseg.batch import RUN, beside_outputs, check_labels, claim, labels_of, process
from wsseg.categories import Categories, Target
from wsseg.files import ReadError, Source
from wsseg.segmentation import Sighting


def sighting(*targets: Target) -> tuple[Sighting, ...]:
    image = np.zeros((4, 5, 3), np.uint8)
    return tuple(Sighting(image, target, 1.0, np.zeros((4, 5), np.float32), ()) for target in targets)


def see(path: Path) -> tuple[Sighting, ...]:
    """A black photo; what is called bad, strange or huge fails, each in its way."""
    errors = {
        "bad": ReadError("no picture"),
        "strange": RuntimeError("too odd"),
        "huge": MemoryError(),
        "vast": cv2.error("no room"),
    }
    if path.stem in errors:
        raise errors[path.stem]
    return sighting(Target((0,), "class 0"))


def source(name: str) -> Source:
    return Source(Path(name), PurePosixPath(name).with_suffix(".png"))


class TestProcess:
    def test_pictures_lie_where_their_kind_and_name_say(self, tmp_path: Path) -> None:
        list(process([source("a.jpg"), source("sub/b.jpg")], see, tmp_path, ("saliency", "strip")))
        files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
        assert files == ["saliency/a.png", "saliency/sub/b.png", "strips/a.png", "strips/sub/b.png"]
        widths = [cv2.imread(str(tmp_path / file)).shape[1] for file in files]
        assert widths[0] == widths[1] < widths[2] == widths[3]

    def test_what_fails_is_told_and_the_rest_go_on(self, tmp_path: Path) -> None:
        names = ("a.jpg", "bad.jpg", "strange.jpg", "huge.jpg", "vast.jpg", "z.jpg")
        outcomes = list(process(map(source, names), see, tmp_path, ("strip",)))
        assert [outcome.source.path.name for outcome in outcomes] == list(names)
        assert [outcome.error for outcome in outcomes] == ["", "no picture", "too odd", "MemoryError", "no room", ""]
        assert [len(outcome.results) for outcome in outcomes] == [1, 0, 0, 0, 0, 1]
        assert all(outcome.seconds > 0 for outcome in outcomes)

    def test_a_mistake_of_the_program_is_no_bad_photo(self, tmp_path: Path) -> None:
        def broken(path: Path) -> tuple[Sighting, ...]:
            raise AttributeError(path)

        with pytest.raises(AttributeError):
            list(process([source("a.jpg")], broken, tmp_path, ("strip",)))

    def test_a_folder_that_cannot_be_written_ends_it(self, tmp_path: Path) -> None:
        (tmp_path / "strips").write_text("in the way")
        with pytest.raises(OSError, match="strips"):
            list(process([source("a.jpg")], see, tmp_path, ("strip",)))

    def test_it_goes_no_faster_than_it_is_asked(self, tmp_path: Path) -> None:
        next(process([source("a.jpg"), source("b.jpg")], see, tmp_path, ("strip",)))
        assert [path.name for path in tmp_path.rglob("*.png")] == ["a.png"]


class TestTargets:
    CATS = Categories(("tiger cat", "Cardigan", "cardigan", "caf\u00e9 (2)", "a/../b"))

    def test_each_has_a_picture_of_its_own_beside_a_photo_called_so(self, tmp_path: Path) -> None:
        labels, targets = labels_of(self.CATS), [Target((0,), "tiger cat"), Target((1,), "Cardigan")]
        sources = [source("sub/a.jpg"), source("sub/a.tiger_cat.jpg")]
        outcomes = list(process(sources, lambda path: sighting(*targets), tmp_path, ("strip",), labels))
        assert [[result.category for result in outcome.results] for outcome in outcomes] == [
            ["tiger cat", "Cardigan"]
        ] * 2
        assert sorted(path.name for path in (tmp_path / "strips/sub").iterdir()) == [
            "a.Cardigan-1.png",
            "a.tiger_cat.Cardigan-1.png",
            "a.tiger_cat.png",
            "a.tiger_cat.tiger_cat.png",
        ]

    def test_a_label_is_letters_digits_and_lines(self) -> None:
        labels = labels_of(self.CATS)
        found = [labels(Target((index,), name)) for index, name in enumerate(self.CATS.names)]
        assert found == ["tiger_cat", "Cardigan-1", "cardigan-2", "caf\u00e9__2_", "a____b"]
        assert labels(Target((0, 2), "tiger cat|cardigan")) == "tiger_cat_cardigan-2"
        assert labels(Target((0, 2), "cardigan|tiger cat")) == "cardigan_tiger_cat-2"

    def test_no_two_classes_have_one_label_even_without_case(self) -> None:
        names = ("a", "A", "a 0", "a_0", "a-0", "", " ", "a-1")
        labels = labels_of(Categories(names))
        assert len({labels(Target((index,), name)).casefold() for index, name in enumerate(names)}) == len(names)

    def test_targets_of_one_label_are_refused(self) -> None:
        labels = labels_of(self.CATS)
        tiger, knit = Target((0,), "tiger cat"), Target((2,), "cardigan")
        check_labels([tiger, knit], labels)
        with pytest.raises(ValueError, match="^targets must have different names, got 'tiger cat' and 'tiger cat' for"):
            check_labels([tiger, knit, Target((0,), "tiger cat")], labels)


class TestClaim:
    def test_a_new_folder_is_made_and_says_what_made_it(self, tmp_path: Path) -> None:
        claim(tmp_path / "a/b", {"recipe": "x"}, force=False)
        assert json.loads((tmp_path / "a/b" / RUN).read_text()) == {"recipe": "x"}

    def test_an_empty_folder_and_one_of_a_run_will_do(self, tmp_path: Path) -> None:
        claim(tmp_path, {"wsseg": "1"}, force=False)
        (tmp_path / "masks").mkdir()
        claim(tmp_path, {"wsseg": "2"}, force=False)
        assert json.loads((tmp_path / RUN).read_text()) == {"wsseg": "2"}

    @pytest.mark.parametrize("text", ["{}", "[]", "no json", '{"version": 1}'])
    def test_the_run_of_another_program_is_refused(self, tmp_path: Path, text: str) -> None:
        (tmp_path / RUN).write_text(text)
        with pytest.raises(FileExistsError, match="^out must be new"):
            claim(tmp_path, {"wsseg": "1"}, force=False)
        assert (tmp_path / RUN).read_text() == text

    def test_any_other_is_refused_unless_forced(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").write_text("mine")
        with pytest.raises(FileExistsError, match="^out must be new, empty or of an earlier run, got .*; name another"):
            claim(tmp_path, {}, force=False)
        assert not (tmp_path / RUN).exists()
        claim(tmp_path, {}, force=True)
        assert (tmp_path / "thesis.tex").read_text() == "mine"

    @pytest.mark.parametrize("force", [False, True])
    def test_a_file_is_no_folder(self, tmp_path: Path, force: bool) -> None:
        (tmp_path / "out").write_text("mine")
        with pytest.raises(FileExistsError, match="^out must be a folder"):
            claim(tmp_path / "out", {}, force=force)
        assert (tmp_path / "out").read_text() == "mine"


class TestBesideOutputs:
    def test_the_pictures_of_a_run_are_no_photos_of_the_next(self, tmp_path: Path) -> None:
        paths = ("out/masks/a.png", "out/strips/sub/a.png", "out/other/a.png", "masks/a.png", "a.png")
        sources = [source(str(tmp_path / path)) for path in paths]
        assert beside_outputs(sources, tmp_path / "out") == sources[2:]

    def test_nor_are_those_of_another_run(self, tmp_path: Path) -> None:
        claim(tmp_path / "old", {"wsseg": "1"}, force=False)
        paths = ("old/overlays/a.png", "old/a.png", "overlays/a.png")
        sources = [source(str(tmp_path / path)) for path in paths]
        assert beside_outputs(sources, tmp_path / "out") == sources[1:]

    def test_a_link_to_itself_is_a_bad_photo_and_no_more(self, tmp_path: Path) -> None:
        (tmp_path / "loop.jpg").symlink_to("loop.jpg")
        sources = [source(str(tmp_path / "loop.jpg"))]
        assert beside_outputs(sources, tmp_path / "out") == sources

    def test_when_no_photo_is_left_that_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="^paths must hold photos, got only pictures of runs"):
            beside_outputs([source(str(tmp_path / "out/masks/a.png"))], tmp_path / "out")
