"""A folder at a time, with a stand-in for the segmenter."""

import json
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import pytest

from wsseg.batch import RUN, beside_outputs, claim, process
from wsseg.categories import Target
from wsseg.files import ReadError, Source
from wsseg.segmentation import Sighting


def see(path: Path) -> Sighting:
    """A black photo; what is called bad, strange or huge fails, each in its way."""
    errors = {
        "bad": ReadError("no picture"),
        "strange": RuntimeError("too odd"),
        "huge": MemoryError(),
        "vast": cv2.error("no room"),
    }
    if path.stem in errors:
        raise errors[path.stem]
    image = np.zeros((4, 5, 3), np.uint8)
    return Sighting(image, Target((0,), "class 0"), 1.0, np.zeros((4, 5), np.float32), ())


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
        assert [outcome.result is None for outcome in outcomes] == [False, True, True, True, True, False]
        assert all(outcome.seconds > 0 for outcome in outcomes)

    def test_a_mistake_of_the_program_is_no_bad_photo(self, tmp_path: Path) -> None:
        def broken(path: Path) -> Sighting:
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
