"""Tables of scores as CSV, JSON and HTML."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import jinja2

LONE_SURROGATES: Final = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Lone surrogates that are not a byte of a file's name; names in a COCO file or on Windows may hold them."""


def csv_of(columns: Sequence[str], rows: Mapping[str, Mapping[str, float]]) -> str:
    """Return a table of numbers as CSV, in 8 digits; a name with commas, quotes or line ends is quoted."""
    # csv.writer is no help: before Python 3.13 it does not quote a lone \r, and csv.reader then ends the line there.
    lines = [",".join(["photo", *columns])]
    for name, values in rows.items():
        quoted = '"{}"'.format(name.replace('"', '""')) if set(name) & set(',"\r\n') else name
        lines.append(",".join([quoted, *(f"{values[column]:.8f}" for column in columns)]))
    return "\n".join(lines) + "\n"


def html_of(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], notes: Iterable[str]) -> str:
    """Return a table with a caption, and the notes as paragraphs below it; all text is escaped.

    Names that are not UTF-8 are escaped too, because a notebook could not be saved with them.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("wsseg.evaluation"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("table.html").render(title=title, columns=columns, rows=rows, notes=notes)
    return html.encode("utf-8", "backslashreplace").decode()


def encoded(text: str) -> bytes:
    """Return the text as UTF-8; bytes of file names that are not UTF-8 stay as they are."""
    return LONE_SURROGATES.sub(lambda found: ascii(found[0])[1:-1], text).encode("utf-8", "surrogateescape")
