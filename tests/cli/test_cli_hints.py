"""segment with --together, --box and --hints."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import QUICK, RUN_FILES, Run, files_in, mask_at
from PIL import Image as pillow


class TestTogether:
    QUICK = ("--objectness", "0", "--samples", "1", "--no-mirror", "--exact-side", "64", "--refit-side", "64")
    BOTH = ("--target", "Egyptian cat", "--target", "espresso")

    def test_each_photo_gets_a_map_and_its_values_are_explained(self, run: Run, photos: Path, tmp_path: Path) -> None:
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

    def test_other_pictures_may_be_written(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = ("--together", *self.BOTH, "--write", "overlay,instances,labels", *self.QUICK)
        assert run("segment", photos / "cat.jpg", "-o", tmp_path / "out", *words).code == 0
        names = ["instances/cat.png", "labels/cat.png", "overlays/cat.png", *RUN_FILES]
        assert files_in(tmp_path / "out") == names
        with pillow.open(tmp_path / "out" / names[0]) as instances, pillow.open(tmp_path / "out" / names[1]) as labels:
            np.testing.assert_array_equal(np.array(instances) > 0, np.array(labels) > 0)

    @pytest.mark.slow
    def test_instances_of_one_target_are_kept_apart(self, run: Run, photos: Path, tmp_path: Path) -> None:
        words = (photos / "cat.jpg", "-o", tmp_path / "out", "--together", *self.BOTH, *self.QUICK)
        run("segment", *words)
        assert "from an earlier run" in run("segment", *words).err
        assert "from an earlier run" not in run("segment", *words, "--write", "labels,instances").err

    @pytest.mark.slow
    def test_a_map_is_not_a_photo_of_the_next_run(self, run: Run, photos: Path, tmp_path: Path) -> None:
        for _ in range(2):
            ended = run("segment", photos, "-o", photos, "--force", "--together", *self.BOTH, *self.QUICK)
            assert "2 of 2 photos done" in ended.err

    @pytest.mark.parametrize(
        ("words", "error"),
        [
            ((), "together needs targets, got none"),
            (("--top", "2"), "together needs targets, got none"),
            (("--target", "tabby", "--box", "1,2,30,40"), "together and hints cannot be combined"),
            (("--target", "tabby", "--target", "n02123045"), "targets must have no class in common, got 'tabby' and"),
            (
                ("--target", "tabby", "--write", "mask"),
                "pictures must be some of labels, instances, overlay, got 'mask'",
            ),
        ],
    )
    def test_indistinguishable_targets_are_refused_before_any_work(
        self, run: Run, photos: Path, tmp_path: Path, words: tuple[str, ...], error: str
    ) -> None:
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--together", *words)
        assert ended.code == 2
        assert error in " ".join(ended.err.split())
        assert not (tmp_path / "out").exists()

    def test_labels_need_together(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos, "-o", tmp_path / "out", "--write", "labels")
        assert ended.code == 2
        assert "labels needs together, a map of all targets; add together (--together)" in ended.err


class TestHints:
    """The cat's photo is 226 x 150 pixels, the cup's 300 x 200."""

    @pytest.fixture
    def hints(self, tmp_path: Path) -> Path:
        """A folder of hints for the cup: part of the table is marked as the object."""
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
    def test_hints_belong_to_the_photo_of_the_same_relative_name(
        self, run: Run, photos: Path, hints: Path, tmp_path: Path
    ) -> None:
        assert run("segment", photos, "-o", tmp_path / "plain", *QUICK).code == 0
        ended = run("segment", photos, "-o", tmp_path / "out", "--hints", hints, *QUICK)
        assert ended.code == 0, ended.err
        assert "found hints for 1 of 2 photos" in ended.err
        mask = mask_at(tmp_path / "out/masks/sub/cup.png") > 0
        assert mask[5:15, 5:25].all() and not mask[60:90, 130:160].any()
        plain, hinted = ((tmp_path / run / "masks/cat.png").read_bytes() for run in ("plain", "out"))
        assert plain == hinted
        made_by = json.loads((tmp_path / "out/run.json").read_text())
        assert (made_by["box"], made_by["hints"]) == (None, str(hints))
        assert json.loads((tmp_path / "plain/run.json").read_text())["hints"] is None

    def test_hints_may_belong_to_another_shard(self, run: Run, photos: Path, hints: Path, tmp_path: Path) -> None:
        for shard in ("1/3", "2/3", "3/3"):
            ended = run("segment", photos, "-o", tmp_path / "out", "--hints", hints, "--shard", shard, *QUICK)
            assert ended.code == 0, ended.err
        assert len(files_in(tmp_path / "out/masks")) == 2

    @pytest.mark.slow
    @pytest.mark.parametrize("size", [None, (226, 151)])
    def test_a_bad_hint_fails_only_its_photo(
        self, run: Run, photos: Path, hints: Path, tmp_path: Path, size: tuple[int, int] | None
    ) -> None:
        if size:
            pillow.new("L", size, 128).save(hints / "cat.png")
        else:
            (hints / "cat.png").write_text("no picture")
        ended = run("segment", photos, "-o", tmp_path / "out", "--hints", hints, *QUICK)
        assert ended.code == 1
        expected = (
            "seeds must have the size of the photo, (150, 226), got (151, 226)" if size else f"'{hints / 'cat.png'}'"
        )
        assert str(photos / "cat.jpg") in ended.err and expected in ended.err
        assert "1 of 2 photos done" in ended.err
        assert files_in(tmp_path / "out/masks") == ["sub/cup.png"]

    def test_hints_with_other_values_are_refused(self, run: Run, photos: Path, hints: Path, tmp_path: Path) -> None:
        pillow.new("L", (226, 150), 77).save(hints / "cat.png")
        ended = run("segment", photos, "-o", tmp_path / "out", "--hints", hints, *QUICK)
        assert ended.code == 1 and "got also 77" in ended.err

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (
                ("--box", "60,0,200"),
                "box must be four whole numbers X0,Y0,X1,Y1, got '60,0,200'; an example is --box 60,0,200,110",
            ),
            (("--box", "60,0,200,1.5"), "box must be four whole numbers X0,Y0,X1,Y1, got '60,0,200,1.5'"),
            (("--box", ""), "box must be four whole numbers X0,Y0,X1,Y1, got ''"),
            (("--box", "0,0,9,9", "--top", "2"), "hints must be of one target, got several; leave out top"),
            (("--box", "0,0,9,9", "--target", "tabby", "--target", "espresso"), "hints must be of one target"),
            (("--box", "0,0,9,9", "--hints", "."), "box must be the only hint, got '.' too"),
        ],
    )
    def test_an_unusable_box_is_explained(
        self, run: Run, photos: Path, tmp_path: Path, words: tuple[str, ...], message: str
    ) -> None:
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", *words)
        assert ended.code == 2
        assert message in ended.err
        assert not (tmp_path / "out").exists()

    def test_a_box_outside_the_photo_fails_that_photo(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--box", "0,0,227,150", *QUICK)
        assert ended.code == 1
        assert f"{photos / 'cat.jpg'}: box must lie within the 226 x 150 photo" in ended.err

    def test_a_box_needs_exactly_one_photo(self, run: Run, photos: Path, tmp_path: Path) -> None:
        ended = run("segment", photos, "-o", tmp_path / "out", "--box", "0,0,9,9")
        assert ended.code == 2
        assert "box needs exactly one photo, got 2; put hints into a folder" in ended.err
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("words", [("--top", "1"), ("--target", "tabby", "--target", "espresso")])
    def test_hints_need_a_single_target(
        self, run: Run, photos: Path, hints: Path, tmp_path: Path, words: tuple[str, ...]
    ) -> None:
        ended = run("segment", photos, "-o", tmp_path / "out", "--hints", hints, *words)
        assert ended.code == 2
        assert "hints must be of one target, got several; leave out top and all but one target" in ended.err

    def test_hints_without_a_photo_are_refused(self, run: Run, photos: Path, hints: Path, tmp_path: Path) -> None:
        pillow.new("L", (300, 200), 128).save(hints / "cup.png")
        ended = run("segment", photos, "-o", tmp_path / "out", "--hints", hints)
        assert ended.code == 2
        assert f"must hold PNGs named like the photos, got '{hints / 'cup.png'}', which fits no photo; " in ended.err
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--hints", hints)
        assert ended.code == 2 and "fits no photo" in ended.err
        (tmp_path / "empty").mkdir()
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--hints", tmp_path / "empty")
        assert ended.code == 2
        assert (
            f"named like the photos, got none; those of the first photo would be '{tmp_path / 'empty/cat.png'}'"
            in ended.err
        )
        ended = run("segment", photos / "cat.jpg", "-o", tmp_path / "out", "--hints", tmp_path / "missing")
        assert ended.code == 2
        assert f"hints must be a folder, got '{tmp_path / 'missing'}'; " in ended.err
        assert not (tmp_path / "out").exists()
