"""evaluate, compare and calibrate."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import QUICK, Run
from PIL import Image as pillow

import wsseg
from wsseg.cli.output import answers
from wsseg.evaluation.codings import CODINGS
from wsseg.evaluation.protocols import PROTOCOLS
from wsseg.files.encode import write_mask
from wsseg.metrics import SCORES
from wsseg.runs.record import Finding, Record, read_run
from wsseg.runs.review import needs_review


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

    def test_it_prints_scores_of_each_photo_and_their_mean(
        self, run: Run, folders: tuple[Path, Path], tmp_path: Path
    ) -> None:
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

    def test_an_undeclared_value_is_named_and_no_mean_is_shown(self, run: Run, folders: tuple[Path, Path]) -> None:
        ended = run("evaluate", *folders)
        assert ended.code == 1
        assert "128" in ended.err
        assert "mean" not in ended.out

    def test_every_missing_and_extra_partner_is_listed(self, run: Run, folders: tuple[Path, Path]) -> None:
        masks, truths = folders
        (masks / "a.png").rename(masks / "c.png")
        (truths / "d.png").write_bytes((truths / "b.png").read_bytes())
        ended = run("evaluate", masks, truths, "--void", 128)
        assert ended.code == 1
        assert "2 of 4 photos, 'a', 'd': no mask found" in ended.err
        assert "c: no truth found" in ended.err
        assert "no scores, because 3 masks could not be scored" in ended.err
        assert ended.out == ""

    def test_a_missing_mask_may_count_as_empty(self, run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
        (folders[0] / "b.png").unlink()
        words = ("--void", 128, "--missing", "zero", "--json", tmp_path / "scores.json")
        assert run("evaluate", *folders, *words).code == 0
        assert json.loads((tmp_path / "scores.json").read_text())["mean"]["iou"] == 0.25

    def test_scores_in_a_file_are_complete(
        self, run: Run, folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = "long" * 30
        for folder in folders:
            (folder / "a.png").rename(folder / f"{name}.png")
        monkeypatch.setattr(answers, "width", 80)
        ended = run("evaluate", *folders, "--void", 128, "--json", tmp_path / "new" / "scores.json")
        assert ended.code == 0
        assert ended.out.count("0.5000") == 2  # Of the photo.
        assert "\u2026" not in ended.out
        assert name in json.loads((tmp_path / "new" / "scores.json").read_text())["photos"]

    def test_a_folder_s_name_is_not_interpreted(self, run: Run, folders: tuple[Path, Path]) -> None:
        folder = folders[0].rename(folders[0].with_name("b[red]r"))
        assert "red" in run("evaluate", folder, folders[1], "--void", 128).out.replace("\n", "")

    def test_a_protocol_is_shown_with_its_meaning(self, run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
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

    def test_only_the_worst_of_many_photos_are_shown(self, run: Run, tmp_path: Path) -> None:
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
        assert "b: no mask found" in ended.err

    def test_a_file_is_replaced_only_with_force(self, run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
        words = ("evaluate", *folders, "--void", 128, "--csv", tmp_path / "notes.csv")
        (tmp_path / "notes.csv").write_text("mine")
        assert f"out must be a new file, got '{tmp_path / 'notes.csv'}'" in run(*words).err
        assert (tmp_path / "notes.csv").read_text() == "mine"
        assert "csv must be another file than json" in run(*words, "--json", words[-1], "--force").err
        assert run(*words, "--force").code == 0
        assert (tmp_path / "notes.csv").read_text().startswith("photo,iou")

    def test_a_missing_folder_cannot_be_scored(self, run: Run, folders: tuple[Path, Path]) -> None:
        ended = run("evaluate", folders[0], folders[1] / "none")
        assert ended.code == 2
        assert "truths must be an existing folder" in ended.err

    def test_the_masks_of_a_run_are_found(self, run: Run, photos: Path, tmp_path: Path) -> None:
        run("segment", photos, "-o", tmp_path / "out", *QUICK)
        ended = run("evaluate", tmp_path / "out", tmp_path / "out/masks")
        assert ended.code == 0
        assert "1.0000" in ended.out


class TestCalibrate:
    @pytest.fixture
    def folders(self, tmp_path: Path) -> tuple[Path, Path]:
        """A run of 30 photos whose names are their confidence in hundredths, with truths; the lowest three are bad."""
        truth = np.zeros((6, 8), np.bool_)
        truth[2:4, 2:6] = True
        lines = []
        for number in range(40, 70):
            mask = f"masks/{number}.png"
            write_mask(tmp_path / "out" / mask, ~truth if number < 43 else truth)
            write_mask(tmp_path / "truths" / f"{number}.png", truth)
            found = Finding(category="cat", probability=1, status="ok", confidence=number / 100, outputs={"mask": mask})
            lines.append(Record(input=f"{number}.jpg", name=f"{number}", settings="s", findings=(found,)).as_line())
        (tmp_path / "out/run.jsonl").write_bytes(b"".join(lines))
        return tmp_path / "out", tmp_path / "truths"

    def test_it_prints_a_confidence_its_promise_and_the_next_command(
        self, run: Run, folders: tuple[Path, Path]
    ) -> None:
        ended = run("calibrate", *folders, "--error", 0.1)
        assert ended.code == 0, ended.err
        promise, accepted, bound, following, assumption, *_ = ended.out.splitlines()
        assert promise.startswith("At most 10.0% of all photos are expected to be accepted with an IoU under 0.5")
        assert accepted == "29 of 30 photos with truths accepted, 2 of them bad"
        assert bound.startswith("at most 20.")
        assert following == f"next: rerun the command that made '{folders[0]}' with --min-confidence 0.41"
        assert "drawn at random" in assumption

    def test_json_goes_to_a_file_or_is_printed(self, run: Run, folders: tuple[Path, Path], tmp_path: Path) -> None:
        assert run("calibrate", *folders, "--error", 0.04, "--json", tmp_path / "answer.json").code == 0
        answer = json.loads((tmp_path / "answer.json").read_text())
        assert (answer["min_confidence"], answer["photos"], answer["accepted"], answer["bad"]) == (0.43, 30, 27, 0)
        assert answer["assumption"]
        assert json.loads(run("calibrate", *folders, "--error", 0.04, "--json", "-").out) == answer
        ended = run("calibrate", *folders, "--json", tmp_path / "answer.json")
        assert ended.code == 2
        assert f"'{tmp_path / 'answer.json'}'" in ended.err
        assert run("calibrate", *folders, "--json", tmp_path / "answer.json", "--force").code == 0

    def test_no_confidence_may_suffice(self, run: Run, folders: tuple[Path, Path]) -> None:
        for path in (folders[0] / "masks").iterdir():
            write_mask(path, np.ones((6, 8), np.bool_))
        ended = run("calibrate", *folders, "--error", 0.05)
        assert ended.code == 0
        assert ended.out.startswith("No confidence is high enough: look at every mask, or allow a larger error.")
        assert "next:" not in ended.out

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (("--error", 0.03), "truths must be of 33 photos or more for an error of 0.03, got 30; add truths or"),
            (("--error", 0), "error must be above 0 and below 1, got 0"),
            (("--error", "nan"), "nan"),
            (("--iou", 1.5), "iou must be above 0 and at most 1, got 1.5"),
        ],
    )
    def test_shares_that_cannot_be_are_refused(
        self, run: Run, folders: tuple[Path, Path], words: tuple[object, ...], reason: str
    ) -> None:
        ended = run("calibrate", *folders, *words)
        assert ended.code == 2
        assert reason in ended.err and not ended.out

    def test_a_folder_of_masks_is_no_run(self, run: Run, folders: tuple[Path, Path]) -> None:
        ended = run("calibrate", folders[0] / "masks", folders[1])
        assert ended.code == 2
        assert f"run must be a folder that wsseg segment wrote, got '{folders[0] / 'masks'}'" in ended.err

    def test_the_confidence_it_gives_accepts_what_it_says(self, run: Run, folders: tuple[Path, Path]) -> None:
        run("calibrate", *folders)
        least = wsseg.calibrate(*folders).min_confidence
        accepted = [record for record in read_run(folders[0]).records if not needs_review(record, least)]
        assert len(accepted) == 29
