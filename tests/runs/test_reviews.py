"""Decisions of a person in a run's folder: kept by later runs, merged, discarded only when told to."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wsseg.files.encode import write_mask, write_picture
from wsseg.files.store import replacing
from wsseg.runs.journal import opened
from wsseg.runs.merge import merge_runs
from wsseg.runs.record import ACCEPTED, LINES, REVIEWS, Decision, Finding, Record, read_run, record_of
from wsseg.runs.review import needs_review
from wsseg.runs.reviews import REVIEWING, Reviews, append_whole, check_reviews_kept, reviewing

CAT = np.eye(8, dtype=np.bool_)

DOG = ~CAT

DECISION = Decision(verdict="corrected", when="2026-01-02T03:04:05+00:00", strokes=3, seconds=4.5, iou=0.75)


def finding(category: str, outputs: dict[str, str]) -> Finding:
    return Finding(category=category, probability=0.5, status="ok", confidence=0.75, outputs=outputs)


def made(folder: Path, *names: str, settings: str = "s") -> Path:
    records = []
    for name in names:
        write_mask(folder / f"masks/{name}.png", CAT)
        found = (finding("cat", {"mask": f"masks/{name}.png"}),)
        records.append(Record(input=f"/photos/{name}.png", name=name, settings=settings, hash="h", findings=found))
    with opened(folder, {"wsseg": "0"}, force=True) as journal:
        for record in records:
            journal.append(record)
    return folder


def decided(record: Record, decision: Decision = DECISION) -> Record:
    return replace(record, findings=(replace(record.findings[0], decision=decision),))


def named(folder: Path, name: str) -> Record:
    return next(record for record in read_run(folder).records if record.name == name)


def decide(folder: Path, name: str, decision: Decision = DECISION) -> Record:
    record = decided(named(folder, name), decision)
    with reviewing(folder) as reviews:
        reviews.write(record, {})
    return record


def test_a_decision_survives_its_line() -> None:
    record = decided(Record(input="a.png", name="a", settings="s", findings=(finding("cat", {}),)))
    assert record_of(record.as_line()) == record
    assert record.has_decision and record.is_reviewed
    assert not needs_review(record, 1.0)
    assert "rejected" not in ACCEPTED


def test_a_photo_is_reviewed_once_all_its_masks_are() -> None:
    one, other = (
        decided(Record(input="a", name="a", settings="s", findings=(finding("cat", {}),))).findings[0],
        finding("dog", {}),
    )
    record = Record(input="a", name="a", settings="s", findings=(one, other))
    assert record.has_decision and not record.is_reviewed
    assert needs_review(record, 0.9)


def test_a_decision_is_read_at_once_and_moved_by_the_next_run(tmp_path: Path) -> None:
    run = made(tmp_path / "run", "a", "b")
    wanted = decide(run, "a")
    assert named(run, "a") == wanted
    assert (run / REVIEWS).is_file() and not (run / REVIEWING).exists()
    with opened(run, {"wsseg": "0"}) as journal:
        assert journal.earlier("a") == wanted
    assert named(run, "a") == wanted
    assert not (run / REVIEWS).exists()
    assert b"corrected" in (run / LINES).read_bytes()


def test_a_run_at_work_sees_decisions_and_leaves_their_file_to_the_review(tmp_path: Path) -> None:
    run = made(tmp_path / "run", "a", "b")
    with opened(run, {"wsseg": "0"}) as journal, reviewing(run) as reviews:
        wanted = decided(named(run, "a"))
        reviews.write(wanted, {})
        assert journal.earlier("a") == wanted
        journal.append(named(run, "b"))
        later = decided(named(run, "b"), replace(DECISION, verdict="rejected"))
        reviews.write(later, {})
        journal.close({"wsseg": "0"}, "done")
        assert (run / REVIEWS).is_file()
        assert [named(run, "a"), named(run, "b")] == [wanted, later]


def test_one_review_at_a_time(tmp_path: Path) -> None:
    run = made(tmp_path / "run", "a")
    with reviewing(run), pytest.raises(FileExistsError, match="under review already"), reviewing(run):
        pass
    with reviewing(run):
        pass


def test_half_a_line_and_half_a_file_are_cleared_away(tmp_path: Path) -> None:
    run = made(tmp_path / "run", "a", "b")
    wanted = decide(run, "a")
    with (run / REVIEWS).open("ab") as file:
        file.write(decided(named(run, "b")).as_line()[:50])
    (run / REVIEWING).mkdir()
    (run / REVIEWING / ".wsseg-half").write_bytes(b"x")
    assert named(run, "a") == wanted and not named(run, "b").has_decision
    other = decide(run, "b")
    assert [named(run, "a"), named(run, "b")] == [wanted, other]
    assert not (run / REVIEWING).exists()


def test_files_are_written_before_the_record_and_never_outside(tmp_path: Path) -> None:
    run = made(tmp_path / "run", "a")
    victim = tmp_path / "victim.png"
    victim.write_bytes(b"untouched")
    (run / "masks/a.png").unlink()
    (run / "masks/a.png").symlink_to(victim)
    with reviewing(run) as reviews:
        reviews.write(decided(named(run, "a")), {"masks/a.png": b"new", "hints/sub/a.png": b"hints"})
    assert victim.read_bytes() == b"untouched"
    assert (run / "masks/a.png").read_bytes() == b"new" and (run / "hints/sub/a.png").read_bytes() == b"hints"


def test_force_does_not_discard_reviews_unless_told_to(tmp_path: Path) -> None:
    run = made(tmp_path / "run", "a", "b")
    check_reviews_kept(run, force=True, discard=False)
    decide(run, "a")
    with pytest.raises(FileExistsError, match=r"reviews of 1 photo .*--discard-reviews"):
        check_reviews_kept(run, force=True, discard=False)
    check_reviews_kept(run, force=False, discard=False)
    check_reviews_kept(run, force=True, discard=True)
    with reviewing(run), pytest.raises(FileExistsError, match="under review"):
        check_reviews_kept(run, force=True, discard=True)


def test_a_merge_takes_the_last_review_with_its_files(tmp_path: Path) -> None:
    first, second = made(tmp_path / "first", "a"), made(tmp_path / "second", "a", "b")
    for run, when, mask in ((first, "2026-01-02", CAT), (second, "2026-01-03", DOG)):
        record = named(run, "a")
        outputs = {**record.findings[0].outputs, "hints": "hints/a.png"}
        record = replace(record, findings=(replace(record.findings[0], outputs=outputs),))
        write_mask(run / "masks/a.png", mask)
        write_picture(run / "hints/a.png", mask * np.uint8(255))
        with reviewing(run) as reviews:
            reviews.write(decided(record, replace(DECISION, when=when)), {})
    merge_runs([second, first], tmp_path / "out")
    merged = named(tmp_path / "out", "a")
    assert merged.findings[0].decision == replace(DECISION, when="2026-01-03")
    assert (tmp_path / "out/hints/a.png").read_bytes() == (second / "hints/a.png").read_bytes()
    assert (tmp_path / "out/masks/a.png").read_bytes() == (second / "masks/a.png").read_bytes()


def test_a_line_that_is_no_record_is_named(tmp_path: Path) -> None:
    run = made(tmp_path / "run", "a")
    (run / REVIEWS).write_bytes(b'{"name": "../../evil"}\n')
    with pytest.raises(ValueError, match=r"reviews.jsonl', line 1"):
        read_run(run)
    bad = json.loads(decided(named(made(tmp_path / "other", "a"), "a")).as_line())
    bad["findings"][0]["decision"]["verdict"] = "perhaps"
    with pytest.raises(ValueError, match="record"):
        record_of(json.dumps(bad).encode())


def test_reviews_are_read_again_when_they_change(tmp_path: Path) -> None:
    run = made(tmp_path / "run", "a")
    seen = Reviews(run)
    assert not seen.lines
    record = decide(run, "a")
    assert record_of(seen.lines["a"]) == record
    shutil.rmtree(run)
    assert not seen.lines
    with replacing(tmp_path / "x") as file:
        file.write(b"")


def test_a_line_that_a_full_disk_cuts_off_leaves_nothing(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    file = tmp_path / REVIEWS
    file.write_bytes(b"x" * 99 + b"\n")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150, limits[1]))
    try:
        with pytest.raises(OSError, match="large"):
            append_whole(file, b"y" * 200 + b"\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_bytes() == b"x" * 99 + b"\n"
    append_whole(file, b"z\n")
    assert file.read_bytes() == b"x" * 99 + b"\nz\n"


def test_nothing_is_written_where_a_link_leads_out_of_the_run(tmp_path: Path) -> None:
    out = made(tmp_path / "run", "a")
    (record,) = read_run(out).records
    (tmp_path / "prey").mkdir()
    with reviewing(out) as reviews:
        (out / "hints").symlink_to(tmp_path / "prey")
        with pytest.raises(FileExistsError, match="no links out of its folder"):
            reviews.write(record, {"hints/a.png": b"hints"})
        (out / REVIEWS).symlink_to(tmp_path / "prey/lines")
        with pytest.raises(FileExistsError, match="no links out of its folder"):
            reviews.write(record, {})
    assert not list((tmp_path / "prey").iterdir())
    with pytest.raises(FileExistsError, match="no links out of its folder"), reviewing(out):
        pass
    assert (out / REVIEWS).is_symlink() and not (out / REVIEWING).exists()
