"""Hugging Face's image classifiers: their weights, names and preprocessing, from the hub or from a folder."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import huggingface_hub
import numpy as np
import torch
from huggingface_hub.utils._validators import validate_repo_id
from numpy.typing import NDArray
from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset
from torch import nn

from wsseg.classifier.categories import Categories
from wsseg.classifier.classifier import Classifier, Interpolation, Preprocessing
from wsseg.classifier.outputs import Activation
from wsseg.classifier.weights import first_line

PREFIX: Final = "hf:"

_FILES: Final = ("config.json", "preprocessor_config.json", "model.safetensors.index.json", "model*.safetensors")
"""Files that make a classifier; older repositories have `pytorch_model.bin` for weights."""

_INTERPOLATIONS: Final[Mapping[int, Interpolation]] = MappingProxyType(
    {0: "nearest", 1: "bicubic", 2: "bilinear", 3: "bicubic"}
)
"""Preprocessing's names of Pillow's filters; for Lanczos' transformers uses the bicubic one too."""

_SIDES: Final = (480, 640)
"""Sides of the square photos that the preprocessing is tried on."""


class ReversedColors(nn.Module):
    """A layer that turns RGB into BGR, which a few networks were trained on."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Return the (n, 3, h, w) batch with its colors in reverse order."""
        return batch.flip(1)


def classifier_of_hub(name: str) -> Classifier:
    """Return the classifier of `hf:NAME` or `hf:FOLDER`; no code of the repository is run."""
    if find_spec("transformers") is None:
        raise ValueError(f"source must be installed, got {name}; pip install 'wsseg[hf]'")
    folder = _folder_of(name)
    processor, network = _loaded(name, folder)
    config = network.config
    preprocessing, reversed_colors = _preprocessing_of(name, processor, getattr(config, "image_size", None))
    activation: Activation = "sigmoid" if config.problem_type == "multi_label_classification" else "softmax"
    return Classifier(
        name,
        nn.Sequential(ReversedColors(), network) if reversed_colors else network,
        _categories_of(config.id2label),
        preprocessing,
        _digest_of(folder),
        torch.device("cpu"),
        activation=activation,
    )


def _loaded(name: str, folder: Path) -> tuple[Any, Any]:
    """The image processor and the network in a folder; ValueError if the network lacks weights."""
    import transformers  # Here, because it is an extra and slow to import.

    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    with _quiet(transformers):
        try:
            load: Any = transformers.AutoImageProcessor.from_pretrained
            processor = load(folder, **options)
            network, report = transformers.AutoModelForImageClassification.from_pretrained(
                folder, dtype=torch.float32, output_loading_info=True, **options
            )
        except Exception as error:  # transformers raises many kinds
            raise ValueError(
                f"source must hold an image classifier and its image processor, got {name} ('{first_line(error)}'); "
                "save both there with save_pretrained, or load the network yourself and pass it with preprocessing="
            ) from error
    if lacking := sorted(report["missing_keys"]):
        raise ValueError(
            f"source must hold all weights of a classifier, got {name} without {lacking[0]}; choose one that was "
            "trained to classify images"
        )
    return processor, network


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Keep transformers' progress bars and messages off standard error inside the block; then restore its settings."""
    logging = transformers.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    try:
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _folder_of(name: str) -> Path:
    """The folder with the classifier's files; they are downloaded to the hub's cache if they are missing there."""
    repository = name.removeprefix(PREFIX)
    folder = Path(repository).expanduser()
    if repository and folder.is_dir():
        return folder
    try:
        validate_repo_id(repository)
    except ValueError as error:
        raise FileNotFoundError(
            f"source must name a repository of the Hugging Face hub or a folder, got {name}, which is neither; "
            "check its spelling"
        ) from error
    try:
        cached = Path(huggingface_hub.snapshot_download(repository, local_files_only=True))
    except OSError:
        return _downloaded(name, repository)
    return cached if (cached / "config.json").exists() and _weights_in(cached) else _downloaded(name, repository)


def _downloaded(name: str, repository: str) -> Path:
    try:
        # Unlike the download, this fails at once if there is no network.
        huggingface_hub.get_hf_file_metadata(huggingface_hub.hf_hub_url(repository, "config.json"))
        folder = Path(huggingface_hub.snapshot_download(repository, allow_patterns=list(_FILES)))
        if not _weights_in(folder):
            huggingface_hub.snapshot_download(repository, allow_patterns=["pytorch_model*"])
    except Exception as error:  # the hub's HTTP library, and so its errors, changes between releases
        raise ConnectionError(
            f"source must be downloaded on first use, got no files for {name} ({first_line(error)}); connect to the "
            f"network, or get https://huggingface.co/{repository} elsewhere and pass hf:FOLDER"
        ) from error
    return folder


def _weights_in(folder: Path) -> list[Path]:
    """The weights files in a folder; those without pickles are preferred, as by transformers."""
    safe = sorted(folder.glob("model*.safetensors"))
    return safe or sorted(folder.glob("pytorch_model*.bin"))


def _digest_of(folder: Path) -> str:
    """The SHA-256 of the weights file, or of the digests of several."""
    digests = []
    for path in _weights_in(folder):
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _preprocessing_of(name: str, processor: Any, side: int | None) -> tuple[Preprocessing, bool]:
    """The preprocessing without its crop, and whether it reverses the colors; ValueError if it is of another kind.

    It is measured on photos of one color, because its settings mean other things in each kind of processor. One that
    does not resize is for the network's `side`.
    """
    try:
        black, grey, white, red = (_color(processor, color) for color in ((0,) * 3, (51,) * 3, (255,) * 3, (255, 0, 0)))
        sizes = {tuple(_processed(processor, (0, 0, 0), tried).shape[1:]) for tried in _SIDES}
        height, width = sizes.pop() if len(sizes) == 1 else (side or 0,) * 2
        reversed_colors = bool(red[0] < red[2])
        mean, std = 0 - black / (white - black), 1 / (white - black)
        if not np.allclose(grey, black + 0.2 * (white - black), atol=1e-3):
            raise ValueError("values that do not grow in proportion")
        colors = slice(None, None, -1 if reversed_colors else 1)
        return (
            Preprocessing(
                (height, width),
                tuple(mean[colors].round(7).tolist()),
                tuple(std[colors].round(7).tolist()),
                _INTERPOLATIONS[int(getattr(processor, "resample", None) or 0)],
            ),
            reversed_colors,
        )
    except Exception as error:  # processors raise many kinds for photos that they do not expect
        raise ValueError(
            f"preprocessing must be a resize and (value - mean) / std, got that of {name} ('{first_line(error)}'); "
            "load the network with transformers and pass it to load_classifier with preprocessing="
        ) from error


def _color(processor: Any, color: tuple[int, ...]) -> NDArray[np.float64]:
    """The three values that a color becomes, at the middle of the input."""
    pixels = _processed(processor, color, _SIDES[0])
    return np.asarray(pixels[:, pixels.shape[1] // 2, pixels.shape[2] // 2], np.float64)


def _processed(processor: Any, color: tuple[int, ...], side: int) -> NDArray[np.float32]:
    """The network's input, (3, h, w), that a processor makes of a square photo of one color."""
    pixels = processor(images=np.full((side, side, 3), color, np.uint8), return_tensors="np")["pixel_values"][0]
    if pixels.ndim != 3 or len(pixels) != 3:
        raise ValueError(f"inputs of shape {pixels.shape}")
    return np.asarray(pixels, np.float32)


def _categories_of(names: Mapping[int, str]) -> Categories:
    """The names, their synonyms, which commas separate, and ImageNet's ids if they are its names in its order."""
    labels = tuple(names[index] for index in range(len(names)))
    synonyms = tuple(tuple(label.split(", ")) for label in labels)
    subset = infer_imagenet_subset({"num_classes": len(labels)})
    info: Any = ImageNetInfo(subset) if subset else None
    if info is None or _first_names(info.label_descriptions()) != _first_names(labels):
        return Categories(labels, None, synonyms)
    return Categories(labels, tuple(info.label_names()), synonyms)


def _first_names(labels: Iterable[str]) -> list[str]:
    return [label.partition(",")[0].casefold() for label in labels]
