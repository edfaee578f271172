"""Each number of the method is described, checked against its range, and frozen; recipe files hold them all."""

import json
import re
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import Any, get_args

import pytest

from wsseg.recipe import MAX_BYTES, METHODS, RECIPES, REFERENCE_SIDE, Recipe, Stage, read_recipe, recipe_named

NUMBERS = {item.name: item for item in fields(Recipe)}
RANGED = {name: item.metadata for name, item in NUMBERS.items() if "low" in item.metadata}
INFINITY = float("inf")


def kind_of(name: str) -> type:
    return type(NUMBERS[name].default)


@pytest.mark.parametrize("name", NUMBERS)
def test_each_number_is_described_and_ranged(name: str) -> None:
    item = NUMBERS[name]
    assert item.kw_only
    assert item.type is kind_of(name)
    assert item.metadata["stage"] in get_args(Stage)
    assert item.metadata["help"].strip()
    assert not item.metadata["help"].endswith(".")
    expected = {bool: [set()], str: [set(), {"choices"}]}.get(kind_of(name), [{"low", "high"}])
    assert set(item.metadata) - {"stage", "help"} in expected


@pytest.mark.parametrize("name", NUMBERS)
def test_another_type_is_a_type_error(name: str) -> None:
    item, kind = NUMBERS[name], kind_of(name)
    strange: list[Any] = [None, "3", [1], 1j, True, 1, 0.5]
    accepted = {bool: (bool,), str: (str,), int: (int,), float: (int, float)}[kind]
    for value in strange:
        if type(value) in accepted:
            continue
        with pytest.raises(TypeError, match=f"^{name} must be {kind.__name__}, got .*; {item.metadata['help']}"):
            Recipe(**{name: value})


@pytest.mark.parametrize("name", RANGED)
def test_the_ends_of_a_range_are_in_it(name: str) -> None:
    free = {"foreground_quantile": 1.0, "background_quantile": 0.0}
    for end in (RANGED[name]["low"], RANGED[name]["high"]):
        if end < INFINITY:
            assert getattr(Recipe(**free | {name: end}), name) == end


@pytest.mark.parametrize("name", RANGED)
def test_outside_its_range_a_number_is_refused_by_name(name: str) -> None:
    step = 1 if kind_of(name) is int else 1e-9
    outside = [RANGED[name]["low"] - step, -INFINITY, INFINITY, float("nan"), 10**400]
    outside += [RANGED[name]["high"] + step] if RANGED[name]["high"] < INFINITY else []
    for value in outside:
        error = TypeError if kind_of(name) is int and isinstance(value, float) else ValueError
        with pytest.raises(error, match=rf"^{name} must .*, got {value}; {RANGED[name]['help']}"):
            Recipe(**{name: value})


def test_an_open_range_is_written_as_one() -> None:
    with pytest.raises(ValueError, match=r"^color_limit must lie in \[0, inf\), got inf; "):
        Recipe(color_limit=INFINITY)
    with pytest.raises(ValueError, match=r"^border must lie in \[0, 0\.5\], got 0\.6; "):
        Recipe(border=0.6)


@pytest.mark.parametrize("name", RANGED)
def test_a_range_holds_its_default(name: str) -> None:
    assert RANGED[name]["low"] <= NUMBERS[name].default <= RANGED[name]["high"]


def test_an_integer_is_a_float() -> None:
    assert Recipe(prior=3).prior == 3


def test_an_unknown_method_is_refused_with_the_choices() -> None:
    with pytest.raises(ValueError, match=f"^method must be one of {', '.join(METHODS)}, got 'magic'; choose"):
        Recipe(method="magic")


@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_accepted(method: str) -> None:
    assert Recipe(method=method).method == method


def test_the_quantiles_may_meet_but_not_cross() -> None:
    assert Recipe(foreground_quantile=0.4, background_quantile=0.4)
    with pytest.raises(ValueError, match=r"^background_quantile must be at most .*, got 0\.5 and 0\.4; lower"):
        Recipe(foreground_quantile=0.4, background_quantile=0.5)


def test_an_unknown_number_is_refused() -> None:
    with pytest.raises(TypeError, match="smootness"):
        Recipe(**{"smootness": 3})


@pytest.mark.parametrize("name", NUMBERS)
def test_a_recipe_is_frozen(name: str) -> None:
    recipe = Recipe()
    with pytest.raises(FrozenInstanceError):
        setattr(recipe, name, getattr(recipe, name))


def test_equal_recipes_hash_alike() -> None:
    assert len({Recipe(), Recipe(prior=Recipe().prior), Recipe(prior=5.0)}) == 2


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_json(name: str) -> None:
    recipe = RECIPES[name]
    numbers = json.loads(json.dumps(recipe.as_dict(), allow_nan=False))
    assert list(numbers) == list(NUMBERS)
    assert Recipe(**numbers) == recipe


def test_the_paper_s_numbers() -> None:
    paper = recipe_named("simonyan2013")
    assert (paper.method, paper.foreground_quantile, paper.background_quantile) == ("gradient", 0.95, 0.30)
    assert paper.hard_seeds and paper.largest and paper.mirror
    assert (paper.components, paper.smoothness) == (Recipe().components, Recipe().smoothness)
    assert (paper.prior, paper.refits, paper.border, paper.blur) == (0, 0, 0, 0)


def test_the_default_recipe_holds_the_defaults() -> None:
    assert recipe_named("default") == Recipe()


def test_named_recipes_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        RECIPES["mine"] = replace(Recipe(), prior=1.0)


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(
        ValueError,
        match="^recipe must be one of default, untrained, fast, simonyan2013 or a .toml file, got 'quick'; choose",
    ):
        recipe_named("quick")


def test_the_name_of_an_earlier_recipe_leads_to_what_replaced_it(file: Path) -> None:
    with pytest.raises(ValueError, match="got 'adapted'; use default, which took its place$"):
        recipe_named("adapted")
    file.write_text("base = 'adapted'")
    with pytest.raises(ValueError, match="base must be .*, got 'adapted'; use default, which took its place$"):
        read_recipe(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


@pytest.mark.parametrize(
    "recipe",
    [
        *RECIPES.values(),
        Recipe(prior=1e-7, smoothness=1e300, border=0.1 + 0.2),
        Recipe(prior=3),
        Recipe(layers='blocks.4, "é\\n😀'),
    ],
)
def test_a_recipe_survives_its_file(file: Path, recipe: Recipe) -> None:
    file.write_text(f"# Mine.\n{recipe.as_toml()}")
    assert read_recipe(file) == recipe
    assert recipe_named(file) == recipe_named(str(file)) == recipe


@pytest.mark.parametrize(
    ("text", "recipe"),
    [
        ("", Recipe()),
        ("prior = 3.5", Recipe(prior=3.5)),
        ("\ufeffprior = 3\r\nlargest = false\r\n", Recipe(prior=3, largest=False)),
        ('base = "simonyan2013"\ncomponents = 3', replace(RECIPES["simonyan2013"], components=3)),
    ],
)
def test_a_file_changes_its_base(file: Path, text: str, recipe: Recipe) -> None:
    file.write_bytes(text.encode())
    assert read_recipe(file) == recipe


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"smootness = 3", "must hold numbers of a recipe, got 'smootness'; the nearest is smoothness"),
        (b"zzz = 3", f"must hold numbers of a recipe, got 'zzz'; they are {', '.join(NUMBERS)}"),
        (b"[saliency]\nblur = 0", "must hold numbers of a recipe, got 'saliency'; the"),
        (b"[prior]\nblur = 0", ": prior must be float, got {'blur': 0}; weight of"),
        (b'prior = "3\\n"', r": prior must be float, got '3\\n'; weight of"),
        (b"components = 3.0", ": components must be int, got 3.0; Gaussians"),
        (b"components = 65", r": components must lie in \[1, 64\], got 65; Gaussians"),
        (b"prior = nan", r": prior must lie in \[0, inf\), got nan; weight"),
        (b"background_quantile = 0.9", ": background_quantile must be at most foreground_quantile, got 0.9 and 0.85"),
        (b"base = 3", ": base must be one of default, untrained, fast, simonyan2013, got 3; choose"),
        (b"base = ['a']", r": base must be one of default, untrained, fast, simonyan2013, got \['a'\]; choose"),
        (
            b"base = 'other.toml'",
            ": base must be one of default, untrained, fast, simonyan2013, got 'other.toml'; choose",
        ),
        (b"prior 3", "must be TOML in UTF-8, got 'Expected '=' .*line 1.*'; write `name = number` on each line"),
        (b"prior = 3\nprior = 4", "must be TOML in UTF-8, got 'Cannot overwrite a value .*'; write"),
        (b"\xff\xfe", "must be TOML in UTF-8, got ''utf-8' codec .*'; write"),
        (b"prior = " + 5000 * b"9", "must be TOML in UTF-8, got '.*'; write"),
        (b"prior = " + MAX_BYTES // 2 * b"[", "must be TOML in UTF-8, got '.*'; write"),
        (b"#" + MAX_BYTES * b" ", f"must have at most {MAX_BYTES} bytes, got more; give a recipe file"),
        (50_000 * b"a" + b" = 3", "must hold numbers of a recipe, got 'aaaaaaaaaaaa...aaaaaaaaaaaaa'; they are"),
        (b"prior = '" + 50_000 * b"a" + b"'", ": prior must be float, got 'aaaaaaaaaaaa...aaaaaaaaaaaaa'; weight"),
    ],
)
def test_a_file_without_a_recipe_is_refused_in_one_line(file: Path, content: bytes, message: str) -> None:
    file.write_bytes(content)
    with pytest.raises(ValueError, match=f"^'{re.escape(str(file))}':? ?{message.removeprefix(': ')}") as caught:
        recipe_named(file)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_the_path_must_be_a_file(file: Path) -> None:
    with pytest.raises(ValueError, match=r"mine\.toml' must be a recipe file, got no file; check the spelling"):
        read_recipe(file)
    file.symlink_to("/dev/zero")
    with pytest.raises(ValueError, match=r"mine\.toml' must be a recipe file, got no file; check the spelling"):
        read_recipe(file)


def test_only_toml_names_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("prior = 3")
    with pytest.raises(ValueError, match=r"^recipe must be one of .* or a \.toml file, got '.*mine\.txt'; choose"):
        recipe_named(tmp_path / "mine.txt")


def test_a_given_target_has_its_own_prior() -> None:
    recipe = Recipe(prior=1.5, prior_given=2.5)
    assert (recipe.prior_of(given=False), recipe.prior_of(given=True)) == (1.5, 2.5)


@pytest.mark.parametrize(("side", "share"), [(1, 0.002), (REFERENCE_SIDE, 1.0), (2 * REFERENCE_SIDE, 2.0)])
def test_the_smoothness_is_in_proportion_to_the_side(side: int, share: float) -> None:
    recipe = Recipe(smoothness=10.0, smoothness_hinted=3.0)
    assert recipe.smoothness_at(side) == pytest.approx(10 * share)
    assert recipe.smoothness_at(side, hinted=True) == pytest.approx(3 * share)


def test_no_photo_is_too_large_for_the_smoothness() -> None:
    assert Recipe(smoothness=1e6).smoothness_at(20_000) == 1e6 * 20_000 / REFERENCE_SIDE
