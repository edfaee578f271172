"""A learned network and its file: what is kept, what is refused, and that nothing around it matters."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import safetensors.torch
import torch
from networks import photo_of
from torch import nn

from wsseg.classifier.classifier import Classifier, Preprocessing
from wsseg.classifier.load import load_classifier
from wsseg.saliency.objectness import objectness
from wsseg.saliency.objectness.objectness import (
    LONGEST,
    SHIPPED,
    Objectness,
    load_objectness,
    new_objectness,
    read_objectness,
)


class Own(nn.Module):
    """A network of a person's own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(9)
        self.stage = nn.Sequential(nn.Conv2d(3, 4, 4, 4), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
        self.head = nn.Linear(4, 3)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(self.stage(batch).mean(dim=(2, 3)))


class OneSize(Own):
    """The same, for inputs of one size."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(self.stage(batch).reshape(len(batch), 4, 64).mean(dim=2))


def own(make: Callable[[], nn.Module] = Own, interpolation: Any = "bilinear") -> Classifier:
    preprocessing = Preprocessing((32, 32), (0.4, 0.5, 0.6), (0.2, 0.25, 0.3), interpolation)
    return load_classifier(make(), preprocessing=preprocessing)


@pytest.fixture(scope="module")
def network() -> Objectness:
    return new_objectness(own())


@pytest.fixture
def file(network: Objectness, tmp_path: Path) -> Path:
    network.save(tmp_path / "own.safetensors")
    return tmp_path / "own.safetensors"


def header_of(file: Path) -> dict[str, Any]:
    content = file.read_bytes()
    return json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])


def rewrite(file: Path, tensors: dict[str, torch.Tensor] | None = None, **changes: Any) -> None:
    """Write the file with changes of its tensors or of its description; `None` removes one."""
    description = json.loads(header_of(file)["__metadata__"]["wsseg"]) | changes
    kept = safetensors.torch.load_file(file) | (tensors or {})
    text = json.dumps({name: value for name, value in description.items() if value is not None})
    file.write_bytes(
        safetensors.torch.save({name: one for name, one in kept.items() if one is not None}, {"wsseg": text})
    )


class TestFile:
    def test_a_network_survives_its_file(self, network: Objectness, file: Path) -> None:
        again = read_objectness(file, own())
        assert again.provenance == network.provenance and again.any_size and again.digest == network.digest
        assert again.digest == hashlib.sha256(file.read_bytes()).hexdigest()
        assert again.network.preprocessing == network.network.preprocessing
        photo = photo_of(40, 60)
        np.testing.assert_allclose(again.map(photo, mirror=True), network.map(photo, mirror=True), atol=2e-3)
        file.unlink()
        again.save(file)
        np.testing.assert_array_equal(
            read_objectness(file, own()).map(photo, mirror=False), again.map(photo, mirror=False)
        )

    @pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
    def test_the_photo_is_resized_as_before(self, tmp_path: Path, interpolation: str) -> None:
        network = new_objectness(own(interpolation=interpolation))
        network.save(tmp_path / "own.safetensors")
        again = read_objectness(tmp_path / "own.safetensors", own())
        assert again.network.preprocessing.interpolation == interpolation

    def test_it_holds_halves_of_what_the_map_depends_on(self, network: Objectness, file: Path) -> None:
        tensors = safetensors.torch.load_file(file)
        assert tensors.keys() == network.network.used_tensors().keys()
        assert {one.dtype for one in tensors.values()} == {torch.float16}
        assert not any("head" in name for name in tensors)

    def test_what_no_half_can_hold_becomes_the_largest(self, tmp_path: Path) -> None:
        network = new_objectness(own()).copied()
        with torch.no_grad():
            network.network.decoder.context.bias[:2] = torch.tensor([1e6, -1e6])
        network.save(tmp_path / "own.safetensors")
        bias = read_objectness(tmp_path / "own.safetensors", own()).network.decoder.context.bias
        assert bias[:2].tolist() == [65504, -65504]

    def test_the_digest_tells_weights_and_provenance_apart(self, network: Objectness) -> None:
        other = network.copied()
        with torch.no_grad():
            other.network.decoder.context.bias += 1
        learned = replace(network, provenance=msgspec.structs.replace(network.provenance, photos=3))
        assert len({network.digest, network.copied().digest, other.digest, learned.digest}) == 3

    def test_an_existing_file_is_kept(self, network: Objectness, file: Path, tmp_path: Path) -> None:
        before = file.read_bytes()
        with pytest.raises(FileExistsError, match="must be a new file"):
            network.save(file)
        with pytest.raises(FileExistsError):
            network.save(tmp_path, force=True)
        network.save(file, force=True)
        network.save(tmp_path / "new" / "folder" / "own.safetensors")
        assert file.read_bytes() == before and sorted(tmp_path.iterdir()) == [tmp_path / "new", file]

    def test_new_networks_are_alike(self, network: Objectness) -> None:
        assert new_objectness(own()).digest == network.digest
        assert repr(network) == "Objectness(Own, learned from 0 photos)"


class TestMap:
    @pytest.mark.parametrize(
        ("make", "shape"), [(Own, (64, 96)), (OneSize, (8, 8))], ids=["of any size", "of one size"]
    )
    def test_it_lies_over_the_photo(self, make: Callable[[], nn.Module], shape: tuple[int, int]) -> None:
        found = new_objectness(own(make)).map(photo_of(40, 60), mirror=False)
        assert found.shape == shape and found.dtype == np.float32 and 0 <= found.min() < found.max() <= 1

    def test_the_mirrored_photo_has_the_mirrored_map(self, network: Objectness) -> None:
        photo = photo_of(40, 60)
        one, other = (network.map(each, mirror=True) for each in (photo, photo[:, ::-1]))
        np.testing.assert_allclose(one, other[:, ::-1], atol=1e-6)
        halves = [network.map(each, mirror=False) for each in (photo, photo[:, ::-1])]
        np.testing.assert_allclose(one, (halves[0] + halves[1][:, ::-1]) / 2, atol=1e-6)

    @pytest.mark.parametrize(
        "mode",
        [torch.inference_mode, torch.enable_grad, lambda: torch.autocast("cpu"), lambda: torch.device("meta")],
        ids=["inference mode", "grad", "autocast", "default device"],
    )
    def test_the_caller_s_modes_do_not_matter(self, network: Objectness, file: Path, mode: Any) -> None:
        photo, random = photo_of(40), torch.get_rng_state()
        expected = read_objectness(file, own()).map(photo, mirror=True)
        classifier = own()
        torch.set_rng_state(random)
        with mode():
            again, new = read_objectness(file, classifier), new_objectness(classifier)
            found = again.map(photo, mirror=True)
        assert np.array_equal(found, expected) and again.digest == new.digest == network.digest
        assert torch.equal(torch.get_rng_state(), random)
        assert not any(one.is_inference() for each in (again, new) for one in each.network.parameters())

    def test_a_photo_must_be_one(self, network: Objectness) -> None:
        with pytest.raises(ValueError, match="image must be"):
            network.map(np.zeros((4, 4), np.uint8), mirror=False)

    def test_it_stays_on_its_device(self, network: Objectness) -> None:
        assert network.to(network.device) is network
        assert network.copied().network is not network.network


class TestHostileFiles:
    def refused(self, file: Path, reason: str = "") -> None:
        with pytest.raises(ValueError, match="^objectness must be a file that wsseg adapt made, got '") as caught:
            read_objectness(file, own())
        assert reason in str(caught.value) and "\n" not in str(caught.value)
        assert str(caught.value).endswith("; make it again with wsseg adapt")

    def test_a_missing_file_or_a_folder_is_named(self, tmp_path: Path) -> None:
        for path in (tmp_path / "nowhere", tmp_path):
            with pytest.raises(FileNotFoundError, match=f"got '{path}', which is no file; check"):
                read_objectness(path)

    @pytest.mark.parametrize("kept", [0, 4, 8, 100, -1])
    def test_a_truncated_file_is_refused(self, file: Path, kept: int) -> None:
        file.write_bytes(file.read_bytes()[:kept])
        self.refused(file)

    @pytest.mark.parametrize(
        "header", [b"", b"[]", b"3", b"{}", b'{"__metadata__": 3}', b'{"__metadata__": {}}', b"\xff", b"["]
    )
    def test_another_header_is_refused(self, file: Path, header: bytes) -> None:
        file.write_bytes(len(header).to_bytes(8, "little") + header)
        self.refused(file)
        file.write_bytes((1 << 62).to_bytes(8, "little") + header)
        self.refused(file)

    @pytest.mark.parametrize(
        "changes",
        [
            {"taps": None},
            {"taps": []},
            {"taps": [{"name": "nowhere", "channels": 4, "stride": 4.0}]},
            {"taps": [{"name": "stage", "channels": 0, "stride": 4.0}]},
            {"taps": [{"name": "stage", "channels": 5, "stride": 4.0}]},
            {"taps": [{"name": "stage", "channels": 10**12, "stride": 4.0}]},
            {"taps": [{"name": "stage", "channels": 4, "stride": 0.0}]},
            {"taps": 5 * [{"name": "stage", "channels": 4, "stride": 4.0}]},
            {"size": [0, 32]},
            {"size": [LONGEST + 1, 32]},
            {"size": [32]},
            {"std": [0, 1, 1]},
            {"mean": [1e999, 0, 0]},
            {"mean": [1e308, 0, 0]},
            {"taps": [{"name": "stage", "channels": 4, "stride": 4.0, "channels_last": True}]},
            {"interpolation": "best"},
            {"any_size": "yes"},
            {"more": 3},
            {"provenance": {}},
        ],
        ids=str,
    )
    def test_a_description_that_does_not_fit_is_refused(self, file: Path, changes: dict[str, Any]) -> None:
        rewrite(file, **changes)
        self.refused(file)

    def test_the_weights_of_another_network_are_refused(self, file: Path) -> None:
        whole, some = file.read_bytes(), next(iter(safetensors.torch.load_file(file)))
        rewrite(file, {some: None})
        self.refused(file, "it does not have the weights of Own")
        file.write_bytes(whole)
        rewrite(file, {"layers.head.weight": torch.zeros(3, 4)})
        self.refused(file, "it does not have the weights of Own")
        file.write_bytes(whole)
        rewrite(file, {some: torch.zeros(7)})
        self.refused(file)

    @pytest.mark.parametrize("name", ["timm:vit_giant_patch14_224", "vgg19", "timm:resnet18@my.pt"])
    def test_a_small_file_does_not_allocate_the_large_network_that_it_names(
        self, file: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, allocated = nn.Module.register_parameter, list[int]()

        def watched(module: nn.Module, key: str, value: nn.Parameter | None) -> None:
            allocated.append(0 if value is None or value.is_meta else value.numel())
            real(module, key, value)

        made = json.loads(header_of(file)["__metadata__"]["wsseg"])["provenance"]
        rewrite(file, provenance=made | {"classifier": name})
        monkeypatch.setattr(nn.Module, "register_parameter", watched)
        self.refused(file, "it has too few weights for ")
        assert sum(allocated) < 1000  # Those of the own module alone.

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_weights_that_are_not_finite_are_refused(self, file: Path, value: float) -> None:
        rewrite(file, {"decoder.context.bias": torch.full((48,), value)})
        self.refused(file, "its weights are not finite")

    @pytest.mark.parametrize("kind", [torch.complex64, torch.int8], ids=str)
    def test_weights_that_are_no_real_numbers_are_refused(self, file: Path, kind: torch.dtype) -> None:
        rewrite(file, {"decoder.context.bias": torch.zeros(48, dtype=kind)})
        self.refused(file, "its weights are not real numbers")

    def test_one_s_own_module_needs_its_classifier(self, file: Path) -> None:
        for classifier in (None, own(OneSize)):
            with pytest.raises(ValueError, match="it needs the classifier Own; use it together with that classifier"):
                read_objectness(file, classifier)

    def test_its_module_stays_as_it_is(self, file: Path) -> None:
        classifier = own()
        before = {name: one.clone() for name, one in classifier.model.state_dict().items()}
        read_objectness(file, classifier).network.layers.stage[0].weight.fill_(0)
        assert all(torch.equal(one, before[name]) for name, one in classifier.model.state_dict().items())


class TestShipped:
    def test_it_is_small_and_says_how_it_was_learned(self) -> None:
        path = Path(objectness.__file__).with_name(SHIPPED)
        assert path.stat().st_size < 10_000_000
        found = load_objectness()
        made = found.provenance
        assert (made.classifier, made.start_sha256, found.any_size) == ("efficientnet_lite2", None, True)
        assert made.photos > 1000 and made.rounds > 1
        assert found is load_objectness()
        assert found.digest == hashlib.sha256(path.read_bytes()).hexdigest()
