"""Classifiers of Hugging Face: small networks made here, loaded from a folder without any network connection."""

import json

import numpy as np
import PIL.Image
import pytest
import torch
from small_classifiers import PHOTO
from timm.data.imagenet_info import ImageNetInfo

from wsseg.classifier import huggingface
from wsseg.classifier.classifier import Preprocessing
from wsseg.classifier.load import load_classifier

transformers = pytest.importorskip("transformers")

NAMES = {0: "cat, domestic cat", 1: "dog", 2: "fish"}


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def vit(names=NAMES, **options):
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=32,
        patch_size=8,
        id2label=names,
        label2id={name: index for index, name in names.items()},
        **options,
    )
    network = transformers.ViTForImageClassification(config).eval()
    torch.nn.init.normal_(network.classifier.weight)  # Scores that differ from photo to photo.
    return network


def processor_of(**options):
    return transformers.ViTImageProcessor(**{"size": {"height": 32, "width": 32}} | options)


def saved(folder, network=None, processor=None):
    (network or vit()).save_pretrained(folder)
    (processor or processor_of()).save_pretrained(folder)
    return f"hf:{folder}"


def test_a_folder_gives_the_network_its_names_and_its_preprocessing(tmp_path, capfd):
    mean, std = (0.48, 0.45, 0.4), (0.22, 0.23, 0.24)
    source = saved(tmp_path, processor=processor_of(image_mean=mean, image_std=std, resample=3))
    capfd.readouterr()
    classifier = load_classifier(source)
    assert capfd.readouterr() == ("", "")
    assert classifier.name == source and len(classifier.digest) == 64
    assert classifier.categories.names == tuple(NAMES.values())
    assert classifier.categories.resolve("domestic cat").indices == (0,)
    assert classifier.preprocessing.mean == pytest.approx(mean, abs=1e-6)
    assert classifier.preprocessing.std == pytest.approx(std, abs=1e-6)
    assert (classifier.preprocessing.size, classifier.preprocessing.interpolation) == ((32, 32), "bicubic")
    assert classifier.activation == "softmax" and not classifier.model.training


@pytest.mark.parametrize("resample", [0, 2, 3])
def test_probabilities_are_transformers_own(tmp_path, resample):
    network, processor = vit(), processor_of(resample=resample)
    photo = PIL.Image.fromarray(PHOTO).resize((32, 32), PIL.Image.Resampling(resample))
    with torch.no_grad():
        expected = network(**processor(images=photo, return_tensors="pt")).logits.softmax(1)[0].numpy()
    found = load_classifier(saved(tmp_path, network, processor)).probabilities(PHOTO)
    assert found == pytest.approx(expected, abs=5e-3)


@pytest.mark.parametrize(
    ("processor", "expected"),
    [
        (processor_of(size={"height": 24, "width": 32}), Preprocessing((24, 32), (0.5,) * 3, (0.5,) * 3)),
        (processor_of(do_normalize=False), Preprocessing((32, 32), (0.0,) * 3, (1.0,) * 3)),
        (processor_of(do_resize=False), Preprocessing((32, 32), (0.5,) * 3, (0.5,) * 3)),
        (processor_of(rescale_factor=1 / 127.5), Preprocessing((32, 32), (0.25,) * 3, (0.25,) * 3)),
        (
            transformers.DeiTImageProcessor(size={"height": 40, "width": 40}, crop_size={"height": 32, "width": 32}),
            Preprocessing((32, 32), (0.5,) * 3, (0.5,) * 3, "bicubic"),
        ),
        (
            transformers.ConvNextImageProcessor(size={"shortest_edge": 32}, resample=1),
            Preprocessing((32, 32), (0.5,) * 3, (0.5,) * 3, "bicubic"),
        ),
        (
            # It subtracts 1 after scaling to [0, 2], then divides by the deviation twice.
            transformers.EfficientNetImageProcessor(
                size={"height": 32, "width": 32}, rescale_factor=1 / 127.5, rescale_offset=True, include_top=True
            ),
            Preprocessing((32, 32), (0.75,) * 3, (0.125,) * 3, "bicubic"),
        ),
    ],
    ids=["oblong", "no mean", "no resize", "other range", "crop", "shortest edge", "offset"],
)
def test_preprocessing_is_that_of_the_processor_without_its_crop(tmp_path, processor, expected):
    found = load_classifier(saved(tmp_path, processor=processor)).preprocessing
    assert (found.size, found.interpolation) == (expected.size, expected.interpolation)
    assert found.mean + found.std == pytest.approx(expected.mean + expected.std, abs=1e-5)


def test_a_network_for_bgr_gets_bgr(tmp_path):
    crop = {"height": 32, "width": 32}
    network = vit()
    source = saved(tmp_path, network, transformers.MobileViTImageProcessor(size={"shortest_edge": 32}, crop_size=crop))
    photo = np.random.default_rng(5).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    bgr = torch.tensor(photo[..., ::-1].copy()).permute(2, 0, 1)[None] / 255
    expected = network(bgr).logits.softmax(1)[0].detach().numpy()
    assert load_classifier(source).probabilities(photo) == pytest.approx(expected, abs=1e-5)


def test_several_labels_are_known_from_the_config(tmp_path):
    source = saved(tmp_path, vit(problem_type="multi_label_classification"))
    assert load_classifier(source).activation == "sigmoid"
    assert load_classifier(source, activation="softmax").probabilities(PHOTO).sum() == pytest.approx(1)


def test_one_label_is_one_logit(tmp_path):
    source = saved(tmp_path, vit({0: "cat"}))
    with pytest.raises(ValueError, match="got one logit; pass activation='sigmoid'"):
        load_classifier(source)
    assert load_classifier(source, activation="sigmoid").categories.names == ("not cat", "cat")


def test_imagenets_names_come_with_their_ids(tmp_path):
    labels = ImageNetInfo("imagenet-1k").label_descriptions()
    categories = load_classifier(saved(tmp_path, vit(dict(enumerate(labels))))).categories
    assert categories.names == tuple(labels)
    assert categories.resolve("n02124075").indices == categories.resolve("Egyptian cat").indices == (285,)


def test_the_caller_s_values_take_precedence(tmp_path):
    own = Preprocessing((32, 32), (0.1,) * 3, (0.2,) * 3)
    classifier = load_classifier(saved(tmp_path), categories=["a", "b", "c"], preprocessing=own)
    assert (classifier.categories.names, classifier.preprocessing) == (("a", "b", "c"), own)


def test_a_transformers_network_may_be_passed_as_a_module(tmp_path):
    network = vit()
    own = load_classifier(network, preprocessing=Preprocessing((32, 32), (0.5,) * 3, (0.5,) * 3), categories=NAMES)
    assert own.categories.names == tuple(NAMES.values())
    assert np.array_equal(own.probabilities(PHOTO), load_classifier(saved(tmp_path, network)).probabilities(PHOTO))


def test_a_network_without_a_trained_last_layer_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must hold all weights of a classifier, got .* without classifier\.bias"):
        load_classifier(saved(tmp_path, vit().vit))


@pytest.mark.parametrize("missing", ["preprocessor_config.json", "config.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file_is_refused(tmp_path, missing):
    source = saved(tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(ValueError, match="^source must hold an image classifier and its image processor, got hf:"):
        load_classifier(source)


def test_code_in_a_folder_is_not_run(tmp_path):
    source = saved(tmp_path)
    (tmp_path / "evil.py").write_text("raise SystemExit('ran')")
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": dict.fromkeys(("AutoConfig", "AutoModel"), "evil.Evil")}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="^source must hold an image classifier"):
        load_classifier(source)


@pytest.mark.parametrize("source", ["hf:", "hf:/no/such/folder", "hf:a/b/c", "hf:./weights"])
def test_a_source_that_is_neither_folder_nor_name_is_refused(source):
    with pytest.raises(FileNotFoundError, match="source must name a repository of the Hugging Face hub or a folder"):
        load_classifier(source)


def test_a_download_that_fails_says_what_to_do():
    with pytest.raises(ConnectionError, match="got no files for hf:nobody/nothing .*nobody/nothing elsewhere and pass"):
        load_classifier("hf:nobody/nothing")


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(huggingface, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"must be installed, got hf:a/b; pip install 'wsseg\[hf\]'"):
        load_classifier("hf:a/b")
