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
        claim(tmp_path, {"run": 1}, force=False)
        (tmp_path / "masks").mkdir()
        claim(tmp_path, {"run": 2}, force=False)
        assert json.loads((tmp_path / RUN).read_text()) == {"run": 2}

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


def test_the_pictures_of_a_run_are_no_photos_of_the_next(tmp_path: Path) -> None:
    paths = ("out/masks/a.png", "out/strips/sub/a.png", "out/other/a.png", "masks/a.png", "a.png")
    sources = [source(str(tmp_path / path)) for path in paths]
    assert beside_outputs(sources, tmp_path / "out") == sources[2:]
