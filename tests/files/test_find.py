"""The photos that folders, patterns and lists name."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest
from photo_files import names

from wsseg.files.find import _inside, find_photos
from wsseg.files.levels import ReadError
from wsseg.files.photos import read_image


def test_a_folder_is_searched_in_order(tmp_path: Path, put: Callable[..., Path]) -> None:
    for name in [
        "b.JPG",
        "a.png",
        "sub/deep/c.tif",
        "sub/x.webp",
        "notes.txt",
        "read.me",
        "movie.mpg",
        "page.eps",
        "z.mpo",
    ]:
        put(f"in/{name}")
    for name in [".hidden.jpg", "._a.png", ".git/d.jpg", "sub/.cache/e.png"]:
        put(f"in/{name}")
    sources = find_photos([tmp_path / "in"])
    assert names(sources) == ["a.png", "b.png", "sub/deep/c.png", "sub/x.png", "z.png"]
    assert [source.path for source in sources] == [
        tmp_path / "in" / name for name in ["a.png", "b.JPG", "sub/deep/c.tif", "sub/x.webp", "z.mpo"]
    ]
    assert all(isinstance(source.name, PurePosixPath) for source in sources)


def test_links_do_not_escape_the_folder(tmp_path: Path, put: Callable[..., Path]) -> None:
    inside, outside = put("in/a.jpg"), put("out/b.jpg")
    (tmp_path / "in/outside.jpg").symlink_to(outside)
    (tmp_path / "in/folder").symlink_to(outside.parent)
    (tmp_path / "in/loop").symlink_to(inside.parent)
    (tmp_path / "in/inside.jpg").symlink_to(inside)
    (tmp_path / "in/self.jpg").symlink_to("self.jpg")
    assert names(find_photos([tmp_path / "in"])) == ["a.png", "inside.png", "self.png"]
    with pytest.raises(ReadError, match=r"self.jpg' must be readable"):
        read_image(tmp_path / "in/self.jpg")


def test_a_photo_given_twice_is_used_once(tmp_path: Path, put: Callable[..., Path]) -> None:
    photo = put("in/a.jpg")
    (tmp_path / "same").symlink_to(photo.parent)
    paths = [photo, str(photo), tmp_path / "in", tmp_path / "same", tmp_path / "in/../in/a.jpg", tmp_path / "in/*.jpg"]
    assert names(find_photos(paths)) == ["a.png"]


def test_a_glob_is_named_from_its_fixed_part(tmp_path: Path, put: Callable[..., Path]) -> None:
    for name in ["in/x/a.jpg", "in/y/a.jpg", "in/y/a.txt", "in/y/.b.jpg", "in/.z/a.jpg", "in/y/folder.jpg/c.png"]:
        put(name)
    assert names(find_photos([str(tmp_path / "in/*/*")])) == ["x/a.png", "y/a.png"]
    assert names(find_photos([str(tmp_path / "in/x/?.jpg")])) == ["a.png"]
    assert names(find_photos([str(tmp_path / "in/**/*.[jp][pn]g")])) == ["x/a.png", "y/a.png", "y/folder.jpg/c.png"]
    assert names(find_photos([str(tmp_path / "in/*/../x/a.jpg")])) == ["x/a.png"]


def test_a_file_may_look_like_a_pattern(tmp_path: Path, put: Callable[..., Path]) -> None:
    put("in[1]/a?.jpg")
    assert names(find_photos([tmp_path / "in[1]"])) == ["a?.png"]
    assert names(find_photos([tmp_path / "in[1]/a?.jpg"])) == ["a?.png"]


def test_a_list_names_photos_relative_to_itself(tmp_path: Path, put: Callable[..., Path]) -> None:
    put("lists/near/a.jpg"), put("far/b.odd"), put("lists/c d.jpg")
    text = f"\ufeff# photos\n\nnear/a.jpg\r\n  ../far/b.odd  \nc d.jpg\n#c.jpg\n{tmp_path}/lists/near/../near/a.jpg\n"
    path = put("lists/mine.TXT", text.encode())
    sources = find_photos([path])
    assert names(sources) == ["near/a.png", "b.png", "c d.png"]
    assert [source.path.resolve().name for source in sources] == ["a.jpg", "b.odd", "c d.jpg"]


def test_photos_of_one_name_elsewhere_are_named_below_the_folder_of_all(
    tmp_path: Path, put: Callable[..., Path]
) -> None:
    for name in ("in/a/x.jpg", "in/b/c/x.jpg", "in/b/y.jpg", "lists/x.jpg", "lists/sub/x.jpg", "in/b/X.PNG"):
        put(name)
    lines = ["../in/a/x.jpg", "../in/b/c/x.jpg", "../in/b/y.jpg", "../in/a/../a/x.jpg"]
    path = put("lists/two.txt", "\n".join(lines).encode())
    assert names(find_photos([path])) == ["a/x.png", "b/c/x.png", "y.png"]
    path.write_text("\n".join([*lines, "x.jpg", "sub/x.jpg", "../in/b/X.PNG"]))
    found = ["in/a/x.png", "in/b/c/x.png", "y.png", "lists/x.png", "sub/x.png", "X.png"]
    assert names(find_photos([path])) == found


def test_a_missing_photo_of_a_list_is_left_to_its_reader(tmp_path: Path, put: Callable[..., Path]) -> None:
    put("a.jpg")
    found = find_photos([put("mine.txt", b"gone/b.jpg\na.jpg\n")])
    assert [(source.path, str(source.name)) for source in found] == [
        (tmp_path / "gone/b.jpg", "gone/b.png"),
        (tmp_path / "a.jpg", "a.png"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"gone.jpg\n", "mine.txt' must list photos .*, got '.*gone.jpg', which does not exist"),
        (b".\n", "which does not exist; correct"),
        (b"\n# nothing\n", "mine.txt' must hold one photo or more, got none"),
        (b"", "got none"),
        (b"\xff\xfe\x00", "mine.txt' must be a list of photos in UTF-8"),
    ],
)
def test_a_broken_list_is_named(text: bytes, reason: str, put: Callable[..., Path]) -> None:
    with pytest.raises(ValueError, match=reason):
        find_photos([put("mine.txt", text)])


@pytest.mark.parametrize("path", ["gone.jpg", "gone", "", "a\0b", "n" * 5000, "empty", "empty/*.jpg", "gone/**/*.jpg"])
def test_a_path_without_photos_is_named(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty/.hidden").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as caught:
        find_photos([path])
    assert str(caught.value).startswith(f"'{path}' must ") and "; " in str(caught.value)


def test_an_unreadable_folder_is_named(put: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = put("in/a.jpg").parent

    def forbid(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", forbid)
    with pytest.raises(ValueError, match="in' must be readable, got '.*Permission denied"):
        find_photos([folder])


def test_an_empty_folder_may_be_allowed(tmp_path: Path) -> None:
    assert find_photos([tmp_path], empty_ok=True) == []
    with pytest.raises(ValueError, match="must hold one photo or more, got none; add one"):
        find_photos([tmp_path])


def test_no_key_of_a_store_escapes_a_folder() -> None:
    assert str(_inside(PurePosixPath("/a/../b\\c.jpg"))) == "a/_/b_c.jpg"
