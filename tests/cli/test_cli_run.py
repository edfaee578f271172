"""segment, saliency and merge: what is written, what is printed, and the exit code."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from commands import PROGRAM, QUICK, RUN_FILES, Run, files_in, mask_at
from PIL import Image as pillow

import wsseg
from wsseg.cli.app import main
from wsseg.recipe import RECIPES


class TestSegment:
    def test_each_photo_of_a_folder_gets_a_mask_with_its_relative_name(
        self, run: Run, photos: Path, tmp_path: Path
    ) -> None:
        ended = run("segment", photos, "-o", tmp_path / "out", *QUICK)
        assert ended.code == 0, ended.err
        assert files_in(tmp_path / "out") == ["masks/cat.png", "masks/sub/cup.png", *RUN_FILES]
        mask = mask_at(tmp_path / "out/masks/cat.png")
        assert mask.shape == (150, 226)
        assert set(np.unique(mask)) == {0, 255}
        assert "Egyptian cat" in ended.out
        assert "2 of 2 photos done" in ended.err

    def test_all_pictures_can_be_written(self, run: Run, photos: Path, tmp_path: Path) -> None:
        kinds = "mask,cutout,overlay,seeds,saliency,strip"
        assert run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--write", kinds, *QUICK).code == 0
        folders = ("cutouts", "masks", "overlays", "saliency", "seeds", "strips")
        assert files_in(tmp_path / "out") == sorted([*(f"{folder}/cat.png" for folder in folders), *RUN_FILES])
        with pillow.open(tmp_path / "out/cutouts/cat.png") as cutout:
            alpha = np.array(cutout.getchannel("A"))
        np.testing.assert_array_equal(alpha, mask_at(tmp_path / "out/masks/cat.png"))

    def test_a_bad_photo_is_named_and_the_others_are_done(self, run: Run, photos: Path, tmp_path: Path) -> None:
        (photos / "bad.jpg").write_text("no picture")
        ended = run("segment", photos, "-o", tmp_path / "out", *QUICK)
        assert ended.code == 1
        assert ended.err.startswith(f"'{photos}/bad.jpg' must be a picture, got nothing that Pillow reads")
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
    def test_a_folder_of_other_files_is_refused(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path, *QUICK)
        assert ended.code == 2
        assert f"out must be a new or empty folder, or an earlier run, got '{tmp_path}'" in ended.err
        assert run("segment", photos / "cat.jpg", "-o", tmp_path, "--force", *QUICK).code == 0
        assert run("segment", photos / "cat.jpg", "-o", tmp_path, *QUICK).code == 0

    @pytest.mark.slow
    def test_its_own_pictures_are_not_photos(self, run: Run, photos: Path) -> None:
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
        assert f"out must not put pictures among photos, got '{photos}' with '{photos}/masks/cat.jpg'" in ended.err
        assert files_in(photos) == ["masks/cat.jpg", "sub/cup.png"]

    def test_a_relative_path_is_found_from_any_folder(
        self, run: Run, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """This holds even if another photo has the same path; a later photo keeps its longer name."""
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
            assert "3 of 3 photos done (3 from an earlier run)" in run(words[0], path, *words[2:]).err
        assert "1 of 1 photo done:" in run(*words).err
        for name, data in pictures.items():
            assert (tmp_path / "out" / name).read_bytes() == data
        assert (tmp_path / "out/saliency/cat.jpg.png").exists()

    def test_a_target_can_be_chosen(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--target", "tiger_cat|TABBY", *QUICK)
        assert ended.code == 0
        assert "tiger cat|tabby" in ended.out

    def test_an_unknown_target_is_refused_before_any_work(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos, "-o", tmp_path / "out", "--target", "egyptian cot")
        assert ended.code == 2
        assert "Egyptian cat" in ended.err
        assert not (tmp_path / "out").exists()

    def test_a_class_that_is_not_seen_is_not_ok(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run(
            "segment", photos / "cat.jpg", "-o", tmp_path / "out", "--target", "espresso", *QUICK, "--presence", 0.015
        )
        assert ended.code == 0
        assert "ok" not in ended.out
        assert "does not see espresso" in ended.out

    def test_several_targets_have_a_mask_each(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = ("--target", "tiger_cat|TABBY", "--target", "espresso", *QUICK, "--presence", 0.015)
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
            (("--top", "2", "--target", "tabby"), "top and targets (--top, --target) cannot be combined"),
            (("--top", "1001"), "top must be a number of classes from 1 to 1000, got 1001"),
            (("--target", "tabby", "--target", "n02123045"), "targets must have different names, got 'tabby' and"),
            (("--write", "mask,poster"), "pictures must be some of mask, cutout, alpha"),
            (
                ("--recipe", "best"),
                "recipe must be one of default, untrained, fast, simonyan2013 or a .toml file, got 'best'",
            ),
            (("--recipe", "best.toml"), "'best.toml' must be a recipe file, got no file"),
            (("--components", "0"), "components must lie in"),
            (("--classifier", "resnet5"), "resnet50"),
        ],
    )
    def test_impossible_arguments_are_explained(
        self, run: Run, photos: Path, tmp_path: Path, words: tuple[str, ...], message: str
    ) -> None:
        ended = run("segment", photos, "-o", tmp_path / "out", *words)
        assert ended.code == 2
        assert message in ended.err
        assert not (tmp_path / "out").exists()

    def test_an_empty_path_is_refused(self, run: Run, tmp_path: Path) -> None:
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

    def test_flags_override_a_recipe_file(self, run: Run, photos: Path, tmp_path: Path) -> None:
        (tmp_path / "mine.toml").write_text('base = "simonyan2013"\ncomponents = 3\nmirror = false\nexact_side = 96\n')
        words = ("--recipe", tmp_path / "mine.toml", "--components", "2")
        assert run("segment", photos / "cat.jpg", "-o", tmp_path / "out", *words).code == 0
        expected = {"mirror": False, "exact_side": 96, "components": 2}
        made_by = json.loads((tmp_path / "out/run.json").read_text())
        assert made_by["recipe"] == RECIPES["simonyan2013"].as_dict() | expected

    @pytest.mark.slow
    def test_an_interrupt_exits_with_130(self, photos: Path, tmp_path: Path) -> None:
        words = ("segment", str(photos), "-o", str(tmp_path / "out"), "--samples", "256")
        # A test run in the background ignores interrupts, and so would its child processes.
        restore_interrupts = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        with subprocess.Popen(
            [*PROGRAM, *words], stderr=subprocess.PIPE, env=os.environ, preexec_fn=restore_interrupts
        ) as program:
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
    def test_names_of_any_bytes_are_accepted(
        self, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
    ) -> None:
        for name in (b"\xff.jpg", "\u00fc.jpg".encode(), b"red\x1b[31m[red]\n.jpg"):
            (Path(os.fsdecode(os.fsencode(photos) + b"/" + name))).write_bytes((photos / "cat.jpg").read_bytes())
        monkeypatch.setattr(sys, "argv", ["wsseg", "segment", str(photos), "-o", str(tmp_path / "out"), *QUICK])
        buffers = {name: io.BytesIO() for name in ("stdout", "stderr")}
        streams = {name: io.TextIOWrapper(buffers[name], encoding, write_through=True) for name in buffers}
        for name, stream in streams.items():
            monkeypatch.setattr(sys, name, stream)
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        assert b"5 of 5 photos done" in buffers["stderr"].getvalue()
        assert rb"red\x1b[31m[red]\n.jpg" in buffers["stdout"].getvalue()
        assert b"\x1b" not in buffers["stdout"].getvalue()

    def test_a_full_or_closed_output_is_named(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos / "cat.jpg", "-o", photos / "cat.jpg" / "out", *QUICK)
        assert ended.code == 2
        assert "cat.jpg/out' must be writable, got 'Not a directory'; " in ended.err


class TestParts:
    """A run of some photos, of none, or without words."""

    def test_a_dry_run_lists_the_photos(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos, "-o", tmp_path / "out", "--dry-run", "--sample", "1")
        assert (ended.code, ended.out.splitlines()) == (0, [str(photos / "cat.jpg")])
        assert ended.err == f"1 photo planned, nothing written: {tmp_path / 'out/masks'}\n"
        assert not (tmp_path / "out").exists()

    def test_a_quiet_run_prints_errors_alone(self, run: Run, photos: Path, tmp_path: Path) -> None:
        (photos / "bad.jpg").write_bytes(b"no photo")
        (photos / "raw.nef").write_bytes(b"")
        ended = run("segment", photos, "-o", tmp_path / "out", "--quiet", *QUICK)
        assert (ended.code, ended.out) == (1, "")
        assert [line.partition(" ")[0] for line in ended.err.splitlines()] == [f"'{photos / 'bad.jpg'}'"]
        assert "planned" in run("segment", photos, "-o", tmp_path / "new", "--dry-run").err


class TestStyle:
    def test_cutouts_follow_the_style_options(self, run: Run, photos: Path, tmp_path: Path) -> None:
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
        assert made_by["style"] == {
            "format": "jpg",
            "edge": "hard",
            "feather": 4.0,
            "crop": True,
            "background": "#00ff60",
        }

    @pytest.mark.slow
    def test_a_new_style_replaces_the_old_pictures(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = ("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--write", "cutout", *QUICK)
        for style in ((), ("--format", "webp")):
            assert "1 of 1 photo done: " in run(*words, *style).err
        assert files_in(tmp_path / "out") == ["cutouts/cat.webp", *RUN_FILES]

    @pytest.mark.parametrize(
        ("words", "error"),
        [
            (("--format", "jpg"), "background must be a color or blur in JPEG cut-outs, got none"),
            (("--background", "nothing"), "background must be a color or blur, got 'nothing'"),
            (("--feather", "1e9"), "feather must lie in [0, 1000] pixels, got 1000000000.0"),
        ],
    )
    def test_impossible_styles_are_refused_before_any_work(
        self, run: Run, photos: Path, tmp_path: Path, words: tuple[str, ...], error: str
    ) -> None:
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--write", "cutout", *words)
        assert ended.code == 2
        assert error in ended.err
        assert not (tmp_path / "out").exists()


class TestRuns:
    """A run in a folder that has one already, in parts, in processes, or as photos arrive."""

    def test_a_second_run_does_only_missing_or_changed_photos(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = ("segment", photos, "-o", tmp_path / "out", *QUICK)
        assert run(*words).code == 0
        again = run(*words)
        assert (again.code, again.out) == (0, "")
        assert "2 of 2 photos done (2 from an earlier run)" in again.err
        (photos / "new.jpg").write_bytes((photos / "cat.jpg").read_bytes())
        assert [line.split("  ")[0] for line in run(*words).out.splitlines()] == [str(photos / "new.jpg")]
        (tmp_path / "out/masks/cat.png").unlink()
        assert [line.split("  ")[0] for line in run(*words).out.splitlines()] == [str(photos / "cat.jpg")]

    @pytest.mark.slow
    @pytest.mark.parametrize("words", [("--smoothness", "41"), ("--target", "tabby"), ("--force",)])
    def test_new_settings_or_force_redo_everything(
        self, run: Run, photos: Path, tmp_path: Path, words: tuple[str, ...]
    ) -> None:
        run("segment", photos / "cat.jpg", "-o", tmp_path / "out", *QUICK)
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", *QUICK, *words)
        assert "1 of 1 photo done: " in ended.err

    @pytest.mark.slow
    def test_saliency_strips_differ_from_mask_strips(self, run: Run, photos: Path, tmp_path: Path) -> None:
        """Both commands may write to one folder, and each finds its own pictures there."""
        words, widths = (photos / "cat.jpg", "-o", tmp_path / "out", *QUICK[:5]), []
        for command in ("saliency", "segment", "saliency"):
            write = ("--write", "strip") if command == "segment" else ()
            assert "1 of 1 photo done: " in run(command, *words, *write).err
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
        [found] = records[1]["findings"]
        assert found["category"] == "Egyptian cat" and 0 < found["confidence"] < 1
        assert (found["indices"], found["wnids"]) == ([285], ["n02124075"])
        assert found["outputs"] == {"mask": "masks/cat.png"}

    @pytest.mark.slow
    def test_photos_with_one_name_in_two_folders_keep_their_own_pictures(
        self, run: Run, photos: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "more").mkdir()
        (tmp_path / "more/cat.jpg").write_bytes((photos / "sub/cup.png").read_bytes())
        for folder in (photos, tmp_path / "more", photos, tmp_path / "more"):
            assert run("segment", folder / "cat.jpg", "-o", tmp_path / "out", *QUICK).code == 0
        assert files_in(tmp_path / "out/masks") == ["cat.jpg.png", "cat.png"]
        assert mask_at(tmp_path / "out/masks/cat.png").shape == (150, 226)

    @pytest.mark.slow
    def test_all_shards_together_cover_the_run(self, run: Run, photos: Path, tmp_path: Path) -> None:
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
            (("--shard", "0/2"), "shard must be I/N with I from 1 to N, got 0/2; 3/16 is the third"),
            (("--shard", "3"), "shard must be I/N, two whole numbers, got '3'"),
            (("--workers", "0"), "workers must be a number from 1, or auto, got '0'"),
            (("--workers", "many"), "workers must be a number from 1, or auto, got 'many'"),
            (("--watch", "--hints", "."), "hints need photos that exist already, got watch"),
            (("--watch", "--box", "1,2,3,4"), "box needs exactly one photo, got watched folders"),
            (("--device", "cuda:99"), "device must be one that torch can use here, got cuda:99"),
        ],
    )
    def test_impossible_runs_are_refused_before_any_work(
        self, run: Run, photos: Path, tmp_path: Path, words: tuple[str, ...], error: str
    ) -> None:
        ended = run("segment", photos, "-o", tmp_path / "out", *words)
        assert ended.code == 2
        assert error in ended.err
        assert not (tmp_path / "out").exists()

    @pytest.mark.slow
    def test_progress_may_be_json_or_off(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = ("saliency", photos, "-o", tmp_path / "out", "--method", "gradient", "--force", "--progress")
        *_, last, summary = map(json.loads, run(*words, "json").err.splitlines())
        assert last["done"] == last["total"] == 2
        assert run(*words, "none").err.splitlines() == [summary["message"]]

    def test_json_progress_is_only_json(self, run: Run, photos: Path, tmp_path: Path) -> None:
        (photos / "bad.jpg").write_text("no picture")
        (photos / "raw.nef").write_text("no picture either")
        words = ("segment", photos, "-o", tmp_path / "out", "--progress", "json", *QUICK)
        lines = [json.loads(line) for line in run(*words).err.splitlines()]
        assert {next(iter(each)) for each in lines} == {"warning", "error", "what", "message"}
        (error,) = [each["error"] for each in lines if "error" in each]
        assert error.startswith(f"'{photos}/bad.jpg' must be a picture, got")
        assert lines[-1]["message"].startswith("2 of 3 photos done")
        ended = run(*words[:3], photos / "cat.jpg", *words[4:])
        assert ended.code == 2
        assert json.loads(ended.err.splitlines()[-1])["error"].startswith("out must be a folder, got the file")

    @pytest.mark.slow
    def test_new_photos_are_watched_for(self, photos: Path, tmp_path: Path) -> None:
        """This includes a photo whose name would clash if both photos had been there from the start."""
        folder, out = tmp_path / "inbox", tmp_path / "out"
        folder.mkdir()
        words = ("segment", str(folder), "-o", str(out), "--watch", "--workers", "1", *QUICK)
        restore_interrupts = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        with subprocess.Popen(
            [*PROGRAM, *words], stderr=subprocess.PIPE, env=os.environ, preexec_fn=restore_interrupts
        ) as program:
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


class TestSaliency:
    def test_saliency_writes_a_heatmap_and_a_strip(self, run: Run, photos: Path, tmp_path: Path) -> None:
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

    def test_layers_can_be_chosen(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = ("--method", "layer_cam", "--target", "Egyptian cat", "--layers")
        assert run("saliency", photos / "cat.jpg", "-o", tmp_path / "out", *words, "blocks.4,bn2").code == 0
        assert json.loads((tmp_path / "out/run.json").read_text())["recipe"]["layers"] == "blocks.4,bn2"
        ended = run("saliency", photos / "cat.jpg", "-o", tmp_path / "other", *words, "blocks.9")
        assert ended.code == 2
        assert "layers must name layers of efficientnet_lite0 that give a grid, got 'blocks.9'" in ended.err
