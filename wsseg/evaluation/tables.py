"""Tables of scores as CSV, JSON and HTML."""

import json
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path

import jinja2

from wsseg.files.store import check_new_file, replacing


def csv_of(columns: Sequence[str], rows: Mapping[str, Mapping[str, float]]) -> str:
    """Return a table of numbers as CSV, in 8 digits; a name with commas, quotes or line ends is quoted."""
    # csv.writer is no help: before Python 3.13 it does not quote a lone \r, and csv.reader then ends the line there.
    lines = [",".join(["photo", *columns])]
    for name, values in rows.items():
        quoted = '"{}"'.format(name.replace('"', '""')) if set(name) & set(',"\r\n') else name
        lines.append(",".join([quoted, *(f"{values[column]:.8f}" for column in columns)]))
    return "\n".join(lines) + "\n"


def json_of(content: Mapping[str, object]) -> str:
    """Return the content as indented JSON."""
    return json.dumps(content, indent=1)


def html_of(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], notes: Iterable[str]) -> str:
    """Return a table with a caption, and the notes as paragraphs below it; all text is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("wsseg.evaluation"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("table.html").render(title=title, columns=columns, rows=rows, notes=notes)


def save_new(path: str | PathLike[str], text: str, *, force: bool) -> None:
    """Write a text file, whole or not at all; raise FileExistsError for an existing file unless `force` is set."""
    file = Path(path)
    check_new_file(file, force=force)
    with replacing(file) as stream:
        stream.write(text.encode())
