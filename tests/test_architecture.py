"""The rules of the house: imports go one way, each library has its door, and slow imports are lazy."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import wsseg
import wsseg.files

ROOT = Path(wsseg.__file__).parent

LONGEST_FILE, MOST_IMPORTS, MOST_PARAMETERS = 400, 15, 9
"""Lines, modules of wsseg, and parameters of a function, at most."""

COMMANDS = {
    "calibrate",
    "evaluate",
    "compare",
    "tune",
    "write_report",
    "segment_folder",
    "saliency_folder",
    "export_run",
    "serve_review",
}
"""Public calls whose parameters are the options of a command: they may have more."""

COMMON = {"numpy", "cv2", "skimage"}

ROOMS: dict[str, tuple[int, set[str]]] = {
    "__init__": (0, {"lazy_loader"}),
    "arrays": (0, set()),
    "recipe": (0, set()),
    "engines": (1, {"ray", "threadpoolctl"}),
    "classifier": (2, {"huggingface_hub", "msgspec", "safetensors", "timm", "torch", "torchvision", "transformers"}),
    "files": (1, {"PIL", "lazy_loader", "nibabel", "pillow_heif", "pycocotools", "tifffile", "upath"}),
    "graphcut": (2, {"maxflow"}),
    "metrics": (2, set()),
    "saliency": (3, {"msgspec", "safetensors", "torch"}),
    "pictures": (3, {"PIL"}),
    "volumes": (3, {"scipy"}),
    "segmenting": (4, set()),
    "runs": (5, {"filelock", "msgspec", "rich"}),
    "evaluation": (6, {"jinja2"}),
    "export": (6, {"yaml"}),
    "learning": (7, {"msgspec", "torch"}),
    "report": (7, {"jinja2"}),
    "review": (7, {"msgspec", "starlette", "uvicorn"}),
    "doctor": (7, {"packaging"}),
    "cli": (8, {"cyclopts", "rich"}),
    "__main__": (9, set()),
}
"""The floor of each room, and the libraries whose door it is: a room imports from lower floors only."""

HELP = "from wsseg.cli.app import program; program()(['segment', '--help'])"

FILES = {path: path.relative_to(ROOT).with_suffix("").parts[0] for path in sorted(ROOT.rglob("*.py"))}
every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a file, parsed once."""
    return ast.parse(path.read_text())


def imports_of(path: Path) -> Iterator[str]:
    """Yield the full names of all imports anywhere in a file: `wsseg.arrays.Image`."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(path: Path) -> str:
    """Return the full name of a file's module: `wsseg.files.store`."""
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


def imports_at_top(path: Path) -> Iterator[str]:
    """Yield the full names that a file imports when it is imported itself."""
    for node in tree_of(path).body:
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def raised_in(path: Path) -> Iterator[str]:
    """Yield the messages of the errors that a file raises, without the values in them."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Raise):
            parts = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
            yield "".join(part for part in parts if isinstance(part, str))


def modules_after(statement: str) -> set[str]:
    """Return the packages that a fresh interpreter holds after the statement."""
    script = f"{statement}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.splitlines()[-1].split())


def public_names(room: str = "") -> dict[str, str]:
    """Each public name by the module that the room's `__init__.pyi` takes it from."""
    stub = ast.parse((ROOT / room / "__init__.pyi").read_text())
    nodes = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: node.module or alias.name for node in nodes for alias in node.names}


def test_every_file_is_in_a_room_and_every_room_exists() -> None:
    assert set(FILES.values()) == set(ROOMS)


@every_file
def test_a_room_imports_from_lower_floors_only(path: Path) -> None:
    own = FILES[path]
    for name in imports_of(path):
        package, *inner = name.split(".")
        room = inner[0] if inner and inner[0] in ROOMS else "__init__"
        if package == "wsseg" and room != own:
            assert ROOMS[room][0] < ROOMS[own][0], f"{own} imports {name}"


@every_file
def test_each_library_has_its_door(path: Path) -> None:
    for name in imports_of(path):
        library = name.partition(".")[0]
        if library != "wsseg" and library not in sys.stdlib_module_names:
            assert library in COMMON | ROOMS[FILES[path]][1], f"{FILES[path]} imports {library}"


@every_file
def test_the_library_does_not_print(path: Path) -> None:
    calls = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)]
    printed = [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"]
    assert FILES[path] == "cli" or not printed


@every_file
def test_the_command_line_prints_through_one_function(path: Path) -> None:
    """Names may be any text, so all lines and table rows are escaped in `cli/output.py`."""
    calls = [ast.unparse(node.func) for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)]
    printed = [call for call in calls if call.endswith((".print", ".add_row", ".write"))]
    if FILES[path] == "cli":
        assert sorted(printed) == (["console.print", "stream.write", "to.add_row"] if path.name == "output.py" else [])


@every_file
def test_the_command_line_imports_no_private_name(path: Path) -> None:
    private = [name for name in imports_of(path) if name.startswith("wsseg") and "._" in name]
    assert FILES[path] != "cli" or private == []


@every_file
def test_every_error_gives_a_remedy(path: Path) -> None:
    """Messages with "its" are completed by a caller, who adds the owner and the remedy."""
    sentences = [text for text in raised_in(path) if " must " in text and not text.startswith(("it ", "its "))]
    assert [text for text in sentences if "; " not in text] == []


@pytest.mark.parametrize("statement", ["import wsseg", "import wsseg.files", "import wsseg.cli.app", HELP])
def test_slow_libraries_are_imported_lazily(statement: str) -> None:
    slow = {"torch", "torchvision", "timm", "numpy", "cv2", "skimage", "PIL", "maxflow", "safetensors", "scipy"}
    loaded = modules_after(statement)
    assert "wsseg" in loaded
    assert not loaded & slow


def test_the_stages_load_no_network() -> None:
    assert not modules_after("import wsseg.graphcut.masks, wsseg.metrics, wsseg.files.photos, wsseg.report.page") & {
        "torch",
        "torchvision",
        "timm",
    }


def test_the_stub_is_the_list_of_public_names() -> None:
    assert sorted(wsseg.__all__) == sorted(public_names())
    assert set(wsseg.__all__) <= set(dir(wsseg))


@pytest.mark.parametrize(("name", "module"), public_names().items())
def test_every_public_name_is_what_its_module_defines(name: str, module: str) -> None:
    defined = import_module(f"wsseg.{module}")
    assert getattr(wsseg, name) is (defined if name == module else getattr(defined, name))


def test_the_stub_of_files_is_the_list_of_its_names() -> None:
    assert sorted(wsseg.files.__all__) == sorted(public_names("files"))


@pytest.mark.parametrize(("name", "module"), public_names("files").items())
def test_every_name_of_files_is_what_its_module_defines(name: str, module: str) -> None:
    assert getattr(wsseg.files, name) is getattr(import_module(f"wsseg.files.{module}"), name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="heatmaps"):
        _ = wsseg.heatmaps


@every_file
def test_a_file_fits_its_room(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_FILE
    assert not re.search(r"^# ?-{5}", text, re.MULTILINE), "split the file instead of using a banner comment"
    modules = {name.rpartition(".")[0] for name in imports_of(path) if name.startswith("wsseg.")}
    assert len(modules) <= MOST_IMPORTS, f"imports {len(modules)} modules of wsseg"


@every_file
def test_functions_take_few_parameters(path: Path) -> None:
    functions = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef)]
    many = {one.name for one in functions if len(one.args.args) + len(one.args.kwonlyargs) > MOST_PARAMETERS}
    assert many <= COMMANDS


@every_file
def test_docstrings_name_what_they_describe(path: Path) -> None:
    nodes = ast.walk(tree_of(path))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    texts = [ast.get_docstring(node) or "" for node in nodes if isinstance(node, documented)]
    assert [text for text in texts if re.match(r"(Of|What|That|Those|The same) ", text)] == []


def test_no_circle_between_files() -> None:
    graph = {module_of(path): {name.rpartition(".")[0] for name in imports_at_top(path)} for path in FILES}
    TopologicalSorter({name: found & graph.keys() for name, found in graph.items()}).prepare()


def test_names_of_test_files_are_unique() -> None:
    """Pytest imports them by their names alone."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert [name for name, count in Counter(names).items() if count > 1] == []
