"""The command line as a user meets it: what is written, what is said, and the exit code."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image as pillow

import wsseg
from wsseg.cli.app import main
from wsseg.evaluation.codings import CODINGS
from wsseg.evaluation.protocols import PROTOCOLS
from wsseg.metrics import SCORES
from wsseg.recipe import RECIPES, Recipe, read_recipe
from wsseg.runs.record import Finding, Record

QUICK = ("--samples", "1", "--no-mirror", "--exact-side", "64")
RUN_FILES = ("run.json", "run.jsonl")
STEERING = "\x1b[31m[red]:smile:\n"
"""A name that terminals and rich would read as more than a name."""
PROGRAM = (sys.executable, "-c", "from wsseg.cli.app import main; main()")


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line in this process."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["wsseg", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(ended.value.code or 0, *capsys.readouterr())  # type: ignore[arg-type]  # An int, or None.

    return call


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of a cat, and below it a cup of coffee."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for name, file in (("chelsea", "cat.jpg"), ("coffee", "sub/cup.png")):
        with resources.as_file(resources.files("skimage") / "data" / f"{name}.png") as path:
            pillow.open(path).reduce(2).save(folder / file)
    return folder


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def mask_at(path: Path) -> np.ndarray:
    with pillow.open(path) as picture:
        assert picture.mode == "L"
        return np.array(picture)


class TestSegment:
    def test_a_folder_gives_a_mask_each_by_relative_name(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos, "-o", tmp_path / "out", *QUICK)
        assert ended.code == 0, ended.err
        assert files_in(tmp_path / "out") == ["masks/cat.png", "masks/sub/cup.png", *RUN_FILES]
        mask = mask_at(tmp_path / "out/masks/cat.png")
        assert mask.shape == (150, 226)
        assert set(np.unique(mask)) == {0, 255}
        assert "Egyptian cat" in ended.out
        assert "2 of 2 photos done" in ended.err

    def test_all_pictures_on_request(self, run: Run, photos: Path, tmp_path: Path) -> None:
        kinds = "mask,cutout,overlay,seeds,saliency,strip"
        assert run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--write", kinds, *QUICK).code == 0
        folders = ("cutouts", "masks", "overlays", "saliency", "seeds", "strips")
        assert files_in(tmp_path / "out") == sorted([*(f"{folder}/cat.png" for folder in folders), *RUN_FILES])
        with pillow.open(tmp_path / "out/cutouts/cat.png") as cutout:
            alpha = np.array(cutout.getchannel("A"))
        np.testing.assert_array_equal(alpha, mask_at(tmp_path / "out/masks/cat.png"))

    def test_a_bad_photo_is_named_and_the_rest_go_on(self, run: Run, photos: Path, tmp_path: Path) -> None:
        (photos / "bad.jpg").write_text("no picture")
        ended = run("segment", photos, "-o", tmp_path / "out", *QUICK)
        assert ended.code == 1
        assert ended.err.startswith(f"{photos}/bad.jpg must be a picture, got nothing that Pillow reads")
        assert "2 of 3 photos done" in ended.err
        assert files_in(tmp_path / "out/masks") == ["cat.png", "sub/cup.png"]

    def test_photos_over_max_pixels_are_refused(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--max-pixels", 1000, *QUICK)
        assert ended.code == 1
        assert "must have at most 1000 pixels" in ended.err

    @pytest.mark.slow
    def test_photos_that_share_a_stem_keep_their_whole_name(self, run: Run, photos: Path, tmp_path: Path) -> None:
        pillow.open(photos / "cat.jpg").save(photos / "cat.png")
        assert run("segment", photos, "-o", tmp_path / "out", *QUICK).code == 0
        assert files_in(tmp_path / "out/masks") == ["cat.jpg.png", "cat.png.png", "sub/cup.png"]

    @pytest.mark.slow
    def test_a_folder_that_no_run_made_is_refused(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path, *QUICK)
        assert ended.code == 2
        assert f"out must be new, empty or of an earlier run, got {tmp_path}" in ended.err
        assert run("segment", photos / "cat.jpg", "-o", tmp_path, "--force", *QUICK).code == 0
        assert run("segment", photos / "cat.jpg", "-o", tmp_path, *QUICK).code == 0

    @pytest.mark.slow
    def test_its_own_pictures_are_no_photos(self, run: Run, photos: Path) -> None:
        out = photos / "out"
        assert run("segment", photos, "-o", out, *QUICK).code == 0
        assert "2 of 2 photos done" in run("segment", photos, "-o", out, *QUICK).err
        assert files_in(out / "masks") == ["cat.png", "sub/cup.png"]

    @pytest.mark.parametrize("watch", [(), ("--watch",)])
    def test_photos_are_not_replaced_by_pictures(self, run: Run, photos: Path, watch: tuple[str, ...]) -> None:
        (photos / "masks").mkdir()
        (photos / "cat.jpg").rename(photos / "masks/cat.jpg")
        ended = run("segment", photos, "-o", photos, "--force", *watch, *QUICK)
        assert ended.code == 2
        assert f"out must not put pictures among photos, got {photos} with {photos}/masks/cat.jpg" in ended.err
        assert files_in(photos) == ["masks/cat.jpg", "sub/cup.png"]

    def test_a_relative_path_is_known_from_anywhere(
        self, run: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Even where another photo has the same one; and one that came later keeps its longer name."""
        words = ("saliency", "photos", "-o", tmp_path / "out", "--method", "gradient")
        monkeypatch.chdir(tmp_path)
        run(*words)
        (photos / "cat.gif").write_bytes((photos / "cat.jpg").read_bytes())
        run(*words)
        pictures = {
            name: (tmp_path / "out" / name).read_bytes() for name in files_in(tmp_path / "out") if name.endswith(".png")
        }
        (tmp_path / "other/photos").mkdir(parents=True)
        (tmp_path / "other/photos/cat.jpg").write_bytes((photos / "sub/cup.png").read_bytes())
        monkeypatch.chdir(tmp_path / "other")
        for path in ("../photos", photos):
            assert "3 of 3 photos done, 3 of them by an earlier run" in run(words[0], path, *words[2:]).err
        assert "1 of 1 photos done:" in run(*words).err
        for name, data in pictures.items():
            assert (tmp_path / "out" / name).read_bytes() == data
        assert (tmp_path / "out/saliency/cat.jpg.png").exists()

    def test_the_target_may_be_named(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--target", "tiger_cat|TABBY", *QUICK)
        assert ended.code == 0
        assert "tiger cat|tabby" in ended.out

    def test_an_unknown_target_is_refused_before_any_work(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos, "-o", tmp_path / "out", "--target", "egyptian cot")
        assert ended.code == 2
        assert "Egyptian cat" in ended.err
        assert not (tmp_path / "out").exists()

    def test_a_class_that_the_network_does_not_see_is_not_ok(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--target", "espresso", *QUICK)
        assert ended.code == 0
        assert "ok" not in ended.out
        assert "does not see espresso" in ended.out

    def test_several_targets_have_a_mask_each(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = ("--target", "tiger_cat|TABBY", "--target", "espresso", *QUICK)
        ended = run("segment", photos, "-o", tmp_path / "out", *words)
        assert ended.code == 0, ended.err
        names = [f"{photo}.{target}.png" for photo in ("cat", "sub/cup") for target in ("espresso", "tiger_cat_tabby")]
        assert files_in(tmp_path / "out/masks") == names
        lines = ended.out.splitlines()
        assert [line.split("  ")[0] for line in lines] == [str(photos / "cat.jpg")] * 2 + [
            str(photos / "sub/cup.png")
        ] * 2
        assert ["tiger cat|tabby" in line for line in lines] == [True, False] * 2
        assert ["does not see" in line for line in lines] == [False, True, True, False]
        assert "2 of 2 photos done" in ended.err
        made_by = json.loads((tmp_path / "out/run.json").read_text())
        assert (made_by["targets"], made_by["top"]) == (["tiger cat|tabby", "espresso"], None)

    @pytest.mark.slow
    def test_the_likeliest_classes_have_a_mask_each(self, run: Run, photos: Path, tmp_path: Path) -> None:
        assert run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--top", 3, *QUICK).code == 0
        assert files_in(tmp_path / "out/masks") == ["cat.Egyptian_cat.png", "cat.tabby.png", "cat.tiger_cat.png"]
        assert json.loads((tmp_path / "out/run.json").read_text())["top"] == 3
        assert run("segment", photos / "cat.jpg", "-o", tmp_path / "one", "--top", 1, *QUICK).code == 0
        assert files_in(tmp_path / "one/masks") == ["cat.Egyptian_cat.png"]

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("--top", "2", "--target", "tabby"), "top must be left out where targets are named, got 2"),
            (("--top", "1001"), "top must be a number of classes from 1 to 1000, got 1001"),
            (("--target", "tabby", "--target", "n02123045"), "targets must have different names, got 'tabby' and"),
            (("--write", "mask,poster"), "write must name some of mask,cutout"),
            (
                ("--recipe", "best"),
                "recipe must be one of default, fast, adapted, simonyan2013 or a .toml file, got 'best'",
            ),
            (("--recipe", "best.toml"), "'best.toml' must be a recipe file, got no file"),
            (("--components", "0"), "components must lie in"),
            (("--classifier", "resnet5"), "resnet50"),
        ],
    )
    def test_what_cannot_run_says_why(
        self, run: Run, photos: Path, tmp_path: Path, words: tuple[str, ...], message: str
    ) -> None:
        ended = run("segment", photos, "-o", tmp_path / "out", *words)
        assert ended.code == 2
        assert message in ended.err
        assert not (tmp_path / "out").exists()

    def test_a_path_of_nothing_is_refused(self, run: Run, tmp_path: Path) -> None:
        ended = run("segment", tmp_path / "none", "-o", tmp_path / "out")
        assert ended.code == 2
        assert str(tmp_path / "none") in ended.err

    def test_the_run_says_what_made_it(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = ("--recipe", "simonyan2013", "--no-mirror", "--components", "3")
        assert run("segment", photos / "cat.jpg", "-o", tmp_path / "out", *words).code == 0
        made_by = json.loads((tmp_path / "out/run.json").read_text())
        assert made_by["recipe"] == RECIPES["simonyan2013"].as_dict() | {"mirror": False, "components": 3}
        assert made_by["classifier"]["name"] == "efficientnet_lite0"
        assert len(made_by["classifier"]["sha256"]) == 64
        assert (made_by["targets"], made_by["top"]) == ([], None)

    def test_a_recipe_may_be_a_file_which_flags_still_change(self, run: Run, photos: Path, tmp_path: Path) -> None:
        (tmp_path / "mine.toml").write_text('base = "simonyan2013"\ncomponents = 3\nmirror = false\nexact_side = 96\n')
        words = ("--recipe", tmp_path / "mine.toml", "--components", "2")
        assert run("segment", photos / "cat.jpg", "-o", tmp_path / "out", *words).code == 0
        expected = {"mirror": False, "exact_side": 96, "components": 2}
        made_by = json.loads((tmp_path / "out/run.json").read_text())
        assert made_by["recipe"] == RECIPES["simonyan2013"].as_dict() | expected

    @pytest.mark.slow
    def test_an_interrupt_ends_it_with_130(self, photos: Path, tmp_path: Path) -> None:
        words = ("segment", str(photos), "-o", str(tmp_path / "out"), "--samples", "256")
        # Tests that were started in the background were told to ignore interrupts, and what they start would, too.
        heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        with subprocess.Popen([*PROGRAM, *words], stderr=subprocess.PIPE, env=os.environ, preexec_fn=heed) as program:
            while not (tmp_path / "out/run.jsonl").exists():
                assert program.poll() is None
                time.sleep(0.1)
            program.send_signal(signal.SIGINT)
            program.communicate(timeout=60)
        assert program.returncode == 130
        assert files_in(tmp_path / "out") == [*RUN_FILES]
        made_by = json.loads((tmp_path / "out/run.json").read_text())
        assert (made_by["state"], made_by["counts"]["photos"]) == ("interrupted", 0)

    @pytest.mark.slow
    @pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
    def test_no_name_stops_it(
        self, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
    ) -> None:
        for name in (b"\xff.jpg", "\u00fc.jpg".encode(), b"red\x1b[31m[red]\n.jpg"):
            (Path(os.fsdecode(os.fsencode(photos) + b"/" + name))).write_bytes((photos / "cat.jpg").read_bytes())
        monkeypatch.setattr(sys, "argv", ["wsseg", "segment", str(photos), "-o", str(tmp_path / "out"), *QUICK])
        told = {name: io.BytesIO() for name in ("stdout", "stderr")}
        streams = {name: io.TextIOWrapper(told[name], encoding, write_through=True) for name in told}
        for name, stream in streams.items():
            monkeypatch.setattr(sys, name, stream)
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        assert b"5 of 5 photos done" in told["stderr"].getvalue()
        assert rb"red\x1b[31m[red]\n.jpg" in told["stdout"].getvalue()
        assert b"\x1b" not in told["stdout"].getvalue()

    def test_a_full_or_closed_place_is_named(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos / "cat.jpg", "-o", photos / "cat.jpg" / "out", *QUICK)
        assert ended.code == 2
        assert "cat.jpg/out must be writable, got 'Not a directory'; name another folder" in ended.err


class TestStyle:
    def test_cutouts_as_people_want_them(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = (
            "--write",
            "mask,cutout,overlay",
            "--format",
            "jpg",
            "--feather",
            "4",
            "--crop",
            "--background",
            "#00ff60",
        )
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", *words, *QUICK)
        assert ended.code == 0, ended.err
        assert files_in(tmp_path / "out") == ["cutouts/cat.jpg", "masks/cat.png", "overlays/cat.jpg", *RUN_FILES]
        with pillow.open(tmp_path / "out/cutouts/cat.jpg") as cutout, pillow.open(photos / "cat.jpg") as photo:
            assert cutout.format == "JPEG" and cutout.width < photo.width
        made_by = json.loads((tmp_path / "out/run.json").read_text())
        assert made_by["style"] == {"format": "jpg", "feather": 4.0, "crop": True, "background": "#00ff60"}

    @pytest.mark.slow
    def test_another_style_is_drawn_anew_and_the_old_one_removed(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = ("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--write", "cutout", *QUICK)
        for style in ((), ("--format", "webp")):
            assert "1 of 1 photos done: " in run(*words, *style).err
        assert files_in(tmp_path / "out") == ["cutouts/cat.webp", *RUN_FILES]

    @pytest.mark.parametrize(
        ("words", "error"),
        [
            (("--format", "jpg"), "background must be a color or blur for cut-outs as jpg, got none"),
            (("--background", "nothing"), "background must be a color or blur, got 'nothing'"),
            (("--feather", "1e9"), "feather must lie in [0, 1000] pixels, got 1000000000.0"),
        ],
    )
    def test_what_cannot_be_drawn_is_refused_before_any_work(
        self, run: Run, photos: Path, tmp_path: Path, words: tuple[str, ...], error: str
    ) -> None:
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--write", "cutout", *words)
        assert ended.code == 2
        assert error in ended.err
        assert not (tmp_path / "out").exists()


class TestRuns:
    """A run in a folder that has one already, in parts, in processes, or as photos arrive."""

    def test_a_second_run_does_what_is_missing_or_changed(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = ("segment", photos, "-o", tmp_path / "out", *QUICK)
        assert run(*words).code == 0
        again = run(*words)
        assert (again.code, again.out) == (0, "")
        assert "2 of 2 photos done, 2 of them by an earlier run" in again.err
        (photos / "new.jpg").write_bytes((photos / "cat.jpg").read_bytes())
        assert [line.split("  ")[0] for line in run(*words).out.splitlines()] == [str(photos / "new.jpg")]
        (tmp_path / "out/masks/cat.png").unlink()
        assert [line.split("  ")[0] for line in run(*words).out.splitlines()] == [str(photos / "cat.jpg")]

    @pytest.mark.slow
    @pytest.mark.parametrize("words", [("--smoothness", "41"), ("--target", "tabby"), ("--force",)])
    def test_all_is_done_anew_under_other_settings_or_by_force(
        self, run: Run, photos: Path, tmp_path: Path, words: tuple[str, ...]
    ) -> None:
        run("segment", photos / "cat.jpg", "-o", tmp_path / "out", *QUICK)
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", *QUICK, *words)
        assert "1 of 1 photos done: " in ended.err

    @pytest.mark.slow
    def test_a_map_of_heat_is_no_mask_s_strip(self, run: Run, photos: Path, tmp_path: Path) -> None:
        """Both commands may have one folder, and each finds its own pictures there."""
        words, widths = (photos / "cat.jpg", "-o", tmp_path / "out", *QUICK[:3]), []
        for command in ("saliency", "segment", "saliency"):
            write = ("--write", "strip") if command == "segment" else ()
            assert "1 of 1 photos done: " in run(command, *words, *write).err
            with pillow.open(tmp_path / "out/strips/cat.png") as strip:
                widths.append(strip.width)
        assert widths[0] == widths[2] < widths[1]
        assert not (tmp_path / "out/masks").exists()

    def test_run_json_says_what_made_it(self, run: Run, photos: Path, tmp_path: Path) -> None:
        (photos / "bad.jpg").write_text("no picture")
        run("segment", photos, "-o", tmp_path / "out", *QUICK)
        made_by = json.loads((tmp_path / "out/run.json").read_text())
        assert made_by["wsseg"] == wsseg.__version__
        assert len(made_by["classifier"]["sha256"]) == 64
        assert made_by["versions"]["torch"] and made_by["versions"]["python"]
        assert (made_by["state"], made_by["counts"]) == ("done", {"photos": 3, "done": 2, "failed": 1})
        records = [json.loads(line) for line in (tmp_path / "out/run.jsonl").read_text().splitlines()]
        assert [Path(record["input"]).name for record in records] == ["bad.jpg", "cat.jpg", "cup.png"]
        assert "must be a picture" in records[0]["error"]
        assert {record["settings"] for record in records} == {made_by["settings"]}
        (finding,) = records[1]["findings"]
        assert finding["category"] == "Egyptian cat" and 0 < finding["confidence"] < 1
        assert (finding["indices"], finding["wnids"]) == ([285], ["n02124075"])
        assert finding["outputs"] == {"mask": "masks/cat.png"}

    @pytest.mark.slow
    def test_photos_of_one_name_in_two_folders_do_not_take_each_other_s(
        self, run: Run, photos: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "more").mkdir()
        (tmp_path / "more/cat.jpg").write_bytes((photos / "sub/cup.png").read_bytes())
        for folder in (photos, tmp_path / "more", photos, tmp_path / "more"):
            assert run("segment", folder / "cat.jpg", "-o", tmp_path / "out", *QUICK).code == 0
        assert files_in(tmp_path / "out/masks") == ["cat.jpg.png", "cat.png"]
        assert mask_at(tmp_path / "out/masks/cat.png").shape == (150, 226)

    @pytest.mark.slow
    def test_shards_are_all_of_it_together(self, run: Run, photos: Path, tmp_path: Path) -> None:
        for number in range(3):
            (photos / f"{number}.jpg").write_bytes((photos / "cat.jpg").read_bytes())
        found: list[str] = []
        for index in (1, 2):
            out = tmp_path / f"out{index}"
            ended = run("saliency", photos, "-o", out, "--shard", f"{index}/2", "--method", "gradient")
            assert ended.code == 0, ended.err
            found += files_in(out / "saliency") if (out / "saliency").exists() else []
        assert sorted(found) == ["0.png", "1.png", "2.png", "cat.png", "sub/cup.png"]

    @pytest.mark.parametrize(
        ("words", "error"),
        [
            (("--shard", "0/2"), "shard must be I/N with I from 1 to N, got 0/2; count from 1"),
            (("--shard", "3"), "shard must be I/N, two whole numbers, got '3'"),
            (("--workers", "0"), "workers must be a number from 1, or auto, got '0'"),
            (("--workers", "many"), "workers must be a number from 1, or auto, got 'many'"),
            (("--watch", "--hints", "."), "hints must be of photos that are there, got --watch"),
            (("--watch", "--box", "1,2,3,4"), "box must be of one photo, got photos that are yet to come"),
            (("--device", "cuda:99"), "device must be one that torch can use here, got cuda:99"),
        ],
    )
    def test_what_cannot_be_run_is_refused_before_any_work(
        self, run: Run, photos: Path, tmp_path: Path, words: tuple[str, ...], error: str
    ) -> None:
        ended = run("segment", photos, "-o", tmp_path / "out", *words)
        assert ended.code == 2
        assert error in ended.err
        assert not (tmp_path / "out").exists()

    @pytest.mark.slow
    def test_progress_may_be_json_or_nothing(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = ("saliency", photos, "-o", tmp_path / "out", "--method", "gradient", "--force", "--progress")
        *_, last, summary = map(json.loads, run(*words, "json").err.splitlines())
        assert last["done"] == last["total"] == 2
        assert run(*words, "none").err.splitlines() == [summary["message"]]

    def test_a_program_reads_nothing_but_json(self, run: Run, photos: Path, tmp_path: Path) -> None:
        (photos / "bad.jpg").write_text("no picture")
        (photos / "raw.nef").write_text("no picture either")
        words = ("segment", photos, "-o", tmp_path / "out", "--progress", "json", *QUICK)
        told = [json.loads(line) for line in run(*words).err.splitlines()]
        assert {next(iter(each)) for each in told} == {"warning", "error", "what", "message"}
        (error,) = [each["error"] for each in told if "error" in each]
        assert error.startswith(f"{photos}/bad.jpg must be a picture, got")
        assert told[-1]["message"].startswith("2 of 3 photos done")
        ended = run(*words[:3], photos / "cat.jpg", *words[4:])
        assert ended.code == 2
        assert json.loads(ended.err.splitlines()[-1])["error"].startswith("out must be a folder, got the file")

    @pytest.mark.slow
    def test_photos_are_watched_for(self, photos: Path, tmp_path: Path) -> None:
        """Also one that would have shared its name with another, had both been there from the start."""
        folder, out = tmp_path / "inbox", tmp_path / "out"
        folder.mkdir()
        words = ("segment", str(folder), "-o", str(out), "--watch", "--workers", "1", *QUICK)
        heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        with subprocess.Popen([*PROGRAM, *words], stderr=subprocess.PIPE, env=os.environ, preexec_fn=heed) as program:
            for suffix, mask in (("jpg", "cat.png"), ("webp", "cat.webp.png")):
                pillow.open(photos / "cat.jpg").save(folder / f"cat.{suffix}")
                while not (out / "masks" / mask).exists():
                    assert program.poll() is None
                    time.sleep(0.1)
            program.send_signal(signal.SIGINT)
            program.communicate(timeout=60)
        assert program.returncode == 130
        assert files_in(out) == ["masks/cat.png", "masks/cat.webp.png", *RUN_FILES]
        names = [json.loads(line)["name"] for line in (out / "run.jsonl").read_text().splitlines()]
        assert names == ["cat", "cat.webp"]


class TestTogether:
    QUICK = ("--samples", "1", "--no-mirror", "--exact-side", "64", "--refit-side", "64")
    BOTH = ("--target", "Egyptian cat", "--target", "espresso")

    def test_a_folder_gives_one_map_each_whose_values_are_told(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos, "-o", tmp_path / "out", "--together", *self.BOTH, *self.QUICK)
        assert ended.code == 0, ended.err
        assert files_in(tmp_path / "out") == ["labels/cat.png", "labels/sub/cup.png", *RUN_FILES]
        made_by = json.loads((tmp_path / "out/run.json").read_text())
        assert made_by["labels"] == ["background", *made_by["targets"]] == ["background", "Egyptian cat", "espresso"]
        for name, shape, middle in (("cat", (150, 226), 1), ("sub/cup", (200, 300), 2)):
            with pillow.open(tmp_path / f"out/labels/{name}.png") as picture:
                labels = np.array(picture)
            assert labels.shape == shape
            assert labels[75, 110 if middle == 1 else 145] == middle
            assert set(np.unique(labels)) <= {0, 1, 2}
        lines = ended.out.splitlines()
        assert [line.split("  ")[0] for line in lines] == [str(photos / "cat.jpg")] * 2 + [
            str(photos / "sub/cup.png")
        ] * 2
        assert "2 of 2 photos done" in ended.err

    def test_other_pictures_may_be_asked_for(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = ("--together", *self.BOTH, "--write", "overlay,instances,labels", *self.QUICK)
        assert run("segment", photos / "cat.jpg", "-o", tmp_path / "out", *words).code == 0
        names = ["instances/cat.png", "labels/cat.png", "overlays/cat.png", *RUN_FILES]
        assert files_in(tmp_path / "out") == names
        with pillow.open(tmp_path / "out" / names[0]) as instances, pillow.open(tmp_path / "out" / names[1]) as labels:
            np.testing.assert_array_equal(np.array(instances) > 0, np.array(labels) > 0)

    @pytest.mark.slow
    def test_parts_of_one_target_are_kept_where_they_are_told_apart(
        self, run: Run, photos: Path, tmp_path: Path
    ) -> None:
        words = (photos / "cat.jpg", "-o", tmp_path / "out", "--together", *self.BOTH, *self.QUICK)
        run("segment", *words)
        assert "by an earlier run" in run("segment", *words).err
        assert "by an earlier run" not in run("segment", *words, "--write", "labels,instances").err

    @pytest.mark.slow
    def test_a_map_is_no_photo_of_the_next_run(self, run: Run, photos: Path, tmp_path: Path) -> None:
        for _ in range(2):
            ended = run("segment", photos, "-o", photos, "--force", "--together", *self.BOTH, *self.QUICK)
            assert "2 of 2 photos done" in ended.err

    @pytest.mark.parametrize(
        ("words", "error"),
        [
            ((), "together must have targets and no hints, got no target"),
            (("--top", "2"), "together must have targets and no hints, got no target"),
            (("--target", "tabby", "--box", "1,2,30,40"), "together must have targets and no hints, got hints"),
            (("--target", "tabby", "--target", "n02123045"), "targets must have no class in common, got 'tabby' and"),
            (("--target", "tabby", "--write", "mask"), "write must name some of labels,instances,overlay, got 'mask'"),
        ],
    )
    def test_what_cannot_be_told_apart_is_refused_before_any_work(
        self, run: Run, photos: Path, tmp_path: Path, words: tuple[str, ...], error: str
    ) -> None:
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--together", *words)
        assert ended.code == 2
        assert error in " ".join(ended.err.split())
        assert not (tmp_path / "out").exists()

    def test_without_it_a_map_is_no_picture(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos, "-o", tmp_path / "out", "--write", "labels")
        assert ended.code == 2
        assert "write must name some of mask,cutout,overlay,seeds,saliency,strip, got 'labels'" in ended.err


class TestHints:
    """The cat's photo is 226 x 150 pixels, the cup's 300 x 200."""

    @pytest.fixture
    def hints(self, tmp_path: Path) -> Path:
        """A folder of what is known of the cup: a part of the table is said to be the object."""
        levels = np.full((200, 300), 128, np.uint8)
        levels[5:15, 5:25], levels[60:90, 130:160] = 255, 0
        (tmp_path / "hints/sub").mkdir(parents=True)
        pillow.fromarray(levels).save(tmp_path / "hints/sub/cup.png")
        return tmp_path / "hints"

    def test_a_box_holds_the_mask(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = ("--box", "60,0,200,110", *QUICK)
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", *words)
        assert ended.code == 0, ended.err
        mask = mask_at(tmp_path / "out/masks/cat.png") > 0
        assert mask[:110, 60:200].any()
        mask[:110, 60:200] = False
        assert not mask.any()
        made_by = json.loads((tmp_path / "out/run.json").read_text())
        assert (made_by["box"], made_by["hints"]) == ("60,0,200,110", None)

    def test_a_target_may_be_named_beside_a_box(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = ("--box", "60, 0, 200, 110", "--target", "espresso", *QUICK)
        assert "espresso" in run("segment", photos / "cat.jpg", "-o", tmp_path / "out", *words).out

    @pytest.mark.slow
    def test_hints_are_of_the_photo_of_their_relative_name(
        self, run: Run, photos: Path, hints: Path, tmp_path: Path
    ) -> None:
        assert run("segment", photos, "-o", tmp_path / "plain", *QUICK).code == 0
        ended = run("segment", photos, "-o", tmp_path / "out", "--hints", hints, *QUICK)
        assert ended.code == 0, ended.err
        assert "1 of 2 photos have hints" in ended.err
        mask = mask_at(tmp_path / "out/masks/sub/cup.png") > 0
        assert mask[5:15, 5:25].all() and not mask[60:90, 130:160].any()
        plain, hinted = ((tmp_path / run / "masks/cat.png").read_bytes() for run in ("plain", "out"))
        assert plain == hinted
        made_by = json.loads((tmp_path / "out/run.json").read_text())
        assert (made_by["box"], made_by["hints"]) == (None, str(hints))
        assert json.loads((tmp_path / "plain/run.json").read_text())["hints"] is None

    def test_hints_may_be_of_another_shard(self, run: Run, photos: Path, hints: Path, tmp_path: Path) -> None:
        for shard in ("1/3", "2/3", "3/3"):
            ended = run("segment", photos, "-o", tmp_path / "out", "--hints", hints, "--shard", shard, *QUICK)
            assert ended.code == 0, ended.err
        assert len(files_in(tmp_path / "out/masks")) == 2

    @pytest.mark.slow
    @pytest.mark.parametrize("size", [None, (226, 151)])
    def test_a_bad_hint_is_its_photo_s_own(
        self, run: Run, photos: Path, hints: Path, tmp_path: Path, size: tuple[int, int] | None
    ) -> None:
        if size:
            pillow.new("L", size, 128).save(hints / "cat.png")
        else:
            (hints / "cat.png").write_text("no picture")
        ended = run("segment", photos, "-o", tmp_path / "out", "--hints", hints, *QUICK)
        assert ended.code == 1
        expected = "seeds must be of the photo's size (150, 226), got (151, 226)" if size else f"{hints / 'cat.png'}"
        assert f"{photos / 'cat.jpg'}: {expected}" in ended.err
        assert "1 of 2 photos done" in ended.err
        assert files_in(tmp_path / "out/masks") == ["sub/cup.png"]

    def test_hints_of_other_values_are_refused(self, run: Run, photos: Path, hints: Path, tmp_path: Path) -> None:
        pillow.new("L", (226, 150), 77).save(hints / "cat.png")
        ended = run("segment", photos, "-o", tmp_path / "out", "--hints", hints, *QUICK)
        assert ended.code == 1 and "got also 77" in ended.err

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("--box", "60,0,200"), "box must be four whole numbers X0,Y0,X1,Y1, got '60,0,200'; mend it"),
            (("--box", "60,0,200,1.5"), "box must be four whole numbers X0,Y0,X1,Y1, got '60,0,200,1.5'"),
            (("--box", ""), "box must be four whole numbers X0,Y0,X1,Y1, got ''"),
            (("--box", "0,0,9,9", "--top", "2"), "hints must be of one target, got several; leave out --top"),
            (("--box", "0,0,9,9", "--target", "tabby", "--target", "espresso"), "hints must be of one target"),
            (("--box", "0,0,9,9", "--hints", "."), "box must be the only hint, got . too"),
        ],
    )
    def test_a_box_that_cannot_be_heeded_says_why(
        self, run: Run, photos: Path, tmp_path: Path, words: tuple[str, ...], message: str
    ) -> None:
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", *words)
        assert ended.code == 2
        assert message in ended.err
        assert not (tmp_path / "out").exists()

    def test_a_box_outside_the_photo_is_that_photo_s_error(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--box", "0,0,227,150", *QUICK)
        assert ended.code == 1
        assert f"{photos / 'cat.jpg'}: box must be x0 < x1 and y0 < y1 within the 226 x 150 photo" in ended.err

    def test_a_box_is_of_one_photo(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos, "-o", tmp_path / "out", "--box", "0,0,9,9")
        assert ended.code == 2
        assert "box must be of one photo, got 2 photos; put hints into a folder" in ended.err
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("words", [("--top", "1"), ("--target", "tabby", "--target", "espresso")])
    def test_hints_are_of_one_target(
        self, run: Run, photos: Path, hints: Path, tmp_path: Path, words: tuple[str, ...]
    ) -> None:
        ended = run("segment", photos, "-o", tmp_path / "out", "--hints", hints, *words)
        assert ended.code == 2
        assert "hints must be of one target, got several; leave out --top and all but one --target" in ended.err

    def test_hints_of_no_photo_are_refused(self, run: Run, photos: Path, hints: Path, tmp_path: Path) -> None:
        pillow.new("L", (300, 200), 128).save(hints / "cup.png")
        ended = run("segment", photos, "-o", tmp_path / "out", "--hints", hints)
        assert ended.code == 2
        assert f"hints must hold PNGs named like the photos, got {hints / 'cup.png'}, of no photo; " in ended.err
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--hints", hints)
        assert ended.code == 2 and "of no photo" in ended.err
        (tmp_path / "empty").mkdir()
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--hints", tmp_path / "empty")
        assert ended.code == 2
        assert f"named like the photos, got none; {tmp_path / 'empty/cat.png'} would do" in ended.err
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--hints", tmp_path / "missing")
        assert ended.code == 2
        assert f"hints must be a folder, got {tmp_path / 'missing'}; " in ended.err
        assert not (tmp_path / "out").exists()


class TestFlags:
    def test_the_help_tells_the_default_s_numbers(self, run: Run) -> None:
        shown = run("segment", "--help").out
        assert f"({Recipe().smoothness} in default)" in shown
        assert "(none in default)" in shown

    @pytest.mark.parametrize("name", [item.name for item in fields(Recipe)])
    def test_every_number_of_the_recipe_is_a_flag(self, run: Run, name: str) -> None:
        assert f"--{name.replace('_', '-')} " in run("segment", "--help").out

    def test_saliency_has_the_flags_of_its_stage_alone(self, run: Run) -> None:
        shown = run("saliency", "--help").out
        for item in fields(Recipe):
            assert (f"--{item.name.replace('_', '-')} " in shown) == (item.metadata["stage"] == "saliency")

    def test_the_version_is_told(self, run: Run) -> None:
        assert run("--version").out == f"{wsseg.__version__}\n"


class TestSaliency:
    def test_a_heatmap_and_a_strip(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = ("--method", "gradient", "--target", "Egyptian cat")
        assert run("saliency", photos, "-o", tmp_path / "out", *words).code == 0
        names = ["saliency/cat.png", "saliency/sub/cup.png", "strips/cat.png", "strips/sub/cup.png"]
        assert files_in(tmp_path / "out") == [*RUN_FILES, *names]
        with pillow.open(tmp_path / "out/saliency/cat.png") as heatmap, pillow.open(photos / "cat.jpg") as photo:
            assert heatmap.size == photo.size
            assert np.array(heatmap)[..., 0].max() == 255
        with pillow.open(tmp_path / "out/strips/cat.png") as strip:
            assert strip.width > 2 * photo.width

    def test_several_targets_have_a_heatmap_each(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = ("--method", "gradient", "--target", "tabby", "--target", "285")
        assert run("saliency", photos / "cat.jpg", "-o", tmp_path / "out", *words).code == 0
        names = ["cat.Egyptian_cat.png", "cat.tabby.png"]
        assert [path for path in files_in(tmp_path / "out") if "strips" in path] == [f"strips/{name}" for name in names]

    def test_layers_are_named(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = ("--method", "layer_cam", "--target", "Egyptian cat", "--layers")
        assert run("saliency", photos / "cat.jpg", "-o", tmp_path / "out", *words, "blocks.4,bn2").code == 0
        assert json.loads((tmp_path / "out/run.json").read_text())["recipe"]["layers"] == "blocks.4,bn2"
        ended = run("saliency", photos / "cat.jpg", "-o", tmp_path / "other", *words, "blocks.9")
        assert ended.code == 1
        assert "layers must name layers of efficientnet_lite0 that give a grid, got 'blocks.9'" in ended.err


class TestVisualize:
    def test_a_picture_of_a_class_is_written(self, run: Run, tmp_path: Path) -> None:
        out = tmp_path / "new" / "lemon.png"
        ended = run("visualize", "lemon", "-o", out, "--steps", 2)
        assert ended.code == 0
        assert ended.out.startswith("lemon, probability ") and str(out) in ended.out
        with pillow.open(out) as picture:
            assert (picture.mode, picture.size, picture.format) == ("RGB", (224, 224), "PNG")
        first = out.read_bytes()
        ended = run("visualize", "951", "-o", out, "--steps", 2)
        assert ended.code == 2 and "--force" in ended.err
        assert run("visualize", "951", "-o", out, "--steps", 2, "--force").code == 0
        assert out.read_bytes() == first

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("lemon", "-o", "lemon.txt"), "out must end in .png"),
            (("no such thing", "-o", "lemon.png"), "no such thing"),
            (("lemon", "-o", "lemon.jpg", "--classifier", "vgg1"), "the nearest is"),
        ],
    )
    def test_what_cannot_be_is_one_sentence(
        self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        ended = run("visualize", *words)
        assert ended.code == 2 and message in ended.err and ended.err.count("\n") == 1
        assert files_in(tmp_path) == []


class TestEvaluate:
    @pytest.fixture
    def folders(self, tmp_path: Path) -> tuple[Path, Path]:
        """Masks and truths of two photos: `a` agrees on half of the union, `b` in full but for the void."""
        pairs: dict[str, tuple[Any, Any]] = {
            "a": ([[255, 255], [0, 0]], [[255, 0], [0, 0]]),
            "b": ([[255, 255], [0, 0]], [[255, 128], [0, 0]]),
        }
        for name, arrays in pairs.items():
            for folder, array in zip(("masks", "truths"), arrays, strict=True):
                (tmp_path / folder).mkdir(exist_ok=True)
                pillow.fromarray(np.array(array, np.uint8)).save(tmp_path / folder / f"{name}.png")
        return tmp_path / "masks", tmp_path / "truths"

    def test_scores_of_each_photo_and_their_mean(self, run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
        ended = run("evaluate", *folders, "--void", 128, "--json", tmp_path / "scores.json")
        assert ended.code == 0, ended.err
        scores = json.loads((tmp_path / "scores.json").read_text())
        assert scores["photos"]["a"]["iou"] == 0.5
        assert scores["photos"]["b"]["iou"] == 1
        assert scores["mean"]["iou"] == 0.75
        assert list(scores["mean"]) == list(SCORES)
        (row,) = [line for line in ended.out.splitlines() if line.startswith("│ iou ")]
        assert "0.7500 │ too few photos" in row
        assert "2 photos, protocol default" in ended.out

    def test_an_undeclared_value_is_named_and_there_is_no_mean(self, run: Run, folders: tuple[Path, Path]) -> None:
        ended = run("evaluate", *folders)
        assert ended.code == 1
        assert "128" in ended.err
        assert "mean" not in ended.out

    def test_every_missing_and_extra_partner_is_listed(self, run: Run, folders: tuple[Path, Path]) -> None:
        masks, truths = folders
        (masks / "a.png").rename(masks / "c.png")
        (truths / "b.png").rename(truths / "d.png")
        ended = run("evaluate", masks, truths, "--void", 128)
        assert ended.code == 1
        for name in "abcd":
            assert f"{name}: " in ended.err
        assert "mean" not in ended.out

    def test_a_missing_mask_may_count_as_empty(self, run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
        (folders[0] / "b.png").unlink()
        words = ("--void", 128, "--missing", "zero", "--json", tmp_path / "scores.json")
        assert run("evaluate", *folders, *words).code == 0
        assert json.loads((tmp_path / "scores.json").read_text())["mean"]["iou"] == 0.25

    def test_the_scores_are_whole_when_they_go_to_a_file(
        self, run: Run, folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = "long" * 30
        for folder in folders:
            (folder / "a.png").rename(folder / f"{name}.png")
        monkeypatch.setenv("COLUMNS", "80")
        ended = run("evaluate", *folders, "--void", 128, "--json", tmp_path / "new" / "scores.json")
        assert ended.code == 0
        assert ended.out.count("0.5000") == 2  # Of the photo.
        assert "\u2026" not in ended.out
        assert name in json.loads((tmp_path / "new" / "scores.json").read_text())["photos"]

    def test_the_folder_s_name_is_only_a_name(self, run: Run, folders: tuple[Path, Path]) -> None:
        folder = folders[0].rename(folders[0].with_name("b[red]r"))
        assert "red" in run("evaluate", folder, folders[1], "--void", 128).out.replace("\n", "")

    def test_a_protocol_is_named_with_what_it_does(self, run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
        words = ("--void", 128, "--protocol", "unsupervised", "--csv", tmp_path / "scores.csv", "--workers", 1)
        ended = run("evaluate", *folders, *words)
        assert ended.code == 0, ended.err
        assert "Unsupervised community: maps as they are; 254 thresholds" in ended.out
        assert (tmp_path / "scores.csv").read_text().splitlines()[:2] == [
            "photo,iou,accuracy",
            "a,0.50000000,0.75000000",
        ]
        assert "protocol must be one of default, saliency" in run("evaluate", *folders, "--protocol", "best").err

    def test_help_names_every_protocol_and_coding(self, run: Run) -> None:
        shown = run("evaluate", "--help").out.replace("│", " ").split()
        words = {word.strip(",.") for word in shown}
        assert words >= PROTOCOLS.keys() | CODINGS.keys()

    def test_many_photos_are_shown_by_their_worst(self, run: Run, tmp_path: Path) -> None:
        truth = np.array([[255, 255, 0, 0]], np.uint8)
        for number in range(60):
            for folder, levels in {"masks": np.roll(truth, number == 7), "truths": truth}.items():
                (tmp_path / folder).mkdir(exist_ok=True)
                pillow.fromarray(levels).save(tmp_path / folder / f"{number:02}.png")
        ended = run("evaluate", tmp_path / "masks", tmp_path / "truths")
        assert ended.code == 0
        assert "the 10 worst of 60" in " ".join(ended.out.split())
        rows = [line for line in ended.out.splitlines() if line.startswith(("│ 0", "│ 1", "│ 5"))]
        assert len(rows) == 10
        assert rows[0].startswith("│ 07 ")

    def test_two_folders_are_compared(self, run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
        words = ("--truth", folders[1], "--void", 128, "--json", tmp_path / "both.json", "--csv", tmp_path / "both.csv")
        ended = run("compare", folders[0], folders[0], *words)
        assert "2 photos, protocol default" in map(str.strip, ended.out.splitlines())
        assert ended.code == 0, ended.err
        assert ended.out.splitlines()[-1].startswith("too few photos to tell, 6 are needed: iou +0.0000")
        assert "2 photos, protocol default" in [line.strip() for line in ended.out.splitlines()]
        assert json.loads((tmp_path / "both.json").read_text())["differences"]["iou"]["first"] == 0.75
        assert (tmp_path / "both.csv").read_text().startswith("photo,iou_first,iou_second,")
        (folders[0] / "b.png").unlink()
        ended = run("compare", folders[0], folders[0], *words, "--force")
        assert ended.code == 1
        assert "b: mask must be one file, got none" in ended.err

    def test_a_file_is_replaced_by_force_alone(self, run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
        words = ("evaluate", *folders, "--void", 128, "--csv", tmp_path / "notes.csv")
        (tmp_path / "notes.csv").write_text("mine")
        assert f"out must be a new file, got {tmp_path / 'notes.csv'}" in run(*words).err
        assert (tmp_path / "notes.csv").read_text() == "mine"
        assert "csv must be another file than json" in run(*words, "--json", words[-1], "--force").err
        assert run(*words, "--force").code == 0
        assert (tmp_path / "notes.csv").read_text().startswith("photo,iou")

    def test_a_folder_that_is_not_there_cannot_be_scored(self, run: Run, folders: tuple[Path, Path]) -> None:
        ended = run("evaluate", folders[0], folders[1] / "none")
        assert ended.code == 2
        assert "truths must be a folder" in ended.err

    def test_the_masks_of_a_run_are_found(self, run: Run, photos: Path, tmp_path: Path) -> None:
        run("segment", photos, "-o", tmp_path / "out", *QUICK)
        ended = run("evaluate", tmp_path / "out", tmp_path / "out/masks")
        assert ended.code == 0
        assert "1.0000" in ended.out


class TestTune:
    @pytest.fixture
    def folders(self, tmp_path: Path) -> tuple[Path, Path]:
        """Four small cats, and truths that hold the middle of each."""
        with resources.as_file(resources.files("skimage") / "data" / "chelsea.png") as path:
            cat = pillow.open(path).reduce(6)
        truth = np.zeros((cat.height, cat.width), np.uint8)
        truth[10:-10, 15:-15] = 255
        for n in range(4):
            for folder, picture in (("photos", cat.rotate(n)), ("truths", pillow.fromarray(truth))):
                (tmp_path / folder).mkdir(exist_ok=True)
                picture.save(tmp_path / folder / f"{n}.png")
        return tmp_path / "photos", tmp_path / "truths"

    @pytest.mark.slow
    def test_a_recipe_file_and_what_it_gains(self, run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
        file = tmp_path / "new" / "mine.toml"
        ended = run("tune", *folders, "-o", file, "--trials", 1, "--method", "gradient", *QUICK)
        assert ended.code == 0, ended.err
        head, *lines = file.read_text().splitlines()
        assert head == f"# By wsseg {wsseg.__version__} with efficientnet_lite0."
        assert lines[0].startswith("# Tuned on 4 photos: mean IoU 0.")
        verdict = lines[1].removeprefix("# ").removesuffix(".")
        assert "on photos left out of the tuning" in verdict
        assert verdict in ended.out
        assert f"--recipe {file}" in ended.err
        recipe = read_recipe(file)
        assert (recipe.samples, recipe.mirror, recipe.exact_side) == (1, False, 64)
        changed = [line for line in ended.out.splitlines()[1:] if line]
        assert all(f"{line}  #" in file.read_text() for line in changed)
        assert run("segment", folders[0] / "1.png", "-o", tmp_path / "out", "--recipe", file).code == 0
        assert json.loads((tmp_path / "out/run.json").read_text())["recipe"] == recipe.as_dict()

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("-o", "mine.json"), "out must end in .toml, got 'mine.json'"),
            (("-o", "mine.toml", "--target", "egyptian cot"), "Egyptian cat"),
            (("-o", "mine.toml", "--recipe", "best"), "recipe must be one of default"),
            (("-o", "mine.toml", "--trials", "0"), "--trials"),
            (("-o", "mine.toml"), "3.png must be a picture, got an empty file"),
        ],
    )
    def test_what_cannot_run_says_why(
        self,
        run: Run,
        folders: tuple[Path, Path],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        words: tuple[str, ...],
        message: str,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        if "3.png" in message:
            (folders[1] / "3.png").write_bytes(b"")
        ended = run("tune", *folders, *words)
        assert ended.code == 2
        assert message in ended.err
        assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "truths"]

    def test_an_earlier_file_stays_unless_forced(self, run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
        file = tmp_path / "mine.toml"
        file.write_text("prior = 3.0\n")
        ended = run("tune", *folders, "-o", file)
        assert ended.code == 2 and "out must be a new file" in ended.err and "use force (--force)" in ended.err
        assert file.read_text() == "prior = 3.0\n"
        (folders[1] / "3.png").unlink()
        assert "must hold one file of each name" in run("tune", *folders, "-o", file, "--force").err

    def test_photos_without_truths_are_named(self, run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
        (folders[1] / "3.png").unlink()
        ended = run("tune", *folders, "-o", tmp_path / "mine.toml")
        assert ended.code == 2
        assert "photos and truths must hold one file of each name, got none or several for 3;" in ended.err


class TestReport:
    @pytest.fixture
    def made(self, photos: Path, tmp_path: Path) -> Path:
        """A run by hand, of the cat."""
        mask = np.zeros((150, 226), np.bool_)
        mask[:75] = True
        wsseg.write_mask(tmp_path / "out/masks/cat.png", mask)
        found = Finding(category="tabby", probability=0.5, status="ok", outputs={"mask": "masks/cat.png"})
        record = Record(input=str(photos / "cat.jpg"), name="cat", settings="", findings=(found,))
        (tmp_path / "out/run.jsonl").write_bytes(record.as_line())
        return tmp_path / "out"

    def test_a_page_of_the_run(self, run: Run, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        ended = run("report", made)
        assert ended.code == 0, ended.err
        assert "1 photos: report.html" in ended.err
        assert "tabby" in (tmp_path / "report.html").read_text()

    @pytest.mark.parametrize("words", [("report",), ("export", "--to", "cvat"), ("merge",)])
    def test_no_name_steers_the_terminal(self, run: Run, made: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
        suffix = {"report": ".html", "export": ".zip", "merge": ""}[words[0]]
        (run_folder := tmp_path / STEERING).mkdir()
        made.rename(run_folder / "run")
        ended = run(*words, run_folder / "run", "-o", run_folder / f"out{suffix}")
        assert ended.code == 0, ended.err
        assert rf"\x1b[31m[red]:smile:\n/out{suffix}" in ended.err
        assert all(line.isprintable() for line in ended.err.splitlines())

    def test_truths_give_it_scores(self, run: Run, made: Path, tmp_path: Path) -> None:
        page = tmp_path / "page.html"
        assert run("report", made, "--truth", made / "masks", "-o", page).code == 0
        assert "mean IoU" in page.read_text()

    def test_photos_that_cannot_be_shown_are_named(self, run: Run, made: Path, tmp_path: Path) -> None:
        (tmp_path / "photos/cat.jpg").unlink()
        ended = run("report", made, "-o", tmp_path / "page.html")
        assert ended.code == 1
        assert "cat: no photo: " in ended.err
        assert (tmp_path / "page.html").is_file()

    def test_many_of_them_are_named_in_the_page(self, run: Run, made: Path, tmp_path: Path) -> None:
        records = [Record(input="/nowhere/a.jpg", name=f"p{number}", settings="") for number in range(12)]
        (made / "run.jsonl").write_bytes(b"".join(record.as_line() for record in records))
        ended = run("report", made, "-o", tmp_path / "page.html")
        assert ended.err.count("no photo") == 10
        assert "and 2 more, which the page names" in ended.err
        assert "p9: no photo" in (tmp_path / "page.html").read_text()

    def test_what_cannot_be_written_says_why(self, run: Run, made: Path, tmp_path: Path) -> None:
        page = tmp_path / "page.html"
        page.write_text("mine")
        ended = run("report", made, "-o", page)
        assert (ended.code, page.read_text()) == (2, "mine")
        assert "out must be new or an earlier report" in ended.err
        assert run("report", made, "-o", page, "--force").code == 0
        assert run("report", tmp_path / "photos", "-o", page).code == 2


class TestModelsAndDoctor:
    def test_models_are_those_that_need_no_download(self, run: Run) -> None:
        code, out, err = run("models")
        assert code == 0
        assert "efficientnet_lite0" in out
        assert "vgg19" not in out
        assert "--all" in err

    def test_all_models_as_json(self, run: Run) -> None:
        told = {one["name"]: one for one in json.loads(run("models", "--all", "--json").out)}
        assert told["efficientnet_lite0"]["file"]
        assert told["vgg19"]["parameters"] == 143667240
        assert "timm:resnet50.a1_in1k" in told

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("segment --recipe ", RECIPES),
            ("segment --classifier efficientnet_lite", ["efficientnet_lite0"]),
            ("evaluate --protocol ", PROTOCOLS),
            ("export --to ", ["coco", "yolo"]),
        ],
    )
    def test_a_shell_completes_names(self, words: str, expected: list[str]) -> None:
        asked = {"_WSSEG_COMPLETE": "complete_bash", "COMP_WORDS": f"wsseg {words}"}
        asked["COMP_CWORD"] = str(len(asked["COMP_WORDS"].split(" ")) - 1)
        script = "import sys; sys.argv = ['wsseg']; from wsseg.cli.app import main; main()"
        ended = subprocess.run([sys.executable, "-c", script], env=os.environ | asked, capture_output=True, text=True)
        assert set(expected) <= set(ended.stdout.split())
