"""Checks that a format can hold the names of photos and categories, which may be any text."""

from collections import Counter
from collections.abc import Iterable, Mapping

from wsseg.export.annotations import Plan


def check_distinct_files(plan: Plan) -> None:
    """Raise ValueError if two photos have the same file name below the segmented folders."""
    for file, count in Counter(name.file for name in plan.names).items():
        if count > 1:
            first, second = [name.input for name in plan.names if name.file == file][:2]
            raise ValueError(
                f"run must hold photos with different file names, got '{first}' and '{second}' for '{file}'; "
                "segment them in separate runs"
            )


def check_gapless(categories: Mapping[str, int]) -> None:
    """Raise ValueError if the categories do not count from 1: only COCO has ids with gaps."""
    for place, (name, number) in enumerate(categories.items(), 1):
        if number != place:
            raise ValueError(
                f"categories must be numbered from 1 without gaps, got {number} for {name!r}; list the names in a text "
                "file with a name on each line, or export to coco"
            )


def check_lines(texts: Iterable[str], argument: str) -> None:
    """Raise ValueError if a text cannot be one line of a UTF-8 list that is read line by line."""
    for text in texts:
        if text.splitlines() != [text] or text.strip() != text or text.startswith("#") or not _is_unicode(text):
            raise ValueError(
                f"{argument} must be single lines without spaces around them or a leading #, got {text!r}; "
                "rename it, or export to coco"
            )


def check_printable(texts: Iterable[str], argument: str) -> None:
    """Raise ValueError if a text is blank, or has what XML and YAML cannot hold: control characters, no UTF-8."""
    for text in texts:
        if not text.strip() or not _is_unicode(text) or not text.isprintable():
            raise ValueError(f"{argument} must be printable text, got {text!r}; rename it, or export to coco")


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)
