"""A learned network with its file: safetensors in half precision, and how it was learned."""

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import msgspec
import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray

from wsseg import __version__
from wsseg.arrays import Image, Saliency, check_image
from wsseg.classifier.classifier import Classifier, Interpolation, Preprocessing, pixels_of, squeezed
from wsseg.classifier.lite import EfficientNetLite, folded
from wsseg.classifier.load import bare_model
from wsseg.classifier.modes import reproducible
from wsseg.files.store import check_new_file, replacing
from wsseg.recipe import Recipe
from wsseg.saliency.features import takes_any_size
from wsseg.saliency.objectness.network import LEVELS, ObjectnessNetwork, Tap, in_channels_last, network_on
from wsseg.saliency.views import input_size, mean_map, views_of

SIDE: Final = 320
"""Side of a square with as many pixels as the network's input."""

SHIPPED: Final = "efficientnet_lite2.safetensors"
"""File of the network that wsseg ships; `scripts/learn_objectness` learns it."""

LARGEST: Final = 2_000_000_000
"""Maximum size of a network's file, in bytes."""

UNUSED: Final = 30
"""Parameters of the classifier per number in the file, at most: the file lacks the layers after the last level, which
are 24 in 25 of AlexNet's parameters. So a small file never takes much memory."""

LONGEST: Final = 1024
"""Side of an input, in pixels, at most."""

_KEY: Final = "wsseg"
"""Key of the description in the file's metadata."""

OBLONG: Final = (128, 192)
"""A size of input that a network must take if it takes any."""

_MISFITS: Final = (AttributeError, KeyError, OverflowError, RuntimeError, TypeError, ValueError)
"""The ways in which a description does not fit its network or its weights."""

_Side: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=LONGEST)]


class Provenance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a network was learned."""

    classifier: str
    """Name of the classifier whose layers the network has, and whose maps gave the first labels."""
    sha256: str | None
    """SHA-256 of the classifier's weights file; None for a module of your own."""
    photos: int
    """Number of photos that the network was learned from."""
    photos_sha256: str
    """SHA-256 of the sorted SHA-256 sums of the photos' files."""
    rounds: int
    """Rounds of labeling and learning."""
    recipe: str
    """Numbers of the recipe that cut the labels, as JSON."""
    wsseg: str
    """Version of wsseg."""
    start_sha256: str | None = None
    """SHA-256 of the file of the network that the learning started from; None if it started from the classifier."""


class _Description(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The metadata of a network's file."""

    provenance: Provenance
    taps: Annotated[list[Tap], msgspec.Meta(min_length=1, max_length=LEVELS)]
    any_size: bool
    size: tuple[_Side, _Side]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Interpolation = "bicubic"


class _Header(msgspec.Struct):
    """The header of a safetensors file, of which only the metadata matters here."""

    metadata: dict[str, str] = msgspec.field(name="__metadata__")


@dataclass(frozen=True, eq=False, repr=False)
class Objectness:
    """A network that finds objects of any class; `adapt` learns one, `read_objectness` and `load_objectness` read one.

    Parameters
    ----------
    network : ObjectnessNetwork
        The network.
    provenance : Provenance
        How it was learned.
    any_size : bool
        Whether the network takes inputs of any size, or its classifier's own size only.
    """

    network: ObjectnessNetwork
    """The network."""
    provenance: Provenance
    """How it was learned."""
    any_size: bool
    """Whether the network takes inputs of any size, or its classifier's own size only."""

    def __repr__(self) -> str:
        made = self.provenance
        return f"Objectness({made.classifier}, learned from {made.photos} photos)"

    def map(self, image: Image, *, mirror: bool) -> Saliency:
        """Compute the probability of an object at each cell of a grid over the photo.

        Parameters
        ----------
        image : ndarray of uint8, shape (H, W, 3)
            Photo in sRGB.
        mirror : bool
            Whether to average the map with that of the mirror image.

        Returns
        -------
        ndarray of float32, shape (h, w)
            Probability in [0, 1]; a cell is a quarter of the input's pixels wide if the network's finest layers allow.

        Examples
        --------
        >>> from importlib import resources
        >>> image = wsseg.read_image((resources.files("skimage") / "data/chelsea.png").read_bytes())
        >>> wsseg.load_objectness().map(image, mirror=False).shape
        (64, 96)
        """
        views = self._views(image, mirror=mirror)
        with reproducible(), torch.inference_mode():
            return mean_map(self._running(views).sigmoid(), mirror=mirror).numpy()

    def features(self, image: Image, *, mirror: bool) -> NDArray[np.float32]:
        """Compute the features that the map is a function of.

        Parameters
        ----------
        image : ndarray of uint8, shape (H, W, 3)
            Photo in sRGB.
        mirror : bool
            Whether to average the features with those of the mirror image.

        Returns
        -------
        ndarray of float32, shape (c, h, w)
            Features on the grid of the map.
        """
        views = self._views(image, mirror=mirror)
        with reproducible(), torch.inference_mode():
            return mean_map(self._running.features(views), mirror=mirror).numpy()

    def _views(self, image: Image, *, mirror: bool) -> torch.Tensor:
        """The photo at the network's size, and its mirror image, (n, 3, h, w)."""
        size = input_size(check_image(image).shape, SIDE) if self.any_size else self.network.preprocessing.size
        with reproducible(), torch.inference_mode():
            photo = squeezed(pixels_of(image), size, self.network.preprocessing.interpolation).float() / 255
            return views_of(photo.to(self.device), mirror=mirror).contiguous(memory_format=torch.channels_last)

    @cached_property
    def _running(self) -> ObjectnessNetwork:
        """The network that runs: `network`, or a faster copy that computes the same, see `lite.folded`."""
        return folded(self.network) if isinstance(self.network.layers, EfficientNetLite) else self.network

    @property
    def device(self) -> torch.device:
        """Device that the network is on."""
        return self.network.get_buffer("mean").device

    def to(self, device: torch.device) -> "Objectness":
        """Return the same on another device.

        Parameters
        ----------
        device : torch.device
            The device.

        Returns
        -------
        Objectness
            The same object if the network is on that device already.
        """
        return self if device == self.device else replace(self, network=copy.deepcopy(self.network).to(device))

    def copied(self) -> "Objectness":
        """Return a copy whose network may be changed, until it makes its first map."""
        return replace(self, network=copy.deepcopy(self.network))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the network's file."""
        return hashlib.sha256(self.as_bytes()).hexdigest()

    def as_bytes(self) -> bytes:
        """Return the content of the file that `read_objectness` reads: weights in half precision."""
        most = torch.finfo(torch.float16).max
        tensors = {
            name: tensor.cpu().clamp(-most, most).half().contiguous()
            for name, tensor in self.network.used_tensors().items()
        }
        kept = self.network.preprocessing
        description = _Description(
            provenance=self.provenance,
            taps=list(self.network.taps),
            any_size=self.any_size,
            size=kept.size,
            mean=kept.mean,
            std=kept.std,
            interpolation=kept.interpolation,
        )
        return safetensors.torch.save(tensors, {_KEY: msgspec.json.encode(description).decode()})

    def save(self, path: str | PathLike[str], *, force: bool = False) -> None:
        """Write the file that `read_objectness` reads, completely or not at all.

        Parameters
        ----------
        path : str or path-like
            File to write. Missing folders are created.
        force : bool, optional
            Whether an existing file may be replaced.

        Raises
        ------
        FileExistsError
            If the path is a folder, or is a file and `force` is not set.
        OSError
            If the file cannot be written.
        """
        check_new_file(Path(path), force=force)
        with replacing(Path(path)) as file:
            file.write(self.as_bytes())


def new_objectness(classifier: Classifier) -> Objectness:
    """Return a network on a classifier's layers that has learned nothing yet; RecipeError as in `network_on`."""
    any_size = takes_any_size(classifier)
    with reproducible(), torch.inference_mode(False), torch.device("cpu"), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = network_on(classifier)
    made = Provenance(
        classifier=classifier.name,
        sha256=classifier.digest,
        photos=0,
        photos_sha256="",
        rounds=0,
        recipe="{}",
        wsseg=__version__,
    )
    return Objectness(network, made, any_size)


@cache
def load_objectness() -> Objectness:
    """Return the network that wsseg ships, learned from photos without masks.

    Returns
    -------
    Objectness
        The network, read once.

    Examples
    --------
    >>> wsseg.load_objectness().provenance.classifier
    'efficientnet_lite2'
    """
    with resources.as_file(resources.files(__package__) / SHIPPED) as path:
        return read_objectness(path)


def objectness_for(
    recipe: Recipe, classifier: Classifier, source: Objectness | str | PathLike[str] | None = None
) -> Objectness | None:
    """Return the network, by default the shipped one, on the classifier's device; None if the recipe needs none.

    Raises
    ------
    ValueError
        If a network is given and the recipe needs none, or as `read_objectness`.
    """
    if source is None and not max(recipe.objectness, recipe.objectness_given):
        return None
    if source is not None and not isinstance(source, Objectness | str | PathLike):
        raise TypeError(
            f"objectness must be a wsseg.Objectness or its file, got {source!r}; learn one with wsseg.adapt"
        )
    if source is not None and not max(recipe.objectness, recipe.objectness_given):
        raise ValueError("recipe must give objectness a share, got 0; set it (--objectness), or use default")
    found = load_objectness() if source is None else source
    return (found if isinstance(found, Objectness) else read_objectness(found, classifier)).to(classifier.device)


def read_objectness(path: str | PathLike[str], classifier: Classifier | None = None) -> Objectness:
    """Read a network from the file that `wsseg adapt` or `Objectness.save` wrote.

    Parameters
    ----------
    path : str or path-like
        The file.
    classifier : Classifier, optional
        The classifier that the network was learned with, needed only if it is a module of your own or one of Hugging
        Face's: the file holds weights, but not how they are used.

    Returns
    -------
    Objectness
        The network, on the CPU.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file holds no such network, or weights that are not finite, or if the classifier is needed.

    Examples
    --------
    >>> wsseg.load_objectness().save("objects.safetensors")
    >>> wsseg.read_objectness("objects.safetensors").provenance.classifier
    'efficientnet_lite2'
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"objectness must be a file that wsseg adapt made, got '{path}', which is no file; "
            "check its spelling or make one with wsseg adapt"
        )
    try:
        return _objectness_in(Path(path), classifier)
    except (safetensors.SafetensorError, msgspec.MsgspecError, *_MISFITS) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"objectness must be a file that wsseg adapt made, got '{path}' ({reason}); make it again with wsseg adapt"
        ) from error


def _objectness_in(path: Path, classifier: Classifier | None) -> Objectness:
    with path.open("rb") as file:
        content = file.read(LARGEST)
    with reproducible(), torch.inference_mode(False), torch.device("cpu"), torch.random.fork_rng(devices=[]):
        return _objectness_of(_description_in(content), safetensors.torch.load(content), classifier)


def _objectness_of(
    description: _Description, content: Mapping[str, torch.Tensor], classifier: Classifier | None
) -> Objectness:
    if not all(tensor.is_floating_point() for tensor in content.values()):
        raise ValueError("its weights are not real numbers")
    tensors = {name: tensor.float() for name, tensor in content.items()}
    made = description.provenance
    layers = bare_model(made.classifier, most=UNUSED * sum(tensor.numel() for tensor in tensors.values()))
    if layers is None:
        if classifier is None or (classifier.name, classifier.digest) != (made.classifier, made.sha256):
            raise ValueError(f"it needs the classifier {made.classifier}; use it together with that classifier")
        layers = copy.deepcopy(classifier.model).float().cpu()
    kept = Preprocessing(description.size, description.mean, description.std, description.interpolation)
    network = ObjectnessNetwork(layers, description.taps, kept)
    network.requires_grad_(False).eval()
    if tensors.keys() != network.used_tensors().keys():
        raise ValueError(f"it does not have the weights of {made.classifier}")
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise ValueError("its weights are not finite")
    network.load_state_dict(tensors, strict=False)
    for size in (kept.size, OBLONG) if description.any_size else (kept.size,):
        _check_map_of(network, size)
    return Objectness(in_channels_last(network), made, description.any_size)


def _check_map_of(network: ObjectnessNetwork, size: tuple[int, int]) -> None:
    """Raise a ValueError unless the network makes a finite map of a black photo."""
    with torch.inference_mode():
        found = network(torch.zeros(1, 3, *size))
    if found.ndim != 3 or not found.isfinite().all():
        raise ValueError("its network gives no map")


def _description_in(content: bytes) -> _Description:
    """The description in the header of a safetensors file: its length in 8 bytes, then JSON."""
    header = content[8 : 8 + int.from_bytes(content[:8], "little")]
    return msgspec.json.decode(msgspec.json.decode(header, type=_Header).metadata[_KEY], type=_Description)
