"""Weights files: downloads and checkpoints. Nothing here runs code from a weights file."""

import hashlib
import pickle
import sys
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from textwrap import shorten
from typing import TYPE_CHECKING, Final, TypeAlias

import safetensors.torch
import torch
from torch import nn

from wsseg.classifier.sources import missing_checkpoint

if TYPE_CHECKING:
    from timm.models import PretrainedCfg

StateDict: TypeAlias = dict[str, object]
"""The tensors of a network by their names, as a file has them; a foreign file may hold other things too."""


# Keys under which trainers save the weights beside other things.
_WRAPPERS: Final = ("state_dict", "model")

# What trainers put in front of every tensor's name.
_PREFIXES: Final = ("module.", "model.", "_orig_mod.")


def read_weights(path: Path, sha256: str = "") -> tuple[StateDict, str]:
    """Read the tensors of a weights file by their names, and its SHA-256, which must start with `sha256`."""
    if not path.is_file():  # A pipe might never end.
        raise missing_checkpoint(path)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if not digest.startswith(sha256):
            raise ValueError(f"'{path}' must have SHA-256 {sha256}, got {digest}; delete it and get it again")
        stream.seek(0)
        try:
            if path.suffix.lower() == ".safetensors":
                content = safetensors.torch.load(stream.read())
            else:
                content = torch.load(stream, map_location="cpu", weights_only=True)
        except Exception as error:  # whatever a broken or hostile file provokes in the readers
            # torch's own message for an object that is no tensor explains how to load it unsafely.
            reason = "more than weights in it" if isinstance(error, pickle.UnpicklingError) else first_line(error)
            raise ValueError(
                f"checkpoint must be a readable file of weights, got '{path}' ({reason}); "
                "save it again with torch.save(model.state_dict(), path)"
            ) from error
    return _unwrapped(content, path), digest


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, at most 160 characters, or else the error's type."""
    return shorten((str(error).splitlines() or [type(error).__name__])[0], 160, placeholder=" ...")


def _unwrapped(content: object, path: Path) -> StateDict:
    """The state dict without the wrappers and prefixes that trainers put around it."""
    for key in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content or not all(isinstance(key, str) for key in content):
        raise ValueError(
            f"checkpoint must hold tensors by their names, got '{path}' with a {type(content).__name__}; "
            "save model.state_dict()"
        )
    for prefix in _PREFIXES:
        if all(key.startswith(prefix) for key in content):
            nn.modules.utils.consume_prefix_in_state_dict_if_present(content, prefix)
    return content


def download_path(url: str) -> Path:
    """Return the file in which torch keeps what it downloads from this address."""
    return Path(torch.hub.get_dir()) / "checkpoints" / PurePosixPath(url).name


def downloaded(name: str, url: str) -> Path:
    """Return the weights file in torch's cache, downloaded if it is missing."""
    path = download_path(url)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), sha256_start(path), progress=sys.stderr.isatty())
        except (OSError, RuntimeError, HTTPException) as error:
            raise ConnectionError(
                f"source must be downloaded on first use, got no weights for {name} ({first_line(error)}); "
                f"connect to the network, or get {url} elsewhere and save it as '{path}'"
            ) from error
    return path


def sha256_start(path: Path) -> str:
    """Return the start of the SHA-256 that torchvision writes into its file names, empty if there is none."""
    found = torch.hub.HASH_REGEX.search(path.name)
    return found.group(1) if found else ""


def hub_file(config: "PretrainedCfg") -> tuple[str, str]:
    """Return the repository and file of timm's weights on the Hugging Face hub; no repository if they are not there."""
    return config.hf_hub_id or "", config.hf_hub_filename or "model.safetensors"


def downloaded_from_hub(name: str, config: "PretrainedCfg") -> Path:
    """Return the weights file in the cache of the Hugging Face hub, downloaded if it is missing."""
    repository, file = hub_file(config)
    if not repository and not config.url:
        raise ValueError(
            f"source must have pretrained weights, got {name}, which has none; give your own as {name}@FILE"
        )
    if not repository:
        return downloaded(name, str(config.url))
    import huggingface_hub

    cached = huggingface_hub.try_to_load_from_cache(repository, file)
    if isinstance(cached, str):
        return Path(cached)
    url = huggingface_hub.hf_hub_url(repository, file)
    try:
        # Unlike the download, this fails at once if there is no network.
        huggingface_hub.get_hf_file_metadata(url)
        return Path(huggingface_hub.hf_hub_download(repository, file))
    except Exception as error:  # the hub's HTTP library, and so its errors, changes between releases
        raise ConnectionError(
            f"source must be downloaded on first use, got no weights for {name} ({first_line(error)}); "
            f"connect to the network, or get {url} elsewhere and pass {name}@{file}"
        ) from error
