"""All numbers of the method, each written once, and recipes: named sets of them.

A recipe file is flat TOML. It holds any of the numbers by name, and `base`, the named recipe that has the others
(default: `default`).

`simonyan2013` follows Simonyan, Vedaldi, Zisserman 2013 (arXiv 1312.6034), section 3.2, where the paper gives a number.
All other numbers were measured with `benchmarks/`, starting from those of GrabCut (Rother, Kolmogorov, Blake 2004).
"""

import difflib
import json
import reprlib
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

Stage: TypeAlias = Literal["saliency", "seeds", "mixtures", "energy", "mask", "hints"]
"""The part of the method that a number belongs to."""

EMBEDDED: Final = "efficientnet_lite0"
"""The classifier that needs no download."""

MAX_PIXELS: Final = 100_000_000
"""Photos with more pixels than this are refused unless the caller allows more."""

VOLUME_MEMORY: Final = 4.0
"""GB that the cut of a volume may take; larger ones are cut in bands."""

MAX_BYTES: Final = 100_000
"""Largest size of a recipe file."""

REFERENCE_SIDE: Final = 500
"""Long side of a photo for which `smoothness` holds, in pixels."""

FOLDS: Final = 5
"""Parts that photos are split into for tuning; each is left out once."""

ROUNDS: Final = 4
"""Rounds of labeling photos and learning from the labels."""

TRIALS: Final = 60
"""Recipes that tuning compares with the one it starts from."""

VISUALIZATION_STEPS: Final = 100
"""Steps from gray to the picture of a class; with the bundled network its probability is then near 1."""

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


def _text(stage: Stage, default: str, help: str, choices: tuple[str, ...] = ()) -> Any:
    metadata = {"stage": stage, "help": help} | ({"choices": choices} if choices else {})
    return field(default=default, metadata=metadata)


def _switch(stage: Stage, default: bool, help: str) -> Any:
    return field(default=default, metadata={"stage": stage, "help": help})


class RecipeError(ValueError):
    """A recipe does not suit the classifier, whatever the photo."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All numbers of the method.

    Each field has a stage, a help text and a range; `wsseg segment --help-recipe` lists them. A number of the wrong
    type is a TypeError, one out of its range a ValueError.

    Examples
    --------
    >>> recipe = wsseg.Recipe(smoothness=20, largest=False)
    >>> recipe.smoothness, recipe.components
    (20, 5)
    >>> wsseg.Recipe(border=0.6)
    Traceback (most recent call last):
    ValueError: border must lie in [0, 0.5], got 0.6; ...
    """

    method: str = _text("saliency", "fused", "saliency method", METHODS)
    blended_classes: int = _number(
        "saliency", 5, "likeliest classes that the map explains, weighted by probability, without a target", 1, 1000
    )
    mirror: bool = _switch("saliency", False, "average the map with that of the mirrored photo")
    mirror_given: bool = _switch("saliency", True, "the same if a target is given, even without mirror")
    crops: bool = _switch("saliency", False, "average the map over five crops: the corners and the center")
    samples: int = _number("saliency", 2, "noisy copies of the photo, for smoothgrad", 1, 256)
    noise: float = _number(
        "saliency", 0.15, "standard deviation of their noise, as a share of the range of the input", 0, 1
    )
    spread_steps: int = _number(
        "saliency", 2, "steps that spread the map to similar regions, for fused and spread_cam", 0, 100
    )
    cam_share: float = _number(
        "saliency", 0.5, "weight of Grad-CAM in fused; lower where the classifier is less sure", 0, 1
    )
    cam_share_given: float = _number("saliency", 1.0, "weight of Grad-CAM in fused if a target is given", 0, 1)
    steps: int = _number("saliency", 20, "photos on the path from black to the photo, for integrated", 1, 1000)
    layers: str = _text(
        "saliency", "", "layers for maps of activations, separated by commas; if empty, they are chosen automatically"
    )
    channels: int = _number("saliency", 32, "channels of a layer that score_cam tries as masks", 1)
    objectness: float = _number(
        "saliency", 0.5, "share of the self-taught network in the map; at 1 the method is not used", 0, 1
    )
    objectness_given: float = _number(
        "saliency", 0.0, "share of the self-taught network in the map if a target is given", 0, 1
    )
    blur: float = _number(
        "saliency", 0.025, "sigma of the blur of the classifier's map, as a share of the photo's long side", 0, 1
    )
    random_state: int = _number("saliency", 0, "seed of all random numbers", 0, 2**32 - 1)
    foreground_quantile: float = _number(
        "seeds", 0.85, "pixels above this quantile of the saliency are object seeds", 0, 1
    )
    background_quantile: float = _number(
        "seeds", 0.50, "pixels at or below this quantile of the saliency are background seeds", 0, 1
    )
    hard_seeds: bool = _switch("seeds", False, "the mask must keep the seeds; otherwise they only start the mixtures")
    border: float = _number(
        "seeds", 0.02, "width of the border presumed background, as a share of height and width", 0, 0.5
    )
    components: int = _number("mixtures", 5, "Gaussians in each color mixture", 1, 64)
    color_samples: int = _number("mixtures", 2000, "pixels that each mixture is fitted to, at most", 64)
    refits: int = _number("mixtures", 2, "number of times that both mixtures are fitted again to the mask", 0, 100)
    refit_side: int = _number(
        "mixtures", 144, "long side of the photo that the mixtures are learned from, in pixels", 16
    )
    color_limit: float = _number("energy", 12.0, "largest weight of a pixel's color, in nats")
    prior: float = _number("energy", 3.0, "weight of the saliency's log-odds beside the colors")
    prior_given: float = _number("energy", 3.0, "weight of the saliency's log-odds if a target is given")
    balance: float = _number("energy", 0.55, "saliency treated as neutral", 0.03, 0.97)
    smoothness: float = _number(
        "energy",
        40.0,
        f"weight of contrast between neighbors, GrabCut's gamma, in nats at a long side of {REFERENCE_SIDE} pixels",
    )
    exact_side: int = _number(
        "mask", 360, "long side up to which a photo is cut as a whole, in pixels; larger ones are refined in a band", 16
    )
    band: int = _number("mask", 4, "half width of the band along the outline, in pixels, at each doubling", 1, 100)
    looks: int = _number(
        "mask", 2, "times that a photo is looked at: the whole of it, then a window around the mask so far", 1, 10
    )
    look_margin: float = _number(
        "mask", 0.2, "width of the area around the mask in that window, as a share of the mask's sides", 0, 10
    )
    largest: bool = _switch("mask", True, "keep only the largest component of the mask")
    presence: float = _number(
        "mask", 0.015, "least probability of a given target, as a share of that of the photo's likeliest class", 0, 1
    )
    click_radius: float = _number("hints", 0.01, "radius of the disc around a point, per long side of the window", 0, 1)
    hint_margin: float = _number("hints", 1.0, "width of the window around mask and hints, per their sides", 0, 10)
    hint_middle: float = _number("hints", 0.85, "least depth of a hint in its change, per the deepest pixel's", 0, 1)
    hint_reach: float = _number("hints", 0.15, "sigma of a hint's reach, as a share of the window's long side", 1e-3, 1)
    hint_near: float = _number("hints", 6.0, "weight of a hint on nearby pixels, in nats")
    hint_alike: float = _number("hints", 3.0, "weight of a hint on pixels with similar features, in nats")
    hint_learned: float = _number("hints", 4.0, "weight of the likeness learned from the mask and the hints, in nats")
    hint_map: float = _number("hints", 1.0, "weight of the saliency's log-odds if there are hints")
    hint_objectness: float = _number("hints", 1.0, "weight of the self-taught network's log-odds if there are hints")
    box_margin: float = _number(
        "hints", 0.1, "width of the area used around a box, as a share of the box's sides", 0, 10
    )
    box_filled: float = _number("hints", 0.2, "minimum mean object probability inside a box", 0, 0.97)
    smoothness_hinted: float = _number("hints", 15.0, "smoothness if there are hints, lower because more is known")

    def __post_init__(self) -> None:
        for item in fields(self):
            _check_number(item.name, getattr(self, item.name), type(item.default), item.metadata)
        if self.background_quantile > self.foreground_quantile:
            raise ValueError(
                f"background_quantile must be at most foreground_quantile, got {self.background_quantile} and "
                f"{self.foreground_quantile}; lower the first"
            )

    def prior_of(self, *, given: bool) -> float:
        """Return the weight of the saliency's log-odds.

        Parameters
        ----------
        given : bool
            True if the map is of a target that a person gave, see `Target.given`.

        Returns
        -------
        float
            `prior_given` or `prior`.
        """
        return self.prior_given if given else self.prior

    def objectness_of(self, *, given: bool) -> float:
        """Return the share of the self-taught network in the map.

        Parameters
        ----------
        given : bool
            True if the map is of a target that a person gave, see `Target.given`.

        Returns
        -------
        float
            `objectness_given` or `objectness`.
        """
        return self.objectness_given if given else self.objectness

    def smoothness_at(self, side: int, *, hinted: bool = False) -> float:
        """Return the smoothness for a photo of that size, in proportion to its long side.

        A photo of twice the side has four times the pixels but only twice the outline. So both keep their weights
        relative to each other at any size.

        Parameters
        ----------
        side : int
            Long side, in pixels.
        hinted : bool
            True if there are hints, which have a smoothness of their own.

        Returns
        -------
        float
            Weight of the contrast between neighbors, in nats.
        """
        return (self.smoothness_hinted if hinted else self.smoothness) * side / REFERENCE_SIDE

    def as_dict(self) -> dict[str, float | str]:
        """Return all numbers by name, fit for JSON."""
        return asdict(self)

    def as_toml(self) -> str:
        """Return all numbers as the text of a recipe file."""
        return "".join(
            f"{item.name} = {json.dumps(getattr(self, item.name), ensure_ascii=False)}  # {item.metadata['help']}\n"
            for item in fields(self)
        )


@dataclass(frozen=True, kw_only=True)
class VolumeRecipe:
    """All numbers of the cut of a volume, whose values are first scaled to levels from 0 to 255.

    The weights were chosen on volumes like those of `benchmarks/volumes.py`, of other random numbers.
    """

    low: float = _number("seeds", 0.5, "percentile of the values that becomes level 0", 0, 100)
    high: float = _number("seeds", 99.5, "percentile of the values that becomes level 255", 0, 100)
    components: int = _number("mixtures", 2, "largest number of Gaussians for each label", 1, 50)
    color_radius: float = _number("mixtures", 6.0, "distance from a seed up to which levels are learned, in voxels", 1)
    color_samples: int = _number("mixtures", 20_000, "voxels that each mixture is fitted to", 1)
    refits: int = _number("mixtures", 3, "fits of the mixtures to the labels of a cut", 0, 50)
    color_limit: float = _number("energy", 6.0, "largest weight of a voxel's levels, in nats")
    nearness: float = _number("energy", 2.5, "weight of the distance to the seeds of each label, in nats")
    neighbors: int = _number("energy", 6, "neighbors of a voxel: 6, 18 or 26", 6, 26)
    smoothness: float = _number("energy", 2.0, "cost of a surface of one voxel's face between equal levels, in nats")
    noises: float = _number(
        "energy", 6.0, "difference that lowers the cost of a surface, as a multiple of the noise", 0.1
    )
    band: int = _number("mask", 3, "half width of the band along the surface, in voxels, at each doubling", 1, 100)
    seeded: bool = _switch("mask", True, "keep only the parts of an object that hold one of its seeds")
    random_state: int = _number("mixtures", 0, "seed of everything that is drawn at random", 0, 2**32 - 1)

    def __post_init__(self) -> None:
        for item in fields(self):
            _check_number(item.name, getattr(self, item.name), type(item.default), item.metadata)
        if not self.low < self.high:
            raise ValueError(f"low must be less than high, got {self.low} and {self.high}; use 0.5 and 99.5")


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
        "untrained": Recipe(objectness=0.0, prior=2.0, samples=4),
        "fast": Recipe(method="spread_cam", mirror_given=False, objectness=1.0),
        "simonyan2013": Recipe(
            method="gradient",
            mirror=True,
            objectness=0.0,
            blended_classes=1,
            blur=0.0,
            foreground_quantile=0.95,
            background_quantile=0.30,
            hard_seeds=True,
            refits=0,
            prior=0.0,
            prior_given=0.0,
            border=0.0,
            looks=1,
        ),
    }
)

_KNOWN: Final = f"one of {', '.join(RECIPES)}"

_REPLACED: Final[Mapping[str, str]] = MappingProxyType({"adapted": "use default, which took its place"})
"""Names of recipes of earlier versions, and what to do instead."""


def recipe_named(name: str | PathLike[str]) -> Recipe:
    """Return the recipe of that name, or of that .toml file; ValueError if there is none."""
    if str(name).lower().endswith(".toml"):
        return read_recipe(name)
    if name not in RECIPES:
        remedy = _REPLACED.get(str(name), "choose one of these or pass a wsseg.Recipe")
        raise ValueError(f"recipe must be {_KNOWN} or a .toml file, got {str(name)!r}; {remedy}")
    return RECIPES[str(name)]


def read_recipe(path: str | PathLike[str]) -> Recipe:
    """Read a recipe file.

    Parameters
    ----------
    path : str or path
        A TOML file with numbers by name, and optionally `base`, the named recipe that has all others.

    Returns
    -------
    Recipe

    Raises
    ------
    ValueError
        If the file cannot be read, or holds an unknown number or one out of its range.

    Examples
    --------
    >>> from pathlib import Path
    >>> _ = Path("mine.toml").write_text('base = "fast"\\nprior = 3.5')
    >>> recipe = wsseg.read_recipe("mine.toml")
    >>> recipe.method, recipe.prior
    ('spread_cam', 3.5)
    """
    numbers = _read_toml(Path(path))
    base, known = numbers.pop("base", "default"), [item.name for item in fields(Recipe)]
    if not isinstance(base, str) or base not in RECIPES:
        remedy = _REPLACED.get(str(base), "choose one of these")
        raise ValueError(f"'{path}': base must be {_KNOWN}, got {reprlib.repr(base)}; {remedy}")
    if strange := [name for name in numbers if name not in known]:
        nearest = " or ".join(difflib.get_close_matches(strange[0], known))
        raise ValueError(
            f"'{path}' must hold numbers of a recipe, got {reprlib.repr(strange[0])}; "
            + (f"the nearest is {nearest}" if nearest else f"they are {', '.join(known)}")
        )
    try:
        return replace(RECIPES[base], **numbers)
    except (TypeError, ValueError) as error:
        raise ValueError(f"'{path}': {error}") from error


def _read_toml(path: Path) -> dict[str, Any]:
    if not path.is_file():  # Reading from a pipe might never end.
        raise ValueError(f"'{path}' must be a recipe file, got no file; check the spelling")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"'{path}' must be readable, got '{error.strerror}'; check its permissions") from error
    if len(content) > MAX_BYTES:
        raise ValueError(f"'{path}' must have at most {MAX_BYTES} bytes, got more; give a recipe file")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # Both decoders raise ValueErrors.
        raise ValueError(
            f"'{path}' must be TOML in UTF-8, got '{error}'; write `name = number` on each line"
        ) from error
