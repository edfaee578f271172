"""A folder run as one function: what it checks before torch is loaded, writes and returns."""

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import wsseg
from wsseg import Box, FolderRun, PhotoDone, Recipe, Style, saliency_folder, segment_folder
from wsseg.files.encode import write_picture
from wsseg.files.masks import read_labels, read_mask
from wsseg.files.photos import read_image
from wsseg.runs.record import digest_of

QUICK = Recipe(method="spread_cam", mirror_given=False, objectness=0.0, exact_side=64)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two small photos."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("chelsea", "coffee"):
        image = read_image((resources.files("skimage") / "data" / f"{name}.png").read_bytes())
        write_picture(folder / f"{name}.png", np.ascontiguousarray(image[::4, ::4]))
    return folder


@pytest.fixture(scope="module")
def classifier() -> wsseg.Classifier:
    return wsseg.load_classifier()


SCRIPT_OF_A_DRY_RUN = """
import sys
from wsseg import segment_folder
run = segment_folder("photos", "out", dry_run=True, limit=2)
print(run, [str(photo.name) for photo in run.planned], "torch" in sys.modules)
"""


def test_a_dry_run_lists_the_photos_and_writes_nothing(tmp_path: Path) -> None:
    for name in ("photos/a.png", "photos/b/c.png", "photos/d.png"):
        write_picture(tmp_path / name, np.zeros((4, 5, 3), np.uint8))
    command = [sys.executable, "-c", SCRIPT_OF_A_DRY_RUN]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "<FolderRun: 2 photos planned: out/masks> ['a.png', 'b/c.png'] False\n"
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_only_the_first_photos_are_done(photos: Path, classifier: wsseg.Classifier, tmp_path: Path) -> None:
    run = segment_folder(photos, tmp_path / "out", classifier=classifier, recipe=QUICK, limit=1)
    assert (run.photos, [mask.name for mask in run.masks], run.planned) == (1, ["chelsea.png"], ())


MISTAKES: tuple[tuple[dict[str, Any], str], ...] = (
    ({"sources": "missing"}, "ValueError: 'missing' must be an existing photo, folder, pattern or list"),
    ({"sources": []}, "ValueError: sources must name one or more, got none; "),
    ({"sources": "empty"}, "ValueError: 'empty' must hold one photo or more, got none; "),
    ({"out": "other"}, "FileExistsError: out must be a new or empty folder, or an earlier run, got 'other'; "),
    ({"out": "photos/a.png"}, "FileExistsError: out must be a folder, got the file 'photos/a.png'; "),
    ({"pictures": ["mask", "map"]}, "ValueError: pictures must be some of mask, cutout, alpha, overlay, seeds"),
    ({"pictures": ["mask"], "together": True, "targets": [1]}, "ValueError: pictures must be some of labels, inst"),
    ({"pictures": []}, "ValueError: pictures must name one or more, got none; "),
    ({"pictures": ["cutout"], "style": Style(format="jpg")}, "ValueError: background must be a color or blur"),
    ({"workers": 0}, "ValueError: workers must be a number from 1, or None (auto), got 0; "),
    ({"workers": True}, "ValueError: workers must be a number from 1, or None (auto), got True; "),
    ({"box": (1, 2, 3)}, "ValueError: box must be four whole numbers x0, y0, x1, y1, got (1, 2, 3); "),
    ({"box": (30, 20, 10, 60)}, "ValueError: box must be 0 <= x0 < x1 and 0 <= y0 < y1, got 30, 20, 10, 60; give"),
    ({"box": (3, 4, 5, 4)}, "ValueError: box must be 0 <= x0 < x1 and 0 <= y0 < y1, got 3, 4, 5, 4; "),
    ({"box": (-3, 2, 5, 4)}, "ValueError: box must be 0 <= x0 < x1 and 0 <= y0 < y1, got -3, 2, 5, 4; "),
    ({"box": 3}, "ValueError: box must be four whole numbers x0, y0, x1, y1, got 3; "),
    ({"box": (1, 2, 3, 4)}, "ValueError: box needs exactly one photo, got 2; "),
    ({"box": (1, 2, 3, 4), "hints": "photos"}, "ValueError: box must be the only hint, got 'photos' too; "),
    ({"box": (1, 2, 3, 4), "watch": True}, "ValueError: box needs exactly one photo, got watched folders"),
    ({"hints": "missing"}, "ValueError: hints must be a folder, got 'missing'; "),
    ({"hints": "other"}, "ValueError: hints must hold PNGs named like the photos, got 'other/thesis.png', which"),
    (
        {"hints": "empty"},
        "ValueError: hints must hold PNGs named like the photos, got none; those of the first photo would be 'em",
    ),
    ({"hints": "photos", "watch": True}, "ValueError: hints need photos that exist already, got watch"),
    ({"hints": "photos", "top": 2}, "ValueError: hints must be of one target, got several; "),
    ({"together": True}, "ValueError: together needs targets, got none; "),
    ({"together": True, "targets": [1], "hints": "photos"}, "ValueError: together and hints cannot be combined"),
    ({"targets": [1], "top": 2}, "ValueError: top and targets (--top, --target) cannot be combined; "),
    ({"top": 0}, "ValueError: top must be at least 1, got 0; "),
    ({"targets": "cat"}, "TypeError: targets must be a list, got 'cat'; "),
    ({"targets": []}, "ValueError: targets must name one or more, got none; "),
    ({"shard": (3, 2)}, "ValueError: shard must be I/N with I from 1 to N, got 3/2; "),
    ({"recipe": "best"}, "ValueError: recipe must be one of default, untrained, fast"),
    ({"objectness": "missing"}, "FileNotFoundError: "),
    ({"engine": "spark"}, "ValueError: engine must be local or ray, got 'spark'; "),
    ({"engine": "ray", "device": "cuda"}, "ValueError: engine ray (--engine ray) does not support device cuda; "),
    ({"engine": "ray", "watch": True}, "ValueError: engine ray (--engine ray) does not support watch"),
    ({"sources": "photos/a.png", "watch": True}, "ValueError: sources must be folders when they are watched, got"),
    *(
        ({"sources": sources}, f"TypeError: sources must be one or more paths, got {got}; give a str, a Path or")
        for sources, got in ((None, "NoneType"), (3, "int"), (b"photos", "bytes"), ([3], "int in list"))
    ),
    ({"out": 3}, "TypeError: out must be a path, got 3; give a str or a Path"),
    ({"hints": 3}, "TypeError: hints must be a path, got 3; "),
    ({"top": "2"}, "TypeError: top must be a whole number, got '2'; convert it with int()"),
    ({"top": True}, "TypeError: top must be a whole number, got True; "),
    ({"max_pixels": "9"}, "TypeError: max_pixels must be a whole number, got '9'; "),
    *(
        ({"shard": shard}, f"TypeError: shard must be two whole numbers (i, n), got {shard!r}; (3, 16) is the third")
        for shard in (3, "1/2", (1.5, 2.5), (1, True), (1, 2, 3))
    ),
    ({"shard": (3, 2)}, "ValueError: shard must be I/N with I from 1 to N, got 3/2; "),
    ({"pictures": 3}, "TypeError: pictures must be a list of names, got 3; "),
    ({"pictures": "mask"}, "TypeError: pictures must be a list of names, got 'mask'; put a single name into a list"),
    ({"pictures": [["mask"]]}, "TypeError: pictures must be a list of names, got ['mask'] in it; "),
    ({"style": "white"}, "TypeError: style must be a wsseg.Style, got 'white'; use wsseg.Style("),
    ({"progress": 3}, "TypeError: progress must be a function, got 3; leave it out for none"),
    ({"notice": 3}, "TypeError: notice must be a function, got 3; "),
    ({"workers": "2"}, "ValueError: workers must be a number from 1, or None (auto), got '2'; "),
    ({"recipe": 3}, "TypeError: recipe must be a wsseg.Recipe, a name or a file, got 3; "),
    ({"objectness": 3}, "TypeError: objectness must be a wsseg.Objectness or its file, got 3; "),
    ({"limit": 0}, "ValueError: limit must be at least 1, got 0; it is a number of photos"),
    ({"sample": "3"}, "TypeError: sample must be a whole number, got '3'; "),
    ({"limit": 1, "sample": 1}, "ValueError: limit and sample (--limit, --sample) cannot be combined; "),
    ({"limit": 1, "watch": True}, "ValueError: limit needs photos that exist already, got watched folders"),
    ({"dry_run": True, "watch": True}, "ValueError: dry_run needs photos that exist already, got watched folders"),
    ({"max_pixels": 0}, "ValueError: max_pixels must be at least 1, got 0; "),
)

"""Options of `segment_folder` that are wrong, and the start of the error; all found without a network."""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The error of each mistake in one fresh interpreter, and whether torch was loaded in the end."""
    folder = tmp_path_factory.mktemp("mistakes")
    for name in ("photos/a.png", "photos/b.png", "other/thesis.png"):
        write_picture(folder / name, np.zeros((4, 5, 3), np.uint8))
    (folder / "empty").mkdir()
    script = (
        "import sys, warnings; from wsseg import Style, segment_folder\n"
        "warnings.simplefilter('ignore')\n"
        f"for given in {[given for given, _ in MISTAKES]!r}:\n"
        "    try: segment_folder(**{'sources': 'photos', 'out': 'out', **given})\n"
        "    except Exception as error: print(type(error).__name__, error, sep=': ')\n"
        "print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    assert not (folder / "out").exists()
    return done.stdout.splitlines()


def test_mistakes_are_found_before_torch_is_loaded(answers: list[str]) -> None:
    assert answers[-1] == "False"
    assert len(answers) == len(MISTAKES) + 1


@pytest.mark.parametrize(("index", "start"), [(index, start) for index, (_, start) in enumerate(MISTAKES)])
def test_each_mistake_is_named(answers: list[str], index: int, start: str) -> None:
    assert answers[index].startswith(start)


class TestSegmentFolder:
    def test_sources_may_be_any_iterable_of_paths(
        self, photos: Path, tmp_path: Path, classifier: wsseg.Classifier
    ) -> None:
        for number, sources in enumerate((photos.iterdir(), {str(photos)}, (path for path in [photos]))):
            out = tmp_path / str(number)
            assert segment_folder(sources, out, classifier=classifier, recipe=QUICK).done == 2

    def test_photos_in_memory_are_no_sources(self, tmp_path: Path) -> None:
        with pytest.raises(TypeError, match="^sources must be one or more paths, got ndarray in ndarray; .* to files"):
            segment_folder(np.zeros((4, 5, 3), np.uint8), tmp_path / "out")  # type: ignore[arg-type]

    def test_masks_of_another_network_of_one_s_own_are_not_kept(self, photos: Path, tmp_path: Path) -> None:
        def kept(seed: int) -> int:
            torch.manual_seed(seed)
            module = nn.Sequential(nn.Conv2d(3, 4, 9, stride=9), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
            own = wsseg.load_classifier(module, preprocessing=wsseg.IMAGENET)
            return segment_folder(photos, tmp_path / "out", classifier=own, recipe=QUICK).kept

        assert [kept(seed) for seed in (0, 0, 1, 1, 0)] == [0, 2, 0, 2, 0]

    def test_a_run_has_counts_records_and_paths(
        self, photos: Path, tmp_path: Path, classifier: wsseg.Classifier
    ) -> None:
        (tmp_path / "photos").mkdir()
        for file in photos.iterdir():
            (tmp_path / "photos" / file.name).write_bytes(file.read_bytes())
        (tmp_path / "photos/torn.png").write_bytes(b"torn")
        heard: list[PhotoDone] = []

        def again() -> FolderRun:
            return segment_folder(
                tmp_path / "photos",
                tmp_path / "out",
                classifier=classifier,
                recipe=QUICK,
                pictures=["mask", "overlay", "mask"],
                progress=heard.append,
            )

        run = again()
        assert (run.photos, run.done, run.kept, run.failed) == (3, 2, 0, 1)
        assert run.masks == [tmp_path / f"out/masks/{name}.png" for name in ("chelsea", "coffee")]
        assert run.files("overlay") == [tmp_path / f"out/overlays/{name}.png" for name in ("chelsea", "coffee")]
        assert run.folders == [tmp_path / "out/masks", tmp_path / "out/overlays"]
        assert list(run.failures) == [str(tmp_path / "photos/torn.png")]
        assert "must be a picture" in run.failures[str(tmp_path / "photos/torn.png")]
        assert [record.name for record in run.records] == ["chelsea", "coffee", "torn"]
        first = run.records[0].findings[0]
        assert (first.category, first.indices, first.wnids) == ("Egyptian cat", (285,), ("n02124075",))
        assert [(one.done, one.failed, one.total, one.fresh) for one in heard] == [
            (1, 0, 3, True),
            (2, 0, 3, True),
            (2, 1, 3, True),
        ]
        assert repr(run) == (f"<FolderRun: 2 of 3 photos done: {tmp_path / 'out/masks'}, {tmp_path / 'out/overlays'}>")
        heard.clear()
        run = again()
        assert (run.photos, run.done, run.kept, run.failed) == (3, 2, 2, 1)
        assert [one.fresh for one in heard] == [False, False, True]
        assert " (2 from an earlier run): " in repr(run)

    def test_it_writes_what_a_segmenter_makes(self, photos: Path, tmp_path: Path, classifier: wsseg.Classifier) -> None:
        segmenter = wsseg.Segmenter(classifier, QUICK)
        run = segment_folder(str(photos), tmp_path / "out", classifier=classifier, recipe=QUICK)
        for file, photo in zip(run.masks, sorted(photos.iterdir()), strict=True):
            np.testing.assert_array_equal(read_mask(file), segmenter.segment(photo).mask)

    def test_every_option_reaches_its_stage(self, photos: Path, tmp_path: Path, classifier: wsseg.Classifier) -> None:
        photo, segmenter = photos / "chelsea.png", wsseg.Segmenter(classifier, QUICK)
        box = Box(10, 10, 80, 60)

        def done(source: Path, name: str, **options: Any) -> FolderRun:
            return segment_folder(source, tmp_path / name, classifier=classifier, recipe=QUICK, **options)

        boxed = done(photo, "box", box=tuple(box))
        np.testing.assert_array_equal(
            read_mask(boxed.masks[0]), segmenter.segment(photo, hints=wsseg.Hints(box=box)).mask
        )
        top = done(photo, "top", top=2)
        assert len(top.masks) == 2 and [len(record.findings) for record in top.records] == [2]
        targets = done(photo, "targets", targets=[285, "tabby"])
        assert [file.name for file in targets.masks] == ["chelsea.Egyptian_cat.png", "chelsea.tabby.png"]
        together = done(photo, "together", targets=[285, "espresso"], together=True)
        labels = segmenter.segment_categories(photo, [285, "espresso"]).labels
        np.testing.assert_array_equal(read_labels(together.files("labels")[0]), labels)
        assert together.masks == []
        halves = [done(photos, f"shard{number}", shard=(number, 2)).photos for number in (1, 2)]
        assert sum(halves) == 2
        seeds = tmp_path / "hints/chelsea.png"
        write_picture(seeds, np.full(read_image(photo).shape[:2], 128, np.uint8))
        with pytest.warns(UserWarning, match="^found hints for 1 of 2 photos$"):
            hinted = done(photos, "hinted", hints=seeds.parent)
        assert [bool(record.hints) for record in hinted.records] == [True, False]
        cut = done(photo, "style", pictures=["cutout"], style=Style(format="webp", crop=True))
        assert [file.name for file in cut.files("cutout")] == ["chelsea.webp"]

    def test_targets_with_the_same_name_are_refused(
        self, photos: Path, tmp_path: Path, classifier: wsseg.Classifier
    ) -> None:
        with pytest.raises(ValueError, match="^targets must have different names, got 'Egyptian cat' and"):
            segment_folder(photos, tmp_path / "out", classifier=classifier, targets=[285, 285])
        with pytest.raises(ValueError, match="^targets must have no class in common, got"):
            segment_folder(photos, tmp_path / "out", classifier=classifier, targets=[285, 285], together=True)

    def test_run_json_says_what_made_the_run(self, photos: Path, tmp_path: Path, classifier: wsseg.Classifier) -> None:
        segment_folder(photos, tmp_path, classifier=classifier, recipe=QUICK, box=None)
        made_by = json.loads((tmp_path / "run.json").read_bytes())
        assert made_by["classifier"] == {"name": "efficientnet_lite0", "sha256": classifier.digest}
        assert (made_by["what"], made_by["targets"], made_by["box"], made_by["top"]) == ("masks", [], None, None)
        assert made_by["recipe"] == QUICK.as_dict() and made_by["style"]["format"] == "png"
        assert made_by["versions"]["torch"] and made_by["state"] == "done"

    def test_the_settings_are_those_of_0_1_0(self, photos: Path, tmp_path: Path, classifier: wsseg.Classifier) -> None:
        """This lets wsseg resume a run that 0.1.0 started."""
        photo = photos / "chelsea.png"
        style, pictures = Style(feather=2), ["mask", "cutout"]
        segment_folder(
            photo,
            tmp_path,
            classifier=classifier,
            recipe=QUICK,
            box=(10, 10, 80, 60),
            style=style,
            pictures=pictures,
        )
        made_by = json.loads((tmp_path / "run.json").read_bytes())
        settings = {
            "wsseg": wsseg.__version__,
            "targets": [],
            "top": None,
            "classifier": {"name": "efficientnet_lite0", "sha256": classifier.digest},
            "objectness": None,
            "recipe": QUICK.as_dict(),
            "what": "masks",
            "instances": False,
            "box": "10,10,80,60",
            "style": {"format": "png", "edge": "hard", "feather": 2, "crop": False, "background": ""},
        }
        assert made_by["settings"] == digest_of(settings)
        assert {name: made_by[name] for name in settings} == settings
        assert list(made_by) == [*settings, "hints", "min_confidence", "settings", "versions", "state", "counts"]

    def test_a_progress_callback_may_stop_the_run(
        self, photos: Path, tmp_path: Path, classifier: wsseg.Classifier
    ) -> None:
        def stop(one: PhotoDone) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            segment_folder(photos, tmp_path, classifier=classifier, recipe=QUICK, progress=stop)
        assert json.loads((tmp_path / "run.json").read_bytes())["state"] == "interrupted"
        assert segment_folder(photos, tmp_path, classifier=classifier, recipe=QUICK).kept == 1

    def test_watched_folders_yield_photos_as_they_arrive(
        self, photos: Path, tmp_path: Path, classifier: wsseg.Classifier
    ) -> None:
        def stop(one: PhotoDone) -> None:
            assert one.total is None
            if one.done == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            segment_folder(photos, tmp_path, classifier=classifier, recipe=QUICK, watch=True, progress=stop)
        assert len(list((tmp_path / "masks").iterdir())) == 2

    def test_a_watched_photo_that_is_repaired_no_longer_counts_as_failed(
        self, photos: Path, tmp_path: Path, classifier: wsseg.Classifier
    ) -> None:
        sound = (photos / "chelsea.png").read_bytes()
        (tmp_path / "in").mkdir()
        (tmp_path / "in/a.png").write_bytes(b"torn")
        (tmp_path / "in/b.png").write_bytes(sound)
        heard: list[tuple[int, int]] = []

        def repair(one: PhotoDone) -> None:
            heard.append((one.done, one.failed))
            if len(heard) == 2:
                (tmp_path / "in/a.png").write_bytes(sound)
            if len(heard) == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            segment_folder(
                tmp_path / "in", tmp_path / "out", classifier=classifier, recipe=QUICK, watch=True, progress=repair
            )
        assert heard == [(0, 1), (1, 1), (2, 0)]

    def test_a_network_is_used_only_where_it_has_a_share(
        self, photos: Path, tmp_path: Path, classifier: wsseg.Classifier
    ) -> None:
        network = wsseg.load_objectness()
        options: dict[str, Any] = {"classifier": classifier, "objectness": network}
        with pytest.raises(ValueError, match="^recipe must give objectness a share, got 0; "):
            segment_folder(photos, tmp_path, **options, recipe=QUICK)
        segment_folder(photos, tmp_path, **options, recipe="fast")
        made_by = json.loads((tmp_path / "run.json").read_bytes())
        assert made_by["objectness"] == {"sha256": network.digest}
        with pytest.raises(FileNotFoundError, match="^objectness must be a file that wsseg adapt made, got 'nowhere'"):
            segment_folder(photos, tmp_path, objectness="nowhere")


def test_saliency_folder_writes_heatmaps_and_strips(photos: Path, tmp_path: Path, classifier: wsseg.Classifier) -> None:
    run = saliency_folder(photos, tmp_path / "out", classifier=classifier, recipe=QUICK, workers=None)
    assert run.folders == [tmp_path / "out/saliency", tmp_path / "out/strips"]
    assert len(run.files("saliency")) == len(run.files("strip")) == 2 and run.masks == []
    with pytest.raises(ValueError, match="^workers must be a number from 1"):
        saliency_folder(photos, tmp_path / "out", workers=-1)
