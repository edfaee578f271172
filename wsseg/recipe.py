"""Every number of the method, written once; a named recipe is a value of them all, and so is a recipe file.

A file is flat TOML: any of the numbers by their names, and the `base` that has the others, `default` if it names none.

`simonyan2013` follows Simonyan, Vedaldi, Zisserman 2013 (arXiv 1312.6034), section 3.2, where the paper gives a number.
All others were measured with `benchmarks/`, beginning with GrabCut's (Rother, Kolmogorov, Blake 2004).
"""

import difflib
import json
import reprlib
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache, partial
from inspect import signature
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, TypeVar

Result = TypeVar("Result")

Stage: TypeAlias = Literal["saliency", "seeds", "mixtures", "energy", "mask", "hints"]
"""The part of the method that a number belongs to."""

EMBEDDED: Final = "efficientnet_lite0"
"""The classifier that needs no download."""

MAX_PIXELS: Final = 100_000_000
"""A photo of more pixels than this is refused unless the caller allows more."""

MAX_BYTES: Final = 100_000
"""A recipe file of more bytes than this is none."""

REFERENCE_SIDE: Final = 500
"""Long side, in pixels, of a photo that `smoothness` is for."""

FOLDS: Final = 5
"""Parts that labelled photos are dealt into; one at a time is left out of the tuning."""

TRIALS: Final = 60
"""Recipes that the tuning compares with the one it begins from."""

VISUALIZATION_STEPS: Final = 100
"""Steps from grey to the picture of a class; with the embedded network its probability is near 1 by then."""

METHODS: Final = (
    "gradient",
    "smoothgrad",
    "integrated",
    "guided",
    "cam",
    "grad_cam",
    "grad_cam_plus_plus",
    "layer_cam",
    "score_cam",
    "spread_cam",
    "fused",
)
"""The names of the saliency methods; `wsseg.saliency.METHODS` holds the functions."""


def _number(stage: Stage, default: float, help: str, low: float = 0, high: float = float("inf")) -> Any:
    return field(default=default, metadata={"stage": stage, "help": help, "low": low, "high": high})


def _choice(stage: Stage, default: str, help: str, choices: tuple[str, ...]) -> Any:
    return field(default=default, metadata={"stage": stage, "help": help, "choices": choices})


def _text(stage: Stage, default: str, help: str) -> Any:
    return field(default=default, metadata={"stage": stage, "help": help})


def _switch(stage: Stage, default: bool, help: str) -> Any:
    return field(default=default, metadata={"stage": stage, "help": help})


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All numbers of one way to make a mask; ValueError names a number out of its range."""

    method: str = _choice("saliency", "fused", "saliency method", METHODS)
    blended_classes: int = _number(
        "saliency", 5, "likeliest classes that the map is of, by probability, when no target is given", 1, 1000
    )
    mirror: bool = _switch("saliency", True, "average the map with that of the mirror image")
    crops: bool = _switch("saliency", False, "average the map over five crops, the corners and the center")
    samples: int = _number("saliency", 4, "noisy copies of the photo, for smoothgrad", 1, 256)
    noise: float = _number("saliency", 0.15, "their noise, in standard deviations per input range", 0, 1)
    spread_steps: int = _number("saliency", 2, "steps by which fused spreads the map to what looks alike", 0, 100)
    cam_share: float = _number(
        "saliency", 0.5, "say of Grad-CAM in fused, less where the classifier is less sure of its choice", 0, 1
    )
    cam_share_given: float = _number("saliency", 1.0, "say of Grad-CAM in fused when a target is given", 0, 1)
    steps: int = _number("saliency", 20, "photos on the way from black, for integrated", 1, 1000)
    layers: str = _text("saliency", "", "names of layers, separated by commas, for maps of activations; else found")
    channels: int = _number("saliency", 32, "channels of a layer that score_cam tries as masks", 1)
    objectness: float = _number("saliency", 0.0, "share of a learned head's map; 0 is without any learning", 0, 1)
    blur: float = _number("saliency", 0.025, "sigma that blurs the map, per long side of the photo", 0, 1)
    random_state: int = _number("saliency", 0, "seed of everything random", 0, 2**32 - 1)
    foreground_quantile: float = _number("seeds", 0.85, "pixels of higher saliency rank seed the object", 0, 1)
    background_quantile: float = _number(
        "seeds", 0.50, "pixels of at most this saliency rank seed the background", 0, 1
    )
    hard_seeds: bool = _switch("seeds", False, "the cut must keep the seeds; otherwise they only start the mixtures")
    border: float = _number("seeds", 0.02, "width of the border presumed background, per side of the photo", 0, 0.5)
    components: int = _number("mixtures", 5, "Gaussians in each mixture", 1, 64)
    color_samples: int = _number("mixtures", 2000, "pixels that a mixture is fitted to", 64)
    refits: int = _number("mixtures", 2, "times that both mixtures are fitted anew to the mask", 0, 100)
    refit_side: int = _number(
        "mixtures", 144, "long side, in pixels, of the photo that the mixtures are learned from", 16
    )
    color_limit: float = _number("energy", 12.0, "largest say of a pixel's color, in nats")
    prior: float = _number("energy", 2.0, "weight of the saliency's log-odds beside the colors")
    prior_given: float = _number("energy", 3.0, "the same when a target is given, since the map is surer")
    balance: float = _number("energy", 0.55, "saliency that speaks neither for the object nor against it", 0.03, 0.97)
    smoothness: float = _number(
        "energy",
        40.0,
        f"weight of the contrast between neighbors, GrabCut's gamma, in nats at a long side of {REFERENCE_SIDE} pixels",
    )
    exact_side: int = _number(
        "mask", 360, "long side, in pixels, up to which a photo is cut as a whole, not in a band along the outline", 16
    )
    band: int = _number("mask", 4, "half width of that band, in pixels, at each doubling of the size", 1, 100)
    largest: bool = _switch("mask", True, "keep the largest component of the mask only")
    click_radius: float = _number("hints", 0.02, "radius of the disc that a point stands for, per long side", 0, 1)
    hint_reach: float = _number("hints", 0.15, "sigma of how far a hint tells of its neighbors, per long side", 1e-3, 1)
    hint_near: float = _number("hints", 6.0, "say of a hint in what lies beside it, in nats")
    hint_alike: float = _number("hints", 6.0, "say of a hint in what has the same features, in nats")
    hint_map: float = _number("hints", 1.0, "weight of the saliency's log-odds where there are hints")
    hint_head: float = _number("hints", 1.0, "weight there of those by the head that the classifier has, if it has one")
    box_margin: float = _number("hints", 0.1, "width of what is looked at around a box, per side of it", 0, 10)
    box_filled: float = _number("hints", 0.4, "mean probability of the object that a box holds at least", 0, 0.97)
    smoothness_hinted: float = _number("hints", 15.0, "smoothness where there are hints, since more is sure")

    def __post_init__(self) -> None:
        for item in fields(self):
            _check_number(item.name, getattr(self, item.name), type(item.default), item.metadata)
        if self.background_quantile > self.foreground_quantile:
            raise ValueError(
                f"background_quantile must be at most foreground_quantile, got {self.background_quantile} and "
                f"{self.foreground_quantile}; lower the first"
            )

    def bind(self, stage: Callable[..., Result]) -> Callable[..., Result]:
        """The stage with every number that it asks for, as a required keyword, filled in by name."""
        return partial(stage, **{name: getattr(self, name) for name in _wanted(stage)})

    @property
    def given(self) -> "Recipe":
        """The recipe for a target that is given."""
        return replace(self, prior=self.prior_given)

    @property
    def hinted(self) -> "Recipe":
        """The recipe for a photo with hints."""
        return replace(self, smoothness=self.smoothness_hinted)

    def at(self, side: int) -> "Recipe":
        """The recipe for a photo of that long side, in pixels: the smoothness in proportion.

        Of twice the side, a mask has four times the pixels, but its outline only twice: so both weigh the same beside
        each other at any size.
        """
        return replace(self, smoothness=self.smoothness * side / REFERENCE_SIDE)

    def as_dict(self) -> dict[str, Any]:
        """Every number by its name, fit for JSON."""
        return asdict(self)

    def as_toml(self) -> str:
        """Every number, as a recipe file says it."""
        return "".join(
            f"{item.name} = {json.dumps(getattr(self, item.name), ensure_ascii=False)}  # {item.metadata['help']}\n"
            for item in fields(self)
        )


@cache
def _wanted(stage: Callable[..., Any]) -> tuple[str, ...]:
    """The required keywords of a stage."""
    keywords = [item for item in signature(stage).parameters.values() if item.kind is item.KEYWORD_ONLY]
    return tuple(item.name for item in keywords if item.default is item.empty)


def _check_number(name: str, value: object, kind: type, metadata: Mapping[str, Any]) -> None:
    if not isinstance(value, (int, float) if kind is float else kind) or isinstance(value, bool) is not (kind is bool):
        raise TypeError(f"{name} must be {kind.__name__}, got {reprlib.repr(value)}; {metadata['help']}")
    if value not in (choices := metadata.get("choices", (value,))):
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {reprlib.repr(value)}; choose one of these")
    low, high = metadata.get("low"), metadata.get("high")
    if low is not None and high is not None and not low <= value <= min(high, sys.float_info.max):
        interval = f"[{low:g}, {high:g}]".replace("inf]", "inf)")
        raise ValueError(f"{name} must lie in {interval}, got {value}; {metadata['help']}")


RECIPES: Final[Mapping[str, Recipe]] = MappingProxyType(
    {
        "default": Recipe(),
        "fast": Recipe(method="spread_cam", mirror=False),
        "adapted": Recipe(objectness=0.6, prior=3.0),
        "simonyan2013": Recipe(
            method="gradient",
            blended_classes=1,
            blur=0.0,
            foreground_quantile=0.95,
            background_quantile=0.30,
            hard_seeds=True,
            refits=0,
            prior=0.0,
            prior_given=0.0,
            border=0.0,
        ),
    }
)

_KNOWN: Final = f"one of {', '.join(RECIPES)}"


def recipe_named(name: str | PathLike[str]) -> Recipe:
    """The recipe of that name, or of that .toml file; ValueError lists the names when there is none so called."""
    if str(name).lower().endswith(".toml"):
        return read_recipe(name)
    if name not in RECIPES:
        raise ValueError(f"recipe must be {_KNOWN} or a .toml file, got {str(name)!r}; or pass a wsseg.Recipe")
    return RECIPES[str(name)]


def read_recipe(path: str | PathLike[str]) -> Recipe:
    """The recipe of a file, see above; ValueError names the file, and what in it is unknown or out of range."""
    numbers = _read_toml(Path(path))
    base, known = numbers.pop("base", "default"), [item.name for item in fields(Recipe)]
    if not isinstance(base, str) or base not in RECIPES:
        raise ValueError(f"{path}: base must be {_KNOWN}, got {reprlib.repr(base)}; choose one of these")
    if strange := [name for name in numbers if name not in known]:
        nearest = " or ".join(difflib.get_close_matches(strange[0], known))
        raise ValueError(
            f"{path} must hold a recipe's numbers, got {reprlib.repr(strange[0])}; "
            + (f"the nearest is {nearest}" if nearest else f"they are {', '.join(known)}")
        )
    try:
        return replace(RECIPES[base], **numbers)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _read_toml(path: Path) -> dict[str, Any]:
    if not path.is_file():  # A pipe might never end.
        raise ValueError(f"{path} must be a recipe file, got no file; check its spelling")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path} must be readable, got '{error.strerror}'; check its permissions") from error
    if len(content) > MAX_BYTES:
        raise ValueError(f"{path} must have at most {MAX_BYTES} bytes, got more; name a recipe file")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # Both decoders raise ValueErrors.
        raise ValueError(f"{path} must be TOML in UTF-8, got '{error}'; write `name = number` on each line") from error
