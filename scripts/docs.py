"""What of the site is made from the code, so that it cannot drift: a hook of mkdocs, see mkdocs.yml.

A comment on a line of its own, as `<!-- protocols -->`, is replaced by what the function of `MADE` says. Formulas
become MathML, which browsers draw by themselves.
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
import typer
from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page
from typer.cli import get_docs_for_click

import wsseg
from wsseg.cli import app as cli
from wsseg.evaluation.codings import CODINGS
from wsseg.evaluation.layouts import LAYOUTS
from wsseg.evaluation.protocols import LOWER_IS_BETTER, MEANINGS, PROTOCOLS, Protocol
from wsseg.recipe import RECIPES, Recipe

README = Path(__file__).resolve().parents[1] / "README.md"
STUB = Path(wsseg.__file__).with_suffix(".pyi")


def on_page_markdown(markdown: str, **_: object) -> str:
    """The page with what its comments ask for."""
    return re.sub(r"^<!-- (\w+) -->$", lambda found: _made(found[1]), markdown, flags=re.MULTILINE)


def on_page_content(content: str, **_: object) -> str:
    """The page with its formulas drawn."""
    content = re.sub(r'<span class="arithmatex">\\\((.*?)\\\)</span>', _formula("inline"), content, flags=re.DOTALL)
    return re.sub(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', _formula("block"), content, flags=re.DOTALL)


def on_post_page(output: str, page: Page, **_: object) -> None:
    """Nothing on a page may be fetched from elsewhere."""
    if found := re.search(r'<(?:script|link|img|iframe)\b[^>]*(?:src|href)="?(?:https?:)?//[^>]*', output):
        raise PluginError(f"{page.file.src_uri} must fetch nothing, got {found[0]}; keep a copy in docs/vendor")


def _made(name: str) -> str:
    if name not in MADE:
        raise PluginError(f"a comment of a page must be one of {', '.join(MADE)}, got {name}; mend it")
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
    """The table whose first column is called so, where it is written."""
    (found,) = (part for part in README.read_text().split("\n\n") if part.startswith(f"| {head} |"))
    return found


def codings() -> str:
    rows = [(f"`{name}`", coding.meaning) for name, coding in CODINGS.items()]
    return table("`--coding`", "what the truths' files hold", rows=rows)


def protocols() -> str:
    rows = [
        (f"`{name}`", one.convention, f"`{one.headline}`", _codes(scores_of(one))) for name, one in PROTOCOLS.items()
    ]
    return table("`--protocol`", "convention", "compared by", "scores", rows=rows)


def scores_of(protocol: Protocol[Any]) -> list[str]:
    """The names that its tables have."""
    if protocol.sequences:
        return [*(f"{name}_{what}" for name in protocol.scores for what in ("mean", "recall", "decay")), "jf_mean"]
    return [*protocol.scores, *protocol.pooled]


def scores() -> str:
    rows = [(f"`{name}`", "lower" if name in LOWER_IS_BETTER else "", meaning) for name, meaning in MEANINGS.items()]
    return table("score", "better", "is", rows=rows)


def layouts() -> str:
    rows = [
        (f"`{name}`", f"`{one.truths}`", f"`{one.coding}`" if one.coding else "boxes", _codes(one.splits), one.source)
        for name, one in LAYOUTS.items()
    ]
    return table("`--layout`", "truths in", "coding", "`--split`, the usual first", "source", rows=rows)


def numbers() -> str:
    """A table for each stage."""
    stages = groupby(fields(Recipe), key=lambda item: item.metadata["stage"])
    heads = ("number", "`default`", "elsewhere", "range", "is")
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
    """As typer writes its documentation, which would rather show a prompt."""
    command: Any = typer.main.get_command(cli.app)
    for one in command.commands.values():
        one.short_help = one.help  # Which is one sentence, and would be cut in the overview.
    text = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name="wsseg"), name="wsseg")
    return text.replace("# `wsseg`", "# Command line", 1)


def python() -> str:
    """Each public name below its module, and those of the packages that are public themselves."""
    parts = [_section("arrays", public_of("arrays"))]
    for module, names in groupby(_exported(), key=lambda pair: pair[0]):
        parts.append(_section(module, [name for _, name in names if name not in ("Box", "Point")]))
    return "\n\n".join(part for part in [*parts, _section("saliency", wsseg.saliency.__all__)] if part)


def _exported() -> list[tuple[str, str]]:
    """Module and name of all that the stub takes from modules."""
    found = [node for node in ast.parse(STUB.read_text()).body if isinstance(node, ast.ImportFrom) and node.module]
    return [(str(node.module), alias.name) for node in found for alias in node.names if node.module != "arrays"]


def public_of(module: str) -> list[str]:
    """The values, types and classes that a module defines, if their names have no underscore."""
    source = Path(str(import_module(f"wsseg.{module}").__file__))
    names = [_defined(node) for node in ast.parse(source.read_text()).body]
    return [name for name in names if name and not name.startswith("_")]


def _defined(node: ast.stmt) -> str:
    if isinstance(node, ast.ClassDef):
        return node.name
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    return node.targets[0].id if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) else ""


def _section(module: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    caption = str(import_module(f"wsseg.{module}").__doc__)
    places = [f"::: {_home(module, name)}" for name in names]
    return f"## {module}\n\n{caption}\n\n" + "\n\n".join(places)


def _home(module: str, name: str) -> str:
    """Where a name is defined: a package takes its own from its modules."""
    found = getattr(import_module(f"wsseg.{module}"), name)
    inner = getattr(found, "__module__", "")
    return f"{inner if str(inner).startswith('wsseg.') else f'wsseg.{module}'}.{name}"


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
