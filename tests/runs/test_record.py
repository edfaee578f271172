"""Records of a run: valid lines survive, hostile ones are refused, and a folder belongs to one run at a time."""

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from wsseg.runs.journal import opened
from wsseg.runs.record import LINES, RUN, WORKING, Finding, Record, digest_of, is_run, read_run, record_of

ANY = st.characters(exclude_categories=())  # Lone surrogates too: names may be any bytes.
TEXT = st.text(ANY, max_size=20)
PATHS = st.lists(st.from_regex(r"[a-z \udcff][^/\\\0]{0,5}", fullmatch=True, alphabet=ANY), min_size=1, max_size=3).map(
    "/".join
)
OUTPUTS = st.dictionaries(TEXT, PATHS.map("masks/{}".format), max_size=2)
FINDINGS = st.builds(
    Finding,
    category=TEXT,
    indices=st.lists(st.integers(0, 999), max_size=2).map(tuple),
    wnids=st.lists(TEXT, max_size=2).map(tuple),
    probability=st.floats(0, 1),
    status=st.none() | TEXT,
    confidence=st.none() | st.floats(0, 1),
    reasons=st.lists(TEXT, max_size=2).map(tuple),
    outputs=OUTPUTS,
)
RECORDS = st.builds(
    Record,
    input=st.text(st.characters(exclude_categories=(), exclude_characters="\0"), max_size=20),
    name=PATHS,
    settings=TEXT,
    hash=TEXT,
    hints=TEXT,
    findings=st.lists(FINDINGS, max_size=3).map(tuple),
    outputs=OUTPUTS,
    seconds=st.dictionaries(TEXT, st.floats(0, 9), max_size=2),
    error=TEXT,
    traceback=TEXT,
)

A = Record(
    input="photos/a.jpg",
    name="a",
    settings="s",
    findings=(Finding(category="cat", probability=0.5, outputs={"mask": "masks/a.png"}),),
)
B = Record(input="photos/b.jpg", name="b", settings="s", error="torn")


def put(file: Path, text: str | bytes = "x") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


class TestLines:
    @given(RECORDS)
    def test_a_record_survives_its_line(self, record: Record) -> None:
        line = record.as_line()
        assert record_of(line) == record
        assert line.count(b"\n") == 1 and line.endswith(b"\n") and line.isascii()

    def test_every_line_has_the_same_fields(self) -> None:
        one, other = json.loads(A.as_line()), json.loads(B.as_line())
        assert list(one) == list(other) == [item.name for item in fields(Record)]
        assert [finding["category"] for finding in one["findings"]] == ["cat"] and other["findings"] == []

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"name": "../a"}, "its files must lie below the run's folder, got '../a'"),
            ({"name": ""}, "its files must lie below"),
            ({"outputs": {"mask": "/etc/passwd"}}, "got '/etc/passwd'"),
            ({"outputs": {"mask": "masks/../../a.png"}}, "got 'masks/../../a.png'"),
            ({"outputs": {"mask": "C:\\a.png"}}, "its files must lie below"),
            ({"outputs": {"mask": "run.jsonl"}}, "its files must lie in folders of pictures, got 'run.jsonl'"),
            ({"outputs": {"mask": ".wsseg/lock"}}, "its files must lie in folders of pictures"),
            ({"outputs": {"mask": 3}}, "Expected `str`, got `int` - at `$.outputs"),
            ({"outputs": ["a.png"]}, "Expected `object`, got `array` - at `$.outputs`"),
            ({"input": "a\0.png"}, "its input must be a path, got"),
            ({"input": 7}, "its fields must be those of a record, got 'Expected `str`, got `int` - at `$.input`'"),
            ({"findings": [{"category": "cat", "probability": "1"}]}, "at `$.findings[0].probability`"),
            ({"findings": 1}, "Expected `array`, got `int` - at `$.findings`"),
            ({"seconds": {"read": None}}, "at `$.seconds"),
        ],
    )
    def test_other_records_are_refused_with_the_reason(self, change: dict[str, Any], reason: str) -> None:
        content = json.loads(A.as_line()) | change
        with pytest.raises(ValueError, match=re.escape(reason)):
            record_of(json.dumps(content).encode())

    @pytest.mark.parametrize("line", [b"", b"null", b"[]", b"3", b"{", b"{}", b'"a"', b"\xff\xfe", b"[" * 100_000])
    def test_lines_that_are_not_records_are_refused(self, line: bytes) -> None:
        with pytest.raises(ValueError):
            record_of(line)

    def test_lines_of_an_older_version_are_read(self) -> None:
        """The lines hold several targets, a single target (flat), a label map and a failure."""
        lines = Path(__file__).with_name("run_of_0.1.0.jsonl").read_bytes().splitlines()
        several, one, labels, failed = map(record_of, lines)
        assert [finding.outputs for finding in several.findings] == [
            {"mask": "masks/berkeley_118035.church.png"},
            {"mask": "masks/berkeley_118035.dome.png"},
        ]
        assert one.findings == (
            Finding(
                category="sidewinder",
                probability=0.6480613946914673,
                status="ok",
                confidence=0.797603255105217,
                outputs={"mask": "masks/berkeley_196073.png"},
            ),
        )
        assert one.outputs == {} and one.pictures == {"mask"} and one.place == "/home/ann/mixed/berkeley_196073.jpg"
        assert labels.outputs == {"labels": "labels/davis_027.png"} and len(labels.findings) == 2
        assert failed.error.startswith("mixed/torn.png must be a picture") and not failed.findings
        for line in lines:
            assert record_of(record_of(line).as_line()) == record_of(line)

    def test_ten_thousand_lines_are_read_in_a_second(self) -> None:
        lines = [replace(A, name=f"{number}").as_line() for number in range(10_000)]
        start = perf_counter()
        assert len({record_of(line).name for line in lines}) == 10_000
        assert perf_counter() - start < 1  # 0.2 s on an idle core.

    def test_equal_settings_have_equal_digests(self) -> None:
        assert digest_of({"a": 1, "b": [2.5]}) == digest_of({"b": [2.5], "a": 1}) != digest_of({"a": 2, "b": [2.5]})


class TestOpened:
    def test_a_run_writes_its_records_in_order_and_then_run_json(self, tmp_path: Path) -> None:
        with opened(tmp_path / "x/out", {"wsseg": "1"}) as journal:
            journal.append(B)
            journal.append(A)
            assert not (tmp_path / "x/out" / RUN).exists()
            assert (tmp_path / "x/out" / LINES).read_bytes() == B.as_line() + A.as_line()
        assert (tmp_path / "x/out" / LINES).read_bytes() == A.as_line() + B.as_line()
        counts = {"photos": 2, "done": 1, "failed": 1}
        assert json.loads((tmp_path / "x/out" / RUN).read_bytes()) == {"wsseg": "1", "state": "done", "counts": counts}
        assert sorted(path.name for path in (tmp_path / "x/out").iterdir()) == [RUN, LINES]

    def test_a_link_in_place_of_the_work_folder_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / WORKING).symlink_to(tmp_path, target_is_directory=True)
        with (
            pytest.raises(FileExistsError, match="^out must hold no link called .wsseg, got"),
            opened(tmp_path / "out", {}),
        ):
            pass
        assert list(tmp_path.iterdir()) == [tmp_path / "out"]

    @pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, SystemExit, GeneratorExit])
    def test_an_interrupted_run_says_so(self, tmp_path: Path, error: type[BaseException]) -> None:
        with pytest.raises(error), opened(tmp_path, {"wsseg": "1"}) as journal:
            journal.append(A)
            raise error
        assert json.loads((tmp_path / RUN).read_bytes())["state"] == "interrupted"
        assert read_run(tmp_path).records == (A,)
        assert not (tmp_path / WORKING).exists()

    def test_the_last_line_of_a_photo_counts(self, tmp_path: Path) -> None:
        with opened(tmp_path, {"wsseg": "1"}) as journal:
            journal.append(replace(A, error="torn"))
        with opened(tmp_path, {"wsseg": "1"}) as journal:
            assert journal.earlier("a") == replace(A, error="torn") and journal.earlier("b") is None
            journal.append(A)
            assert journal.earlier("a") == A
        assert read_run(tmp_path).records == (A,)

    def test_a_truncated_last_line_is_ignored(self, tmp_path: Path) -> None:
        put(tmp_path / LINES, A.as_line() + B.as_line()[:-9])
        assert read_run(tmp_path).records == (A,)
        with opened(tmp_path, {"wsseg": "1"}) as journal:
            assert journal.earlier("b") is None
            journal.append(B)
        assert read_run(tmp_path).records == (A, B)

    def test_a_broken_line_is_named(self, tmp_path: Path) -> None:
        put(tmp_path / LINES, A.as_line() + b"{}\n" + B.as_line())
        for read in (read_run, lambda out: opened(out, {}).__enter__()):
            with pytest.raises(
                ValueError, match=r"run\.jsonl', line 2 must be a record of a run, but .*; delete that line"
            ):
                read(tmp_path)

    def test_half_written_files_of_a_killed_run_are_removed(self, tmp_path: Path) -> None:
        put(tmp_path / WORKING / ".wsseg-1234")
        put(tmp_path / WORKING / "lock", "")
        with opened(tmp_path, {"wsseg": "1"}):
            assert [path.name for path in (tmp_path / WORKING).iterdir()] == ["lock"]
        assert not (tmp_path / WORKING).exists()

    def test_two_runs_at_once_are_refused(self, tmp_path: Path) -> None:
        with opened(tmp_path, {"wsseg": "1"}) as journal:
            journal.append(A)
            with pytest.raises(FileExistsError, match="^out must not be in use, got .*, where another run is at work"):
                opened(tmp_path, {"wsseg": "1"}, force=True).__enter__()
            assert (tmp_path / WORKING).is_dir()
        assert read_run(tmp_path).records == (A,)

    def test_the_lock_of_a_dead_process_does_not_count(self, tmp_path: Path) -> None:
        FileLock(put(tmp_path / WORKING / "lock", "")).acquire().lock.release()
        with opened(tmp_path, {"wsseg": "1"}):
            pass

    @pytest.mark.parametrize("text", ["{}", "[]", "no json", '{"version": 1}'])
    def test_the_folder_of_another_program_is_refused(self, tmp_path: Path, text: str) -> None:
        put(tmp_path / RUN, text)
        with pytest.raises(
            FileExistsError, match="^out must be a new or empty folder, or an earlier run, got .*; choose another"
        ):
            opened(tmp_path, {"wsseg": "1"}).__enter__()
        assert (tmp_path / RUN).read_text() == text

    def test_other_folders_are_refused_unless_forced(self, tmp_path: Path) -> None:
        put(tmp_path / "thesis.tex", "mine")
        with pytest.raises(FileExistsError, match="^out must be a new or empty folder, or an earlier run"):
            opened(tmp_path, {"wsseg": "1"}).__enter__()
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
        with opened(tmp_path, {"wsseg": "1"}, force=True):
            pass
        assert (tmp_path / "thesis.tex").read_text() == "mine"

    @pytest.mark.parametrize("force", [False, True])
    def test_a_file_is_not_a_folder(self, tmp_path: Path, force: bool) -> None:
        with pytest.raises(FileExistsError, match="^out must be a folder"):
            opened(put(tmp_path / "out", "mine"), {"wsseg": "1"}, force=force).__enter__()
        assert (tmp_path / "out").read_text() == "mine"


def test_the_lines_of_0_1_0_are_rewritten_when_its_run_resumes(tmp_path: Path) -> None:
    lines = Path(__file__).with_name("run_of_0.1.0.jsonl").read_bytes()
    put(tmp_path / LINES, lines)
    before = read_run(tmp_path).records
    with opened(tmp_path, {"wsseg": "1"}) as journal:
        journal.append(replace(A, name="new"))
    after = [json.loads(line) for line in (tmp_path / LINES).read_bytes().splitlines()]
    assert len(after) == len(before) + 1
    assert {tuple(line) for line in after} == {tuple(json.loads(A.as_line()))}
    assert len({tuple(finding) for line in after for finding in line["findings"]}) == 1
    assert [record for record in read_run(tmp_path).records if record.name != "new"] == list(before)


class TestHolds:
    def test_all_files_must_be_there_and_none_empty(self, tmp_path: Path) -> None:
        with opened(tmp_path, {"wsseg": "1"}) as journal:
            journal.append(A)
        for text, held in ((b"", False), (b"png", True)):
            put(tmp_path / "masks/a.png", text)
            with opened(tmp_path, {"wsseg": "1"}) as journal:
                assert journal.holds(A) == held


class TestStale:
    """A picture of an earlier record, `a.b.png` of `a`, that another photo, `a.b`, overwrites."""

    TARGET = replace(A, findings=(Finding(category="cat", probability=0.5, outputs={"mask": "masks/a.b.png"}),))
    OTHER = replace(TARGET, input="photos/a.b.jpg", name="a.b")

    @pytest.mark.parametrize(("outcome", "exists"), [(OTHER, True), (replace(B, name="a.b"), False)])
    def test_a_picture_is_kept_while_another_run_may_own_it(
        self, tmp_path: Path, outcome: Record, exists: bool
    ) -> None:
        with opened(tmp_path, {"wsseg": "1"}) as journal:
            journal.append(self.TARGET)
        file = put(tmp_path / "masks/a.b.png")
        with opened(tmp_path, {"wsseg": "1"}) as journal:
            journal.start("a")
            journal.start("a.b")
            journal.append(A)
            assert file.exists()
            journal.append(outcome)
            assert file.exists() is exists

    def test_a_picture_is_removed_when_the_other_run_has_no_record(self, tmp_path: Path) -> None:
        with opened(tmp_path, {"wsseg": "1"}) as journal:
            journal.append(self.TARGET)
        file = put(tmp_path / "masks/a.b.png")
        with pytest.raises(KeyboardInterrupt), opened(tmp_path, {"wsseg": "1"}) as journal:
            journal.start("a.b")
            journal.append(A)
            raise KeyboardInterrupt
        assert not file.exists()


class TestReadRun:
    def test_a_run_is_recognized_by_its_files(self, tmp_path: Path) -> None:
        assert not is_run(tmp_path) and not is_run(tmp_path / "missing")
        with pytest.raises(ValueError, match="^run must be a folder that wsseg segment wrote, got"):
            read_run(tmp_path)
        put(tmp_path / "a" / RUN, '{"wsseg": "0.1"}')  # A run of an older version.
        assert read_run(tmp_path / "a").records == ()
        put(tmp_path / "b" / LINES, A.as_line())
        assert (read_run(tmp_path / "b").made_by, read_run(tmp_path / "b").records) == ({}, (A,))
        put(tmp_path / "c" / WORKING / "lock", "")
        assert read_run(tmp_path / "c").records == ()
