"""Shared by several test files: photos, the command line, and the settings of hypothesis."""

import os
import shutil
import sys
from collections.abc import Iterator
from importlib import resources
from typing import TYPE_CHECKING

import cv2
import pytest
from commands import Ended, Run
from hypothesis import Phase, settings

from wsseg.arrays import Image
from wsseg.cli.app import THREADS, main
from wsseg.cli.output import answers

if TYPE_CHECKING:
    from playwright.sync_api import Browser

os.environ.update(THREADS)  # Before torch is loaded, because several tests learn at once.
settings.register_profile("wsseg", deadline=None, max_examples=50)  # A busy machine is not a failure.
settings.register_profile(
    "unshrunk", settings.get_profile("wsseg"), phases=(Phase.explicit, Phase.generate)
)  # For scripts/mutate, which only needs to know that a test fails.
settings.load_profile("wsseg")


@pytest.fixture(scope="session", params=["chelsea", "coffee", "astronaut"])
def photo(request: pytest.FixtureRequest) -> Image:
    """A photo that scikit-image ships, about 150 pixels wide; read-only."""
    with resources.as_file(resources.files("skimage") / "data" / f"{request.param}.png") as path:
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    small = image[::4, ::4].copy()
    small.setflags(write=False)
    return small


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command line in this process, without pydantic: with it, cyclopts refuses paths in a store."""
    monkeypatch.delitem(sys.modules, "pydantic", raising=False)  # The program never imports it, but other tests do.
    monkeypatch.setattr(answers, "width", 200)

    def call(*words: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["wsseg", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(ended.value.code or 0, *capsys.readouterr())  # type: ignore[arg-type]  # An int, or None.

    return call


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fits of a few steps on small samples."""
    from wsseg.learning import reviewed, rounds
    from wsseg.saliency.objectness.fit import Plan

    monkeypatch.setattr(rounds, "DECODER", Plan(steps=40, decoder_rate=1e-2))
    monkeypatch.setattr(rounds, "LAYERS", Plan(steps=8, decoder_rate=1e-3, layer_rate=1e-4))
    monkeypatch.setattr(rounds, "TUNING", Plan(steps=2, decoder_rate=1e-4, layer_rate=1e-5))
    monkeypatch.setattr(reviewed, "PLAN", Plan(steps=2, decoder_rate=1e-4, layer_rate=1e-5))
    monkeypatch.setattr(rounds, "KEPT_EVERY", 4)
    monkeypatch.setattr(rounds, "SIDE", 64)


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """The system's Chromium; it is required where tests must not be skipped (CI)."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None and os.environ.get("CI"):
        pytest.fail("chromium must be installed, got none; apt-get install chromium")
    if path is None:
        pytest.skip("chromium must be installed for the tests of the pages; apt-get install chromium")
    from playwright.sync_api import sync_playwright  # Slow, and most tests need no browser.

    with sync_playwright() as playwright:
        # Chromium has no sandbox for root, as in a container.
        browser = playwright.chromium.launch(executable_path=path, chromium_sandbox=os.geteuid() != 0)
        yield browser
        browser.close()
