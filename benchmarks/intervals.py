"""The 95 % interval of a mean, for the tables of the benchmarks."""

from collections.abc import Iterable

from wsseg.evaluation.bootstrap import Resamples, interval_of


def interval(values: Iterable[float]) -> str:
    """Return the 95 % bootstrap interval of a mean."""
    resamples = Resamples(random_state=0)
    for value in values:
        resamples.add({"value": value})
    return format(interval_of(resamples.draws("value")), ".3f")
