"""The result of a run over a folder, and the report after each photo."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from wsseg.files.names import Source
from wsseg.runs.record import Record, read_run
from wsseg.segmenting.outputs import PICTURES


class PhotoDone(NamedTuple):
    """The report to a progress callback, after each photo."""

    record: Record
    """The photo's record."""
    fresh: bool
    """Whether the photo was done now; an earlier run's result was kept otherwise."""
    done: int
    """Number of photos without a failure so far, including those kept."""
    failed: int
    """Number of photos that failed so far."""
    total: int | None
    """Number of photos in the run; `None` while folders are watched."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FolderRun:
    """The result of `segment_folder` or `saliency_folder`."""

    out: Path
    """Folder of the run."""
    pictures: tuple[str, ...]
    """Names of the pictures that were asked for, such as `mask`."""
    done: int
    """Number of photos without a failure, including those kept."""
    kept: int
    """Number of photos whose result an earlier run had made."""
    review: int | None = None
    """Number of photos that `review.txt` lists for this run; None without `min_confidence`."""
    failures: Mapping[str, str]
    """Why each photo failed, by its path as given."""
    names: frozenset[str]
    """Names of the photos' outputs, without folder and suffix: `sub/a`."""
    planned: tuple[Source, ...] = ()
    """The photos of a dry run, each with its `path` and the `name` of its outputs."""

    @property
    def failed(self) -> int:
        """Number of photos that failed."""
        return len(self.failures)

    @property
    def photos(self) -> int:
        """Number of photos in the run."""
        return self.done + self.failed

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of the run's photos, sorted by input; read from the folder at each call."""
        return tuple(record for record in read_run(self.out).records if record.name in self.names)

    @property
    def masks(self) -> list[Path]:
        """Paths of the masks, sorted by input; with several targets a photo has several."""
        return self.files("mask")

    @property
    def folders(self) -> list[Path]:
        """Folders of the pictures that were asked for."""
        return [self.out / PICTURES[picture].folder for picture in self.pictures]

    def files(self, picture: str) -> list[Path]:
        """Return the paths of one kind of picture, sorted by input.

        Parameters
        ----------
        picture : str
            Name of a picture, such as `overlay`.

        Returns
        -------
        list of Path
            Empty if the run wrote no such pictures.
        """
        outputs = [each for record in self.records for each in record.outputs_by_target]
        return [self.out / each[picture] for each in outputs if picture in each]

    def __repr__(self) -> str:
        if self.planned:
            return f"<FolderRun: {len(self.planned)} photos planned: {', '.join(map(str, self.folders))}>"
        kept = f" ({self.kept} from an earlier run)" if self.kept else ""
        return f"<FolderRun: {self.done} of {self.photos} photos done{kept}: {', '.join(map(str, self.folders))}>"
