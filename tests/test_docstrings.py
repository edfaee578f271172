"""Public docstrings: their sections name every parameter, and their examples run."""

import doctest
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import wsseg

SECTION = re.compile(r"^([A-Z][A-Za-z ]+)\n-+$", re.MULTILINE)
EXAMPLES = 30
"""Public names that show an example, at least."""


def public_callables() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Public functions, and the public methods of public classes."""
    for name in wsseg.__all__:
        found = getattr(wsseg, name)
        if inspect.isfunction(found):
            yield name, found
        elif inspect.isclass(found):
            yield from (
                (f"{name}.{inner}", function)
                for inner, function in vars(found).items()
                if inspect.isfunction(function) and not inner.startswith("_")
            )


CALLABLES = dict(public_callables())


def sections_of(function: Callable[..., Any]) -> dict[str, str]:
    """The numpydoc sections of a docstring."""
    _, *found = SECTION.split(inspect.getdoc(function) or "")
    return dict(zip(found[::2], found[1::2], strict=True))


@pytest.mark.parametrize("name", CALLABLES)
def test_every_parameter_is_described(name: str) -> None:
    function = CALLABLES[name]
    wanted = [parameter for parameter in inspect.signature(function).parameters if parameter != "self"]
    described = re.findall(r"^\*{0,2}(\w[\w, *]*?) :", sections_of(function).get("Parameters", ""), re.MULTILINE)
    names = [one.strip(" *") for names in described for one in names.split(",")]
    assert names == wanted


@pytest.mark.parametrize("name", CALLABLES)
def test_return_values_are_described(name: str) -> None:
    function = CALLABLES[name]
    signature = inspect.signature(function)
    returns, plain = signature.return_annotation, "." in name and list(signature.parameters) == ["self"]
    if not plain and returns not in (None, "None", inspect.Signature.empty):
        assert {"Returns", "Yields"} & sections_of(function).keys()


@pytest.mark.parametrize("name", [name for name in wsseg.__all__ if inspect.getdoc(getattr(wsseg, name))])
def test_its_examples_run(name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = getattr(wsseg, name)
    if not (inspect.isfunction(found) or inspect.isclass(found)):
        return
    for test in doctest.DocTestFinder(recurse=True).find(found, name, globs={"wsseg": wsseg}):
        result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test)
        assert not result.failed, f"{test.name} fails"


def test_enough_functions_show_an_example() -> None:
    shown = [name for name in wsseg.__all__ if ">>> " in (inspect.getdoc(getattr(wsseg, name)) or "")]
    shown += [
        name for name, function in CALLABLES.items() if "." in name and ">>> " in (inspect.getdoc(function) or "")
    ]
    assert len(shown) >= EXAMPLES
