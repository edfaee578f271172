"""--min-confidence: the list of photos to review, what is printed of it, and the list as input."""

from pathlib import Path

import pytest
from commands import QUICK, Run


class TestMinConfidence:
    def test_photos_to_review_are_counted_and_can_be_segmented_again(
        self, run: Run, photos: Path, tmp_path: Path
    ) -> None:
        out, words = tmp_path / "out", ("--recipe", "fast", *QUICK)
        ended = run("segment", photos, "-o", out, "--min-confidence", 1, *words)
        assert ended.code == 0, ended.err
        assert f"; 2 to review: {out}/review.txt" in ended.err
        assert set((out / "review.txt").read_text().splitlines()[1:]) == {
            f"{photos}/cat.jpg",
            f"{photos}/sub/cup.png",
        }
        (photos / "sub/cup.png").unlink()
        ended = run("segment", out / "review.txt", "-o", tmp_path / "again", *words)
        assert ended.code == 1
        assert f"{photos}/sub/cup.png" in ended.err
        assert "1 of 2 photos done" in ended.err
        assert "to review" not in ended.err
        assert (tmp_path / "again/masks/cat.png").exists()
        ended = run("segment", photos, "-o", out, "--min-confidence", 0, *words)
        assert f"1 of 1 photo done (1 from an earlier run): {out}/masks; 0 to review: {out}/review.txt" in ended.err
        ended = run("merge", out, "-o", tmp_path / "merged")
        assert ended.code == 0
        assert ended.err.endswith(
            f"2 photos from 1 run: {tmp_path}/merged; 1 to review: {tmp_path}/merged/review.txt\n"
        )

    @pytest.mark.parametrize("least", ["1.5", "-1", "nan", "high", ""])
    def test_what_is_no_confidence_is_refused(self, run: Run, photos: Path, tmp_path: Path, least: str) -> None:
        ended = run("segment", photos, "-o", tmp_path / "out", f"--min-confidence={least}")
        assert ended.code == 2
        assert "min" in ended.err and "confidence" in ended.err
        assert not (tmp_path / "out").exists()
