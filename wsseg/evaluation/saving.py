"""Files of scores, written only if every photo could be scored."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from wsseg.evaluation.tables import encoded
from wsseg.files.store import check_new_file, replacing
from wsseg.files.text import counted


class SavedScores(ABC):
    """Scores that can be saved as JSON and as CSV."""

    @property
    @abstractmethod
    def problems(self) -> tuple[str, ...]:
        """A sentence on each reason why photos could not be scored."""

    @abstractmethod
    def as_json(self) -> dict[str, object]:
        """Return all scores, ready for JSON."""

    @abstractmethod
    def as_csv(self) -> str:
        """Return a line for each photo."""

    def save_json(self, path: str | PathLike[str], *, force: bool = False) -> None:
        """Write `as_json` to a file, whole or not at all.

        Parameters
        ----------
        path : path
            File to write.
        force : bool
            Whether to replace an existing file.

        Raises
        ------
        ValueError
            If photos could not be scored: a run that failed has no scores.
        FileExistsError
            If the path is a folder, or an existing file and `force` is not set.
        """
        _refuse_problems(self.problems)
        save_new(path, json.dumps(self.as_json(), indent=1), force=force)

    def save_csv(self, path: str | PathLike[str], *, force: bool = False) -> None:
        """Write `as_csv` to a file, whole or not at all.

        Parameters
        ----------
        path : path
            File to write.
        force : bool
            Whether to replace an existing file.

        Raises
        ------
        ValueError
            If photos could not be scored: a run that failed has no scores.
        FileExistsError
            If the path is a folder, or an existing file and `force` is not set.
        """
        _refuse_problems(self.problems)
        save_new(path, self.as_csv(), force=force)


def _refuse_problems(problems: Sequence[str]) -> None:
    """Raise ValueError if there are problems, because scores of the other photos would be taken for those of all."""
    if problems:
        more = f", and {counted(len(problems) - 1, 'more problem')}" if len(problems) > 1 else ""
        raise ValueError(f"all photos must have scores before these are saved, got {problems[0]}{more}; fix this first")


def save_new(path: str | PathLike[str], text: str, *, force: bool) -> None:
    """Write a text file, whole or not at all; raise FileExistsError for an existing file unless `force` is set."""
    file = Path(path)
    check_new_file(file, force=force)
    with replacing(file) as stream:
        stream.write(encoded(text))
