"""The HTML of a report, from its rows.

Text from a run or a folder is never markup: Jinja escapes it, or it lies as JSON in a block of data and the script
inserts it as text. The page's content security policy allows no other script, style or connection.
"""

import base64
import hashlib
import shlex
from collections.abc import Sequence
from importlib import resources

import jinja2

from wsseg import __version__
from wsseg.files.store import is_local
from wsseg.files.text import escape_unprintable
from wsseg.pictures.overlay import ERRORS
from wsseg.report.charts import charts_of
from wsseg.report.rows import Row
from wsseg.report.store import PictureStore
from wsseg.report.summary import KINDS, categories_of, kind_of_run, summary_of
from wsseg.runs.record import Run


def html_of(run: Run, rows: Sequence[Row], store: PictureStore, problems: Sequence[str], *, scored: bool) -> str:
    """Return the page; equal runs and pictures make equal pages."""
    style, script = (_template("report.css"), _template("report.js"))
    flags = KINDS[kind_of_run(run)]
    data = {
        "base": store.base,
        "kinds": ["photo", *flags],
        "flags": flags,
        "rows": [row.as_json() for row in rows],
    }
    return (
        _environment()
        .get_template("report.html")
        .render(
            version=__version__,
            style=style,
            script=script,
            policy=_policy(style, script, store.base),
            data=data,
            addresses=store.addresses,
            title=escape_unprintable(run.folder.resolve().name if is_local(run.folder) else run.folder.name),
            folder=escape_unprintable(str(run.folder)),
            command=f"wsseg review {shlex.quote(escape_unprintable(str(run.folder)))}",
            summary=summary_of(run, rows, scored=scored),
            charts=charts_of(rows),
            categories=categories_of(rows),
            errors={kind: f"#{bytes(color).hex()}" for kind, color in ERRORS.items()} if scored else {},
            problems=[escape_unprintable(problem) for problem in problems],
            scored=scored,
        )
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("wsseg.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # Scores keep their order.
    return environment


def _template(name: str) -> str:
    """Return the text of a file that is not rendered."""
    return (resources.files("wsseg.report") / "templates" / name).read_text("utf-8")


def _policy(style: str, script: str, base: str) -> str:
    """Return the policy: the page loads its own style and script, by their hashes, and pictures, but no network."""
    pictures = "data:" if base.startswith("data:") else "'self' file:"
    return (
        f"default-src 'none'; img-src {pictures}; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
