"""Make the parts of the site that come from the code, so that both stay the same; mkdocs.yml loads this file as a hook.

A comment on a line of its own, such as `<!-- python -->`, is replaced by the result of its function in `MADE`. Tables
are also in the pages themselves, between `<!-- protocols -->` and `<!-- /protocols -->`, so that the repository shows
them; `python scripts/docs.py` writes them again. Formulas become MathML, which browsers draw without a script.
"""

import ast
import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import Field, fields
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

import latex2mathml.converter
from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page

import wsseg
from wsseg.cli.app import program
from wsseg.evaluation.codings import CODINGS
from wsseg.evaluation.layouts import LAYOUTS
from wsseg.evaluation.protocols import LOWER_IS_BETTER, MEANINGS, PROTOCOLS, Protocol
from wsseg.recipe import RECIPES, Recipe

README = Path(__file__).resolve().parents[1] / "README.md"
STUB = Path(wsseg.__file__).with_suffix(".pyi")
PAGES = README.parent / "docs"
PLACE = re.compile(r"^<!-- (\w+) -->$(?:.*?^<!-- /\1 -->$)?", re.MULTILINE | re.DOTALL)
"""A comment to be replaced, and what is between it and the one that ends it."""

TABLES = ("accuracy", "codings", "protocols", "scores", "layouts", "numbers", "pages")
"""The names in `MADE` that are tables, which the pages hold too."""

FIRST = ("segmenting", "runs", "arrays", "recipe", "classifier", "saliency", "graphcut")
"""Rooms at the top of the reference; the others follow by name."""


def on_page_markdown(markdown: str, **_: object) -> str:
    """Return the page with its comments replaced."""
    return PLACE.sub(lambda found: _made(found[1]), markdown)


def with_tables(markdown: str) -> str:
    """Return the page with its tables written between their comments."""
    return PLACE.sub(lambda found: _with_comments(found[1]) if found[1] in TABLES else found[0], markdown)


def _with_comments(name: str) -> str:
    return f"<!-- {name} -->\n\n{_made(name)}\n\n<!-- /{name} -->"


def on_page_content(content: str, **_: object) -> str:
    """Return the page with its formulas as MathML."""
    content = re.sub(r'<span class="arithmatex">\\\((.*?)\\\)</span>', _formula("inline"), content, flags=re.DOTALL)
    return re.sub(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', _formula("block"), content, flags=re.DOTALL)


def on_post_page(output: str, page: Page, **_: object) -> None:
    """Raise PluginError if the page fetches anything from another site."""
    if found := re.search(r'<(?:script|link|img|iframe)\b[^>]*(?:src|href)="?(?:https?:)?//[^>]*', output):
        raise PluginError(f"{page.file.src_uri} must fetch nothing, got {found[0]}; put a copy into docs/vendor")


def _made(name: str) -> str:
    if name not in MADE:
        raise PluginError(f"a comment of a page must be one of {', '.join(MADE)}, got '{name}'; correct the page")
    return MADE[name]()


def _formula(display: str) -> Callable[[re.Match[str]], str]:
    return lambda found: latex2mathml.converter.convert(html.unescape(found[1]), display=display)


def table(*heads: str, rows: Iterable[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', '&#124;') for cell in line)} |" for line in lines)


def accuracy() -> str:
    return of_readme("set")


def pages() -> str:
    return of_readme("to").replace("](docs/", "](")


def of_readme(head: str) -> str:
    """Return the README's table whose first column has this heading."""
    (found,) = (part for part in README.read_text().split("\n\n") if part.startswith(f"| {head} |"))
    return found


def codings() -> str:
    rows = [(f"`{name}`", coding.meaning) for name, coding in CODINGS.items()]
    return table("`--coding`", "values in the truths' files", rows=rows)


def protocols() -> str:
    rows = [
        (f"`{name}`", one.convention, f"`{one.headline}`", _codes(scores_of(one))) for name, one in PROTOCOLS.items()
    ]
    return table("`--protocol`", "convention", "compared by", "scores", rows=rows)


def scores_of(protocol: Protocol[Any]) -> list[str]:
    """Return the names of the scores in the protocol's tables."""
    if protocol.sequences:
        return [*(f"{name}_{what}" for name in protocol.scores for what in ("mean", "recall", "decay")), "jf_mean"]
    return [*protocol.scores, *protocol.pooled]


def scores() -> str:
    rows = [(f"`{name}`", "lower" if name in LOWER_IS_BETTER else "", meaning) for name, meaning in MEANINGS.items()]
    return table("score", "better", "meaning", rows=rows)


def layouts() -> str:
    rows = [
        (f"`{name}`", f"`{one.truths}`", f"`{one.coding}`" if one.coding else "boxes", _codes(one.splits), one.source)
        for name, one in LAYOUTS.items()
    ]
    return table("`--layout`", "truths in", "coding", "`--split`, the usual first", "source", rows=rows)


def numbers() -> str:
    """Return a table of numbers for each stage."""
    stages = groupby(fields(Recipe), key=lambda item: item.metadata["stage"])
    heads = ("number", "`default`", "elsewhere", "range", "meaning")
    return "\n\n".join(
        f"## {stage.capitalize()}\n\n" + table(*heads, rows=[_number_row(item) for item in items])
        for stage, items in stages
    )


def _number_row(item: Field[Any]) -> tuple[str, ...]:
    values = {name: getattr(recipe, item.name) for name, recipe in RECIPES.items()}
    others = [f"{name} {_value(value)}" for name, value in values.items() if value != item.default]
    return f"`{item.name}`", _value(item.default), ", ".join(others), _range(item.metadata), item.metadata["help"]


def _value(value: object) -> str:
    return f"`{str(value).lower() if isinstance(value, bool) else value}`" if value != "" else "none"


def _range(metadata: Mapping[str, Any]) -> str:
    if "low" not in metadata:
        return "see [classifiers](../classifiers.md)" if "choices" in metadata else ""
    return f"{metadata['low']:g} to {metadata['high']:g}".replace(" to inf", " or more")


def commands() -> str:
    """Return the help of every command, with the recipe's numbers."""
    return program().generate_docs().replace("# wsseg", "# Command line", 1)


def python() -> str:
    """Return a section for each room: its caption and the docstrings of its public names."""
    names: dict[str, list[str]] = {"arrays": [f"arrays.{name}" for name in public_of("arrays")]}
    for module, name in _exported():
        names.setdefault(module.partition(".")[0], []).append(_home(module, name))
    for package in _public_packages():
        names.setdefault(package, []).extend(_home(package, name) for name in import_module(f"wsseg.{package}").__all__)
    return "\n\n".join(_section(room, names[room]) for room in sorted(names, key=_rank))


def _rank(room: str) -> tuple[int, str]:
    return FIRST.index(room) if room in FIRST else len(FIRST), room


def _section(room: str, homes: Iterable[str]) -> str:
    places = [f"::: wsseg.{home}" for home in dict.fromkeys(homes)]
    return "\n\n".join([f"## {room}", str(import_module(f"wsseg.{room}").__doc__), *places])


def _exported() -> list[tuple[str, str]]:
    """Return module and name of everything that the stub imports from modules; `public_of` has the names of arrays."""
    found = [node for node in _imports() if node.module and node.module != "arrays"]
    return [(str(node.module), alias.name) for node in found for alias in node.names]


def _public_packages() -> list[str]:
    return [alias.name for node in _imports() if not node.module for alias in node.names]


def _imports() -> list[ast.ImportFrom]:
    return [node for node in ast.parse(STUB.read_text()).body if isinstance(node, ast.ImportFrom)]


def public_of(module: str) -> list[str]:
    """Return the names of the values, types and classes that a module defines, without those that begin with _."""
    source = Path(str(import_module(f"wsseg.{module}").__file__))
    names = [_defined(node) for node in ast.parse(source.read_text()).body]
    return [name for name in names if name and not name.startswith("_")]


def _defined(node: ast.stmt) -> str:
    if isinstance(node, ast.ClassDef):
        return node.name
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return node.targets[0].id if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) else ""


def _home(module: str, name: str) -> str:
    """Return the path of a name below wsseg: where it is defined, or where it is imported from if it is a value."""
    found = getattr(import_module(f"wsseg.{module}"), name)
    inner = str(getattr(found, "__module__", ""))
    return f"{inner.removeprefix('wsseg.') if inner.startswith('wsseg.') else module}.{name}"


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


MADE: dict[str, Callable[[], str]] = {
    "accuracy": accuracy,
    "codings": codings,
    "protocols": protocols,
    "scores": scores,
    "layouts": layouts,
    "numbers": numbers,
    "pages": pages,
    "commands": commands,
    "python": python,
}


def main() -> None:
    """Write the tables into the pages."""
    for page in sorted(PAGES.rglob("*.md")):
        page.write_text(with_tables(page.read_text()))


if __name__ == "__main__":
    main()
