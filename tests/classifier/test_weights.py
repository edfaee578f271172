"""Weights files: checkpoints, hostile files and downloads."""

import hashlib
import pickle
import re
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import timm
import torch
import torchvision
from small_classifiers import PHOTO, RNG, SMALL, assert_same_scores, network, saved

from wsseg.classifier import architectures
from wsseg.classifier.classifier import IMAGENET, Preprocessing
from wsseg.classifier.imagenet import imagenet_categories
from wsseg.classifier.load import load_classifier
from wsseg.segmenting.segmenter import Segmenter


@pytest.mark.parametrize("name", ["weights.pth", "weights.pt", "weights.safetensors", "WEIGHTS.PTH"])
def test_a_checkpoint_of_a_torchvision_network(tmp_path, name):
    model = network()
    path = saved(tmp_path, model, name)
    classifier = load_classifier(f"squeezenet1_1@{path}")
    assert_same_scores(classifier, model)
    assert classifier.name == f"squeezenet1_1@{name}"
    assert classifier.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert classifier.preprocessing == IMAGENET
    assert classifier.categories == imagenet_categories()
    assert_same_scores(load_classifier(path, architecture="torchvision:squeezenet1_1"), model)
    assert_same_scores(load_classifier(str(path), architecture="squeezenet1_1"), model)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state},
        lambda state: {f"module.{key}": value for key, value in state.items()},
        lambda state: {"state_dict": {f"model.{key}": value for key, value in state.items()}},
        lambda state: {"model": {f"module._orig_mod.{key}": value for key, value in state.items()}},
        lambda state: {key: value.half() for key, value in state.items()},
    ],
)
def test_wrappers_and_prefixes_of_trainers_are_removed(tmp_path, wrap):
    model = network(num_classes=3)
    classifier = load_classifier(f"squeezenet1_1@{saved(tmp_path, model, wrap=wrap)}")
    batch = classifier.preprocess(PHOTO)
    assert (classifier.scores(batch) - model(batch)).abs().max() < 0.01
    assert {parameter.dtype for parameter in classifier.model.parameters()} == {torch.float32}


def test_the_number_of_classes_is_that_of_the_checkpoint(tmp_path):
    path = saved(tmp_path, network(num_classes=3), "cats.safetensors")
    assert load_classifier(f"squeezenet1_1@{path}").categories.names == ("class 0", "class 1", "class 2")
    named = load_classifier(f"squeezenet1_1@{path}", categories=["a", "b", "c"], preprocessing=SMALL)
    assert named.categories.names == ("a", "b", "c") and named.preprocessing == SMALL
    with pytest.raises(ValueError, match="categories must be 3 names, got 1000"):
        load_classifier(f"squeezenet1_1@{path}", categories=imagenet_categories())


@pytest.mark.slow
def test_the_article_s_vgg19_makes_a_mask(tmp_path):
    """The weights are random, so the mask means nothing, but every step runs."""
    path = saved(tmp_path, network("vgg19", init_weights=False))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    classifier = load_classifier(f"vgg19@{path}")
    path.unlink()  # Half a gigabyte.
    assert (classifier.name, classifier.digest) == ("vgg19@weights.pth", digest)
    assert (classifier.preprocessing, classifier.categories) == (IMAGENET, imagenet_categories())
    assert sum(parameter.numel() for parameter in classifier.model.parameters()) == 143_667_240
    result = Segmenter(classifier, "simonyan2013").segment(PHOTO)
    assert result.mask.shape == PHOTO.shape[:2] and result.saliency.max() == 1


@pytest.mark.parametrize("name", ["mnasnet0_5", "googlenet"])
def test_networks_with_special_options(tmp_path, name):
    options = {"init_weights": False, "transform_input": True} if name == "googlenet" else {}
    model = network(name, **options)
    classifier = load_classifier(f"{name}@{saved(tmp_path, model)}")
    assert_same_scores(classifier, model)
    assert getattr(classifier.model, "transform_input", None) is options.get("transform_input")


@pytest.mark.parametrize(("name", "side"), [("vit_b_16", 224), ("vit_h_14", 518)])
def test_a_transformer_is_built_for_the_size_of_its_weights(name, side):
    assert architectures._torchvision_options(name, side) == {"image_size": side}


def test_old_densenet_names_are_understood(tmp_path):
    model = network("densenet121")

    def renamed(state):
        return {re.sub(r"(denselayer\d+\.(norm|relu|conv))([12])\.", r"\1.\3.", key): state[key] for key in state}

    path = saved(tmp_path, model, wrap=renamed)
    assert any(".norm.1." in key for key in torch.load(path, weights_only=True))
    assert_same_scores(load_classifier(f"densenet121@{path}"), model)


def test_a_timm_checkpoint(tmp_path):
    torch.manual_seed(2)
    model = timm.create_model("test_resnet", num_classes=5).eval()
    path = saved(tmp_path, model)
    classifier = load_classifier(f"timm:test_resnet@{path}")
    assert_same_scores(classifier, model)
    assert classifier.name == "timm:test_resnet@weights.pth"
    assert classifier.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(classifier.categories) == 5
    data = timm.data.resolve_model_data_config(model)
    expected = Preprocessing(data["input_size"][1:], data["mean"], data["std"], data["interpolation"])
    assert classifier.preprocessing == expected
    assert "state_dict" not in classifier.model.pretrained_cfg


class Bomb:
    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


def hostile_files():
    zipped = b"PK\x03\x04" + b"\x00" * 100
    return {
        "empty": b"",
        "text": b"<html>not found</html>",
        "broken zip": zipped,
        "pickle": pickle.dumps(Bomb()),
        "noise": RNG.integers(0, 256, 5000, dtype=np.uint8).tobytes(),
    }


@pytest.mark.parametrize("content", hostile_files().values(), ids=hostile_files())
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_hostile_checkpoint_runs_nothing_and_is_named(tmp_path, monkeypatch, content, suffix):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint must be a readable file of weights, got .*bad"):
        load_classifier(f"squeezenet1_1@{path}")
    assert not Path("exploded").exists()


def test_a_whole_pickled_model_is_refused(tmp_path):
    torch.save(network(), tmp_path / "model.pth")
    with pytest.raises(
        ValueError, match=r"readable file of weights.*save it again with torch\.save\(model\.state_dict"
    ):
        load_classifier(f"squeezenet1_1@{tmp_path / 'model.pth'}")


@pytest.mark.parametrize("content", [[1, 2], {}, {1: torch.zeros(2)}, torch.zeros(3)])
def test_a_file_without_named_tensors_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "odd.pth")
    with pytest.raises(ValueError, match="checkpoint must hold tensors by their names, got"):
        load_classifier(f"squeezenet1_1@{tmp_path / 'odd.pth'}")


@pytest.mark.parametrize("architecture", ["squeezenet1_0", "timm:test_resnet"])
def test_weights_of_another_network_name_the_first_keys_in_one_line(tmp_path, architecture):
    path = saved(tmp_path, network("squeezenet1_1"))
    with pytest.raises(ValueError, match=f"checkpoint must hold the weights of .*{path.name}") as caught:
        load_classifier(f"{architecture}@{path}")
    message = str(caught.value)
    assert "\n" not in message and len(message) < 1000
    assert "weight" in message.split(path.name)[1]


def test_a_tensor_of_the_wrong_shape_is_named(tmp_path):
    def reshaped(state):
        return {**state, "features.0.weight": torch.zeros(1)}

    with pytest.raises(ValueError, match=r"size mismatch for features\.0\.weight"):
        load_classifier(f"squeezenet1_1@{saved(tmp_path, network(), wrap=reshaped)}")


def test_nan_weights_are_found_when_used(tmp_path):
    def poisoned(state):
        return {key: torch.full_like(value, torch.nan) for key, value in state.items()}

    classifier = load_classifier(f"squeezenet1_1@{saved(tmp_path, network(), wrap=poisoned)}")
    with pytest.raises(ValueError, match=r"finite scores, got NaN or infinity from squeezenet1_1@weights\.pth"):
        classifier.probabilities(PHOTO)


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match=r"checkpoint must be a file of weights, got .*gone\.pth', which is no file; check its spelling",
    ):
        load_classifier(f"squeezenet1_1@{tmp_path / 'gone.pth'}")


@pytest.fixture
def torchvision_file(tmp_path, monkeypatch):
    """A weights file of SqueezeNet at torchvision's address, with its SHA-256 in its name."""
    path = saved(tmp_path, network())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path = path.rename(tmp_path / f"squeezenet1_1-{digest[:8]}.pth")
    weights = torchvision.models.SqueezeNet1_1_Weights.DEFAULT
    monkeypatch.setattr(weights.value, "url", path.as_uri())
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    return path


def test_torchvision_weights_are_downloaded_once(torchvision_file, tmp_path, capsys):
    classifier = load_classifier("squeezenet1_1")
    assert_same_scores(classifier, network())
    assert classifier.name == "squeezenet1_1"
    assert classifier.digest == hashlib.sha256(torchvision_file.read_bytes()).hexdigest()
    assert (classifier.preprocessing, classifier.categories) == (IMAGENET, imagenet_categories())
    torchvision_file.unlink()
    assert_same_scores(load_classifier("torchvision:squeezenet1_1"), network())
    assert [path.name for path in (tmp_path / "hub/checkpoints").iterdir()] == [torchvision_file.name]
    assert capsys.readouterr() == ("", "")


def test_offline_one_sentence_says_where_to_put_the_file(torchvision_file, tmp_path):
    content = torchvision_file.read_bytes()
    torchvision_file.unlink()
    place = tmp_path / "hub/checkpoints" / torchvision_file.name
    remedy = f"connect to the network, or get {torchvision_file.as_uri()} elsewhere and save it as '{place}'"
    with pytest.raises(ConnectionError, match=re.escape(remedy)) as caught:
        load_classifier("squeezenet1_1")
    assert "\n" not in str(caught.value)
    assert list(place.parent.iterdir()) == []
    place.write_bytes(content)
    assert_same_scores(load_classifier("squeezenet1_1"), network())


def test_a_download_that_arrives_damaged_is_not_kept(torchvision_file, tmp_path):
    torchvision_file.write_bytes(torchvision_file.read_bytes()[:-9])
    with pytest.raises(ConnectionError, match="invalid hash value"):
        load_classifier("squeezenet1_1")
    assert list((tmp_path / "hub/checkpoints").iterdir()) == []


def test_a_damaged_cached_file_is_refused(torchvision_file, tmp_path):
    load_classifier("squeezenet1_1")
    place = tmp_path / "hub/checkpoints" / torchvision_file.name
    place.write_bytes(place.read_bytes()[:-9])
    with pytest.raises(ValueError, match=rf"{place.name}' must have SHA-256 .*delete it"):
        load_classifier("squeezenet1_1")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache of the Hugging Face hub, and no network."""

    def offline(url):
        raise OSError("no route to host")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", offline)
    return tmp_path / "models--timm--test_resnet.r160_in1k"


def test_timm_weights_come_from_the_hub_cache(hub):
    torch.manual_seed(3)
    model = timm.create_model("test_resnet.r160_in1k").eval()
    (hub / "refs").mkdir(parents=True)
    (hub / "refs/main").write_text("abc")
    (hub / "snapshots/abc").mkdir(parents=True)
    path = saved(hub / "snapshots/abc", model, "model.safetensors")
    classifier = load_classifier("timm:test_resnet.r160_in1k")
    assert_same_scores(classifier, model)
    assert classifier.name == "timm:test_resnet.r160_in1k"
    assert classifier.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert classifier.categories == imagenet_categories()
    assert classifier.preprocessing.size == (160, 160) and len(classifier.categories) == 1000


def test_offline_timm_says_where_to_get_the_file(hub):
    url = "https://huggingface.co/timm/test_resnet.r160_in1k/resolve/main/model.safetensors"
    with pytest.raises(ConnectionError, match=re.escape(f"get {url} elsewhere and pass timm:test_resnet")) as caught:
        load_classifier("timm:test_resnet.r160_in1k")
    assert "no route to host" in str(caught.value) and "\n" not in str(caught.value)


def test_timm_weights_are_downloaded_through_the_hub(hub, tmp_path, monkeypatch):
    path = saved(tmp_path, timm.create_model("test_resnet"), "fetched.safetensors")
    asked = []

    def download(*where):
        asked.append(where)
        return str(path)

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda url: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert load_classifier("timm:test_resnet").digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert asked == [("timm/test_resnet.r160_in1k", "model.safetensors")]
