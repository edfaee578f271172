"""Flags, help, usage errors, and mistakes that are reported before anything slow is loaded."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from commands import Run

import wsseg
from wsseg.cli.app import COMMANDS, WITH_RECIPE
from wsseg.cli.output import answers
from wsseg.recipe import EMBEDDED, MAX_PIXELS, RECIPES, Recipe

BOX = "box must be four whole numbers X0,Y0,X1,Y1"

AT_ONCE = [
    ("segment none -o out", "'none' must be an existing photo, folder, pattern or list"),
    ("segment empty -o out", "got none"),
    ("segment photos -o photos", "out must be a new or empty folder, or an earlier run"),
    ("segment photos -o out --write poster", "'poster'"),
    ("segment photos -o out --limit 0", "--limit must be a whole number from 1, got '0'"),
    ("segment photos -o out --workers 0", "workers must be a number from 1, or auto, got '0'"),
    ("segment photos -o out --shard 3", "shard must be I/N, two whole numbers, got '3'"),
    ("segment photos -o out --shard 0/2", "shard must be I/N with I from 1 to N, got 0/2"),
    ("segment photos -o out --box 1,2,3", f"{BOX}, got '1,2,3'"),
    ("segment photos -o out --recipe best", "recipe must be one of default"),
    ("segment photos -o out --components 0", "components must lie in [1, 64], got 0"),
    ("segment photos -o out --feather 1e9", "feather must lie in [0, 1000] pixels"),
    ("segment photos -o out --hints none", "hints must be a folder"),
    ("segment photos -o out --min-confidence 2", "min_confidence must be from 0 to 1, got 2.0"),
    ("saliency none -o out", "'none' must be an existing photo, folder, pattern or list"),
    ("photos", "--out is required; see wsseg segment --help"),
    ("segmnt", "did you mean segment?"),
    ("--verbose", "the first word must be a command or a photo, got '--verbose'; see wsseg --help"),
    ("segment photos -o out --no-crop", "--no-crop does not exist, because --crop is off by default; leave out --crop"),
    ("segment photos --out=", "--out must not be empty, got ''; give a path"),
    ("segment photos -o out --crop", "crop needs cut-outs, got only mask; add cutout to pictures (--write)"),
    ("segment photos -o out --background white", "background needs cut-outs"),
    ("segment photos -o out --write strip --feather 2", "feather needs cut-outs, got only strip"),
    ("segment photos -o out --edge soft", "edge needs cut-outs, got only mask; add cutout to pictures (--write)"),
    ("segment photos -o out --write alpha", "alpha must differ from the mask, got a hard edge; add edge='soft'"),
    ("segment photos -o out --write labels", "labels needs together, a map of all targets; add together (--together)"),
    ("report out --void 3", "void needs truths, got none; give truths (--truth) or leave out void"),
    ("export out --to yolo --polygons -o y", "yolo always has polygons; leave out polygons (--polygons)"),
    ("visualize lemon -o lemon.txt", "out must end in .png"),
    ("tune photos photos -o mine.json", "out must end in .toml, got 'mine.json'"),
    ("adapt none -o mine.safetensors", "'none' must be an existing photo, folder, pattern or list"),
    ("adapt photos -o photos/cat.jpg", "out must be a new file, got 'photos/cat.jpg'"),
]

SCRIPT = """
import json, sys
sys.modules["torch"] = None
from wsseg.cli.app import main
for words in json.load(sys.stdin):
    sys.argv[1:] = words.split()
    try:
        main()
    except SystemExit as ended:
        print(ended.code, file=sys.stderr)
"""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The arguments of the last call of `segment_folder` or `saliency_folder`, which do nothing."""
    seen: dict[str, Any] = {}

    def call(sources: Any, out: Any, **options: Any) -> None:
        seen.update(sources=sources, out=out, **options)
        raise ValueError("enough")

    for name in ("segment_folder", "saliency_folder"):
        monkeypatch.setattr(wsseg, name, call)
    return seen


class TestHelp:
    def test_help_fits_a_screen(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        shown = _narrow(run, monkeypatch)("segment", "--help").splitlines()
        assert len(shown) <= 50
        assert max(map(len, shown)) <= 80

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_option_is_explained(self, run: Run, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
        shown = _narrow(run, monkeypatch)(command, "--help")
        options = [line.strip("│* ") for line in shown.splitlines() if line.strip("│* ").startswith("--")]
        assert all(len(option.split()) > 2 for option in options)

    @pytest.mark.parametrize("command", WITH_RECIPE)
    def test_the_recipe_s_numbers_are_on_a_page_of_their_own(self, run: Run, command: str) -> None:
        page, numbers = run(command, "--help").out, run(command, "--help-recipe").out
        stages = {"saliency"} if command == "saliency" else {item.metadata["stage"] for item in fields(Recipe)}
        stages -= {"hints"} if command == "tune" else set()
        for item in fields(Recipe):
            flag = f"--{item.name.replace('_', '-')} "
            assert flag not in page
            assert (flag in numbers) == (item.metadata["stage"] in stages)
        assert "--help-recipe" in page
        assert all(f"Recipe: {stage}" in numbers for stage in stages)

    def test_the_defaults_are_shown(self, run: Run) -> None:
        shown = run("--help-recipe").out
        assert f"(default: {Recipe().smoothness})" in shown
        assert "(default: none)" in shown and "(default: on)" in shown and "(default: 0)" in shown

    def test_the_version_is_printed(self, run: Run) -> None:
        assert run("--version").out == f"{wsseg.__version__}\n"


class TestOptions:
    def test_without_options_the_defaults_of_the_function_hold(self, run: Run, asked: dict[str, Any]) -> None:
        run("segment", "a.jpg", "b", "-o", "out")
        assert asked.pop("progress") and asked.pop("notice")
        assert asked.pop("style") == wsseg.Style()
        assert asked == {
            "sources": [Path("a.jpg"), Path("b")],
            "out": Path("out"),
            "classifier": EMBEDDED,
            "recipe": RECIPES["default"],
            "objectness": None,
            "min_confidence": None,
            "targets": None,
            "top": None,
            "together": False,
            "box": None,
            "hints": None,
            "pictures": None,
            "discard_reviews": False,
            "device": "cpu",
            "workers": None,
            "engine": "local",
            "shard": None,
            "watch": False,
            "limit": None,
            "sample": None,
            "dry_run": False,
            "force": False,
            "max_pixels": MAX_PIXELS,
        }

    @pytest.mark.parametrize(
        ("words", "name", "value"),
        [
            ("--target tabby --target 285", "targets", ["tabby", "285"]),
            ("--top 3", "top", 3),
            ("--box 1,2,30,40", "box", (1, 2, 30, 40)),
            ("--hints drawn", "hints", Path("drawn")),
            ("--adapt mine.safetensors", "objectness", Path("mine.safetensors")),
            ("--write mask --write overlay", "pictures", ["mask", "overlay"]),
            ("--write mask,cutout --write overlay,mask", "pictures", ["mask", "cutout", "overlay"]),
            ("--min-confidence .8", "min_confidence", 0.8),
            ("--workers 3", "workers", 3),
            ("--workers auto", "workers", None),
            ("--shard 2/16", "shard", (2, 16)),
            ("--engine ray", "engine", "ray"),
            ("--max-pixels=7", "max_pixels", 7),
            ("--together", "together", True),
            ("--watch", "watch", True),
            ("--limit 3", "limit", 3),
            ("--sample 4", "sample", 4),
            ("--dry-run", "dry_run", True),
            ("--force", "force", True),
            ("--feather .5 --crop --background blur", "style", wsseg.Style(feather=0.5, crop=True, background="blur")),
            ("--edge soft --write alpha", "style", wsseg.Style(edge="soft")),
            ("--mirror --prior 1", "recipe", Recipe(mirror=True, prior=1.0)),
            ("--recipe fast --mirror-given", "recipe", Recipe(method="spread_cam", objectness=1.0)),
        ],
    )
    def test_given_options_reach_the_function(
        self, run: Run, asked: dict[str, Any], words: str, name: str, value: object
    ) -> None:
        assert run("segment", "a.jpg", "-o", "out", *words.split()).err == "error: enough\n"
        assert asked[name] == value

    def test_every_number_is_a_flag(self, run: Run, asked: dict[str, Any]) -> None:
        other = RECIPES["simonyan2013"]
        changes = {name: value for name, value in other.as_dict().items() if value != getattr(Recipe(), name)}
        words = [_flag(name, value) for name, value in changes.items()]
        run("segment", "a.jpg", "-o", "out", *words)
        assert asked["recipe"] == other

    @pytest.mark.parametrize(
        "words",
        ["-o b", "--out b", "--box 0,0,1,1 --box 0,0,2,2", "--recipe fast --recipe default", "--force --force"],
    )
    def test_repeated_options_are_refused(self, run: Run, asked: dict[str, Any], words: str) -> None:
        ended = run("segment", "a.jpg", "-o", "out", *words.split())
        assert ended.code == 2 and not asked
        assert "was given twice; keep one" in ended.err

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ("segment", "error: PATH is required; see wsseg segment --help\n"),
            ("segment a -o", "error: -o needs a value; see wsseg segment --help\n"),
            ("segment a -o b --sampels 3", "error: Unknown option: --sampels. Did you mean --samples?\n"),
            ("saliency a -o b --components 3", "error: Unknown option: --components."),
            ("segment a -o b --samples 4.5", "error: --samples must be a whole number, got '4.5'; "),
            ("segment a -o b --prior much", "error: --prior must be a number, got 'much'; "),
            ("segment a -o b --max-pixels 0", "error: --max-pixels must be a whole number from 1, got '0'; "),
            ("segment a -o b --format bmp", 'error: Invalid value "bmp" for --format. Choose from: "png", "webp", '),
            ("models all", "error: unexpected argument 'all'; see wsseg models --help\n"),
            ("tune a b -o c.toml --folds 1", "error: --folds must be a whole number from 2, got '1'; "),
            ("tune a b -o c.toml --trials 0", "error: --trials must be a whole number from 1, got '0'; "),
        ],
    )
    def test_a_wrong_word_is_one_sentence(self, run: Run, words: str, message: str) -> None:
        ended = run(*words.split())
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith(message) and ended.err.count("\n") == 1

    def test_a_program_reads_errors_as_json(self, run: Run) -> None:
        ended = run("segment", "a", "-o", "b", "--progress", "json", "--top", "x")
        assert json.loads(ended.err) == {"error": "--top must be a whole number, got 'x'; an example is --top 1"}


def test_mistakes_are_reported_without_torch(photos: Path) -> None:
    """Torch takes seconds to load, so mistakes are reported before."""
    (photos.parent / "empty").mkdir()
    given = json.dumps([words for words, _ in AT_ONCE])
    program = [sys.executable, "-c", SCRIPT]
    ended = subprocess.run(program, cwd=photos.parent, input=given, capture_output=True, text=True)
    lines = ended.stderr.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert [line for line in lines if line.isdecimal()] == ["2"] * len(AT_ONCE), ended.stderr
    for error, (words, message) in zip(errors, AT_ONCE, strict=True):
        assert message in error, words
    assert not (photos.parent / "out").exists()


def _narrow(run: Run, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs a command line in a terminal of 80 columns, and returns what it prints."""
    monkeypatch.setattr(answers, "width", 80)
    return lambda *words: run(*words).out


def _flag(name: str, value: object) -> str:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return f"--{flag}" if value else f"--no-{flag}"
    return f"--{flag}={value}"
