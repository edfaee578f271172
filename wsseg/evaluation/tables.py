"""Tables of scores as text, CSV and HTML."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape


def interval_shown(low: float, high: float, sign: str = "") -> str:
    """An interval as tables have it, with a `sign` of "+" if wanted; it is not known where it is NaN."""
    return "too few photos" if math.isnan(low) else f"{low:{sign}.4f} to {high:{sign}.4f}"


def interval_in_json(low: float, high: float) -> list[float] | None:
    """An interval as JSON can have it: null where it is NaN."""
    return None if math.isnan(low) else [low, high]


def csv_of(columns: Sequence[str], rows: Mapping[str, Mapping[str, float]]) -> str:
    """A table of numbers by row and column, with a name that holds commas, quotes or ends of lines in quotes."""
    # Not by csv.writer, which before Python 3.13 puts a lone \r into no quotes, so that csv.reader ends the line there.
    lines = [",".join(["photo", *columns])]
    for name, values in rows.items():
        quoted = '"{}"'.format(name.replace('"', '""')) if set(name) & set(',"\r\n') else name
        lines.append(",".join([quoted, *(f"{values[column]:.8f}" for column in columns)]))
    return "\n".join(lines) + "\n"


def html_of(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], notes: Iterable[str]) -> str:
    """A table with a caption and notes, all that is text in them escaped."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>{}</tr>".format("".join(f"<td>{escape(cell)}</td>" for cell in row)) for row in rows)
    below = "".join(f"<p>{escape(note)}</p>" for note in notes)
    caption = f"<caption>{escape(title)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"
