"""The tally of a run: each photo counts once, by its latest outcome."""

from dataclasses import replace

from wsseg.runs.execute import Tally
from wsseg.runs.record import Record

A = Record(input="photos/a.jpg", name="a", settings="s")
BAD = replace(A, error="torn")


def test_the_latest_outcome_of_a_photo_counts() -> None:
    tally = Tally()
    for record, fresh, done, kept, failures in (
        (A, False, {"a"}, {"a"}, {}),
        (BAD, True, set(), set(), {"a": ("photos/a.jpg", "torn")}),
        (A, True, {"a"}, set(), {}),
        (A, True, {"a"}, set(), {}),
    ):
        tally.add(record, fresh)
        assert (tally.done, tally.kept, tally.failures) == (done, kept, failures)
