"""Names of classifiers and targets, checked without the libraries that know them."""

import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torchvision

from wsseg.classifier import sources
from wsseg.classifier.load import load_classifier
from wsseg.classifier.sources import check_source, check_targets


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that has not imported timm and torchvision."""
    for library in ("timm", "torchvision"):
        monkeypatch.delitem(sys.modules, library)


def test_every_name_that_the_libraries_know_is_found_in_their_files() -> None:
    names = [*timm.list_models(), *timm.list_pretrained(), *torchvision.models.list_models(module=torchvision.models)]
    found, words = sources._registered()
    assert not [name for name in names if name.partition(".")[0] not in words]
    known = {name.removeprefix("timm:") for name in found}
    assert len(known & set(names)) > 0.95 * len(set(names))
    assert len(known) < 1.05 * len(set(names))


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize(
    "name", ["efficientnet_lite0", "vgg19", "torchvision:vgg19", "timm:resnet50", "timm:resnet50.a1_in1k", "hf:a/b"]
)
def test_a_known_name_passes(name: str) -> None:
    check_source(name)


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize("name", ["vgg91", "timm:resnte50", "torchvision:no_such_network", "", "?", "a" * 99])
def test_an_unknown_name_is_refused_as_the_libraries_refuse_it(name: str) -> None:
    with pytest.raises(ValueError, match=r"^source must name an image classifier") as early:
        check_source(name)
    with pytest.raises(ValueError, match=r"^source must name an image classifier") as late:
        load_classifier(name)
    assert str(early.value) == str(late.value)


def test_a_name_that_the_program_itself_registers_passes() -> None:
    assert "timm" in sys.modules
    check_source("timm:one_of_my_own")


@pytest.mark.usefixtures("unloaded")
def test_without_their_files_the_libraries_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_registered", lambda: ([], frozenset()))
    check_source("vgg91")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for file in (tmp_path / "no.pth", tmp_path):
        with pytest.raises((FileNotFoundError, ValueError), match="checkpoint must"):
            check_source(f"vgg19@{file}")
    (tmp_path / "my.pth").touch()
    check_source(f"vgg19@{tmp_path}/my.pth")


def test_targets_of_a_wheel_are_checked() -> None:
    check_targets("efficientnet_lite0", ["dog", 7, "tabby|tiger cat"])
    check_targets("vgg19@my.pth", ["anything"])
    with pytest.raises(ValueError, match=r"target must fit one category, got 'doog'"):
        check_targets("efficientnet_lite1", ["dog", "doog"])


@pytest.mark.parametrize(
    "mistake",
    [
        ["segment", "{}", "--classifier", "vgg91"],
        ["segment", "{}", "--target", "doog", "-o", "out"],
        ["saliency", "{}", "--classifier", "vgg19@no.pth", "-o", "out"],
        ["visualize", "doog", "-o", "out.png"],
        ["models", "--categories", "--classifier", "timm:resnte50"],
        ["adapt", "{}", "--classifier", "vgg91", "-o", "out.safetensors"],
    ],
    ids=" ".join,
)
def test_a_mistake_is_found_before_the_libraries_are_imported(mistake: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    words = [word.format(tmp_path) for word in mistake]
    script = "import atexit, sys; atexit.register(lambda: print(*sys.modules)); from wsseg.cli.app import main; main()"
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and done.stderr.startswith("error: "), done.stderr
    assert not {"torch", "timm", "torchvision"} & set(done.stdout.split())
