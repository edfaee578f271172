"""The source of a classifier, checked before its libraries are imported, which takes seconds.

torchvision and timm register their networks by name as they are imported. Here their Python files are searched for the
names in place of that.
"""

import difflib
import re
import reprlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from wsseg.classifier.categories import Target
from wsseg.classifier.imagenet import imagenet_categories
from wsseg.classifier.wheels import WHEELS
from wsseg.recipe import EMBEDDED

_CHECKPOINTS: Final = (".pth", ".pt", ".safetensors")

_NETWORK: Final = re.compile(r"^@register_model\b.*\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)
"""The definition of a network in a file of torchvision or timm."""

_WEIGHTS: Final = re.compile(r"""^ +["'](\w+\.(?!untrained)\w+)["']: _""", re.MULTILINE)
"""The configuration of pretrained weights in a file of timm."""


def check_source(source: str | Path) -> None:
    """Raise the error of `load_classifier` if a name is surely unknown, or a file is missing."""
    name, file = name_and_file(source, None)
    if file is not None and not file.is_file():
        raise missing_checkpoint(file)
    if name in WHEELS or name.startswith("hf:") or {"timm", "torchvision"} & sys.modules.keys():
        return  # A program that has imported the libraries may have registered more names.
    names, words = _registered()
    network, _, _ = name.removeprefix("timm:").removeprefix("torchvision:").partition(".")
    if words and network not in words:
        raise unknown_name(name, names)


def check_targets(source: str | Path, targets: Iterable[int | str | Target]) -> None:
    """Raise the error of `Categories.resolve` if a target fits no class of a source whose classes are known."""
    if str(source) in WHEELS:
        for target in targets:
            imagenet_categories().resolve(target)


def name_and_file(source: object, architecture: str | None) -> tuple[str, Path | None]:
    """Return the architecture's name, and the weights file if there is one."""
    if not isinstance(source, str | Path):
        raise TypeError(
            f"source must be a name, a path or a torch.nn.Module, got {type(source).__name__}; pass one of these"
        )
    if architecture is not None:
        return architecture, _file(str(source))
    if str(source).startswith("hf:"):
        return str(source), None
    name, at, file = str(source).partition("@")
    if at:
        return name, _file(file)
    if isinstance(source, Path) or source.lower().endswith(_CHECKPOINTS):
        raise ValueError(
            f"architecture must say which network {str(source)!r} belongs to, got None; "
            f"write it before the file, as in 'vgg19@{Path(source).name}'"
        )
    return name, None


def _file(file: str) -> Path:
    if not file.lower().endswith(_CHECKPOINTS):
        raise ValueError(
            f"checkpoint must end in {', '.join(_CHECKPOINTS)}, got {file!r}; rename the file if it holds weights"
        )
    return Path(file).expanduser()


def missing_checkpoint(file: Path) -> FileNotFoundError:
    """Return the error of a checkpoint that is no file."""
    return FileNotFoundError(
        f"checkpoint must be a file of weights, got '{file}', which is no file; check its spelling"
    )


def unknown_name(name: str, known: Iterable[str]) -> ValueError:
    """Return the error of a name that is none of the known ones."""
    nearest = difflib.get_close_matches(name.removeprefix("torchvision:"), [*WHEELS, *known])
    return ValueError(
        f"source must name an image classifier of torchvision, or of timm as in timm:resnet50, "
        f"got {reprlib.repr(name)}; the nearest is {' or '.join(nearest) or EMBEDDED}"
    )


@cache
def _registered() -> tuple[list[str], frozenset[str]]:
    """Return the names of torchvision and timm as `load_classifier` wants them, and all words in their code.

    A few names are made as the library is imported, so only the words tell that a network does not exist.
    """
    vision, other = "\n".join(_code_of("torchvision")), "\n".join(_code_of("timm"))
    names = sorted(_NETWORK.findall(vision))
    names += [f"timm:{name}" for pattern in (_NETWORK, _WEIGHTS) for name in sorted(set(pattern.findall(other)))]
    return names, frozenset(re.findall(r"\w+", vision + other))


def _code_of(library: str) -> Iterator[str]:
    """Yield the Python files in which a library defines its networks; none if they are not there."""
    spec = find_spec(library)
    for folder in spec.submodule_search_locations or () if spec else ():
        for file in sorted(Path(folder, "models").glob("*.py")):
            yield file.read_text("utf-8")
