"""Names of outputs: unique in every file system, and the same in later runs."""

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from photo_files import names

from wsseg.files.find import find_photos
from wsseg.files.names import Source, refuse_name_clashes, with_output_names


def test_photos_that_would_share_a_name_keep_their_whole_name(tmp_path: Path, put: Callable[..., Path]) -> None:
    for name in ["a.jpg", "a.png", "b.jpg", "s/A.jpg", "s/a.gif", "s/c.bmp"]:
        put(f"in/{name}")
    assert names(find_photos([tmp_path / "in"])) == [
        "a.jpg.png",
        "a.png.png",
        "b.png",
        "s/A.jpg.png",
        "s/a.gif.png",
        "s/c.png",
    ]


def test_names_are_compared_without_case_and_unicode_form(tmp_path: Path, put: Callable[..., Path]) -> None:
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    put(f"in/{composed}.jpg"), put(f"in/{decomposed.upper()}.gif")
    assert sorted(names(find_photos([tmp_path / "in"]))) == sorted(
        [f"{composed}.jpg.png", f"{decomposed.upper()}.gif.png"]
    )


def test_a_backslash_is_not_part_of_a_name(tmp_path: Path, put: Callable[..., Path]) -> None:
    put("photos/s\\..\\a.png")
    assert names(find_photos([tmp_path / "photos"])) == ["s_.._a.png"]


def test_several_folders_come_first_in_the_names(tmp_path: Path, put: Callable[..., Path]) -> None:
    put("cats/a.jpg"), put("cats/s/b.jpg"), put("dogs/a.jpg"), put("single.gif")
    paths = [tmp_path / "dogs", str(tmp_path / "cats") + "/", tmp_path / "single.gif"]
    assert names(find_photos(paths)) == ["dogs/a.png", "cats/a.png", "cats/s/b.png", "single.png"]


def test_the_current_folder_has_a_name(put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    put("cats/a.jpg"), put("cats/s/b.jpg")
    monkeypatch.chdir(put("cats/s/c.jpg").parent)
    assert names(find_photos(["."])) == ["b.png", "c.png"]
    assert names(find_photos(["..", "b.jpg"])) == ["cats/a.png", "cats/s/b.png", "cats/s/c.png"]


@pytest.mark.parametrize(
    ("given_files", "paths", "clashing"),
    [
        (["1/cats/a.jpg", "2/cats/a.jpg"], ["1/cats", "2/cats"], ("1/cats/a.jpg", "2/cats/a.jpg", "cats/a.jpg.png")),
        (["in/a.jpg", "in/a.png", "in/a.jpg.png"], ["in"], ("in/a.jpg", "in/a.jpg.png", "a.jpg.png")),
        (["in/b.jpg", "in/B.png/c.jpg"], ["in"], ("in/b.jpg", "in/B.png/c.jpg", "B.png")),
    ],
)
def test_a_clash_is_refused_with_both_names(
    given_files: list[str], paths: list[str], clashing: tuple[str, str, str], tmp_path: Path, put: Callable[..., Path]
) -> None:
    for name in given_files:
        put(name)
    with pytest.raises(ValueError, match="paths must give photos different names") as caught:
        find_photos([tmp_path / path for path in paths])
    first, second, name = clashing
    assert str(tmp_path / first) in str(caught.value) and str(tmp_path / second) in str(caught.value)
    assert f"for '{name}';" in str(caught.value)


TREES = st.lists(
    st.tuples(
        st.sampled_from(["", "s/", "S/", "s/t/", "a.png/"]),
        st.sampled_from(["a", "A", "b", "\u00e9", "e\u0301"]),
        st.sampled_from([".jpg", ".png", ".jpg.png", ".GIF"]),
    ),
    min_size=1,
    max_size=8,
    unique=True,
)


@given(TREES)
def test_names_must_be_relative_and_different(tree: list[tuple[str, str, str]]) -> None:
    sources = [Source(Path("".join(entry)), PurePosixPath("".join(entry))) for entry in tree]
    try:
        named = refuse_name_clashes(with_output_names(sources, {}))
    except ValueError:
        return
    folded = [unicodedata.normalize("NFC", source.name.as_posix().casefold()) for source in named]
    assert len(set(folded)) == len(sources)
    assert all(source.name.suffix == ".png" and not source.name.is_absolute() for source in named)
    assert all(source.name.parent == PurePosixPath(source.path).parent for source in named)
    assert not any(parent.as_posix().casefold() in folded for source in named for parent in source.name.parents)


def test_names_equal_but_for_case_or_unicode_form_get_a_digest() -> None:
    files_of = ("a.jpg", "A.jpg", "a.gif", "b.jpg", "s/\u00e9.jpg", "s/e\u0301.jpg", "t/c.jpg", "T/c.jpg")
    sources = [Source(Path(name), PurePosixPath(name)) for name in files_of]
    named = {str(source.path): str(source.name) for source in refuse_name_clashes(with_output_names(sources, {}))}
    assert (named["a.gif"], named["b.jpg"]) == ("a.gif.png", "b.png")
    for name in set(files_of) - {"a.gif", "b.jpg"}:
        assert re.fullmatch(rf"{name}-[0-9a-f]{{8}}\.png", named[name])
    again = {str(source.path): str(source.name) for source in with_output_names(sources[::-1], {})}
    assert again == named  # In any order.


class TestNamesThatArePhotosAlready:
    @pytest.fixture
    def photos(self, tmp_path: Path) -> Path:
        for name in ("a.jpg", "a.png", "b.png"):
            (tmp_path / name).write_bytes(b"x")
        return tmp_path

    def names(self, folder: Path, named: dict[str, str]) -> dict[str, str]:
        return {path.name: str(name) for path, name in find_photos([folder], named=named)}

    def test_are_kept_and_no_other_photo_gets_them(self, photos: Path) -> None:
        assert self.names(photos, {}) == {"a.jpg": "a.jpg.png", "a.png": "a.png.png", "b.png": "b.png"}
        named = {str(photos / "a.jpg"): "a"}
        assert self.names(photos, named) == {"a.jpg": "a.png", "a.png": "a.png.png", "b.png": "b.png"}

    def test_are_not_taken_from_a_photo_of_another_folder(self, photos: Path, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        (tmp_path / "other/b.png").write_bytes(b"x")
        assert self.names(tmp_path / "other", {str(photos / "b.png"): "b"}) == {"b.png": "b.png.png"}

    def test_are_kept_next_to_one_that_differs_only_in_unicode_form(self, tmp_path: Path) -> None:
        for name in ("\u00e9.jpg", "e\u0301.jpg"):
            (tmp_path / name).write_bytes(b"x")
        found = self.names(tmp_path, {str(tmp_path / "e\u0301.jpg"): "e\u0301"})
        assert found["e\u0301.jpg"] == "e\u0301.png"
        assert found["\u00e9.jpg"].startswith("\u00e9.jpg-")

    def test_are_free_when_their_photo_is_gone_or_has_another_path(
        self, photos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.names(photos, {str(photos / "gone/b.png"): "b"})["b.png"] == "b.png"
        monkeypatch.chdir(photos)
        assert self.names(photos, {"b.png": "b"})["b.png"] == "b.png"
