"""Loading a classifier: by name, from a module, and the names of its classes."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from small_classifiers import PHOTO, SMALL, Answer, Tiny, own, shipped

from wsseg.classifier import load, wheels
from wsseg.classifier.categories import Categories, Target
from wsseg.classifier.classifier import IMAGENET, Preprocessing
from wsseg.classifier.imagenet import imagenet_categories
from wsseg.classifier.load import load_classifier


@pytest.mark.parametrize(
    ("photo", "category", "probability"), [("chelsea.png", "Egyptian cat", 0.77), ("coffee.png", "espresso", 0.90)]
)
def test_embedded_knows_real_photos(embedded, photo, category, probability):
    probabilities = embedded.probabilities(shipped(photo))
    assert embedded.target(probabilities).category == category
    assert probabilities.max() == pytest.approx(probability, abs=0.01)
    assert probabilities.shape == (1000,) and probabilities.dtype == np.float32
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_embedded_says_what_it_is(embedded):
    assert embedded.name == "efficientnet_lite0"
    assert embedded.digest == "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
    assert embedded.device == torch.device("cpu")
    assert not embedded.model.training


def test_embedded_input_is_127_and_128_based(embedded):
    white, dark = np.full((5, 5, 3), 255, np.uint8), np.full((5, 5, 3), 127, np.uint8)
    assert embedded.preprocess(white).unique().numpy() == pytest.approx([1.0])
    assert embedded.preprocess(dark).abs().max() < 1e-6
    assert embedded.preprocess(white).shape == (1, 3, 224, 224)


def test_a_changed_embedded_file_is_refused(monkeypatch):
    changed = wheels.Wheel("57934424" + "0" * 56, 224)
    for module in (load, wheels):
        monkeypatch.setattr(module, "WHEELS", {"efficientnet_lite0": changed})
    with pytest.raises(ValueError, match=r"efficientnet-lite0-57934424\.pth' must have SHA-256 579344240000"):
        load_classifier()


@pytest.mark.parametrize(("name", "side"), [("efficientnet_lite1", 240), ("efficientnet_lite2", 260)])
def test_the_larger_ones_are_wheels_too(name, side):
    classifier = load_classifier(name)
    assert classifier.preprocessing.size == (side, side)
    assert classifier.probabilities(shipped("chelsea.png"))[[281, 282, 285]].sum() > 0.5


def test_a_wheel_that_is_not_installed_is_an_extra(monkeypatch):
    for module in (load, wheels):
        monkeypatch.setattr(module, "WHEELS", {"efficientnet_lite9": wheels.Wheel("0" * 64, 300)})
    with pytest.raises(ValueError, match=r"must be installed, got efficientnet_lite9; pip install 'wsseg\[lite9\]'"):
        load_classifier("efficientnet_lite9")


def test_two_loads_give_the_same_bits_and_leave_the_random_state_alone(embedded):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    again = load_classifier()
    assert torch.equal(torch.rand(3), expected)
    assert np.array_equal(again.probabilities(PHOTO), embedded.probabilities(PHOTO))


def test_a_classifier_loaded_in_inference_mode_still_gives_gradients():
    with torch.inference_mode():
        classifier = load_classifier()
    batch = classifier.preprocess(PHOTO).requires_grad_()
    classifier.scores(batch)[0, 285].backward()
    assert batch.grad.abs().max() > 0


def test_imagenet_names_ids_and_synonyms_belong_together():
    categories = imagenet_categories()
    assert len(categories) == 1000
    assert categories.resolve("n02124075") == categories.resolve("egyptian_cat") == Target((285,), "Egyptian cat")
    assert categories.resolve("tabby cat").category == "tabby"
    assert categories.resolve("crane bird").indices == (134,)
    assert categories.resolve("tiger cat|tabby") == Target((281, 282), "tiger cat|tabby")


@pytest.mark.parametrize("name", ["crane", "maillot", "cardigan", "polecat"])
def test_imagenet_names_that_fit_several(name):
    with pytest.raises(ValueError, match="fits several"):
        imagenet_categories().resolve(name)


@pytest.mark.parametrize("name", ["golden", "hairless", "Egyptian"])
def test_a_single_word_of_an_imagenet_name_does_not_match(name):
    with pytest.raises(ValueError, match=rf"fits none; .*\b{name}\b"):
        imagenet_categories().resolve(name)


def test_every_wnid_means_its_class():
    categories = imagenet_categories()
    assert [categories.resolve(wnid).indices[0] for wnid in categories.wnids] == list(range(1000))


def test_larger_imagenets_have_names_too():
    categories = imagenet_categories(11821)
    assert len(categories) == 11821
    assert categories.wnids[0].startswith("n0")
    with pytest.raises(ValueError, match="classes must be the size of an ImageNet, got 12"):
        imagenet_categories(12)


def test_a_module_is_used_unchanged():
    model = Tiny()
    classifier = own(model, categories=("cat", "dog", "cow", "hen"))
    assert classifier.model is model and model.training
    assert (classifier.name, classifier.digest, classifier.preprocessing) == ("Tiny", None, SMALL)
    assert classifier.categories.names == ("cat", "dog", "cow", "hen")
    assert own().categories.names == ("class 0", "class 1", "class 2", "class 3")
    assert own(categories=Categories(tuple("abcd"))).categories.names == tuple("abcd")


def test_a_module_needs_preprocessing_and_matching_categories():
    with pytest.raises(ValueError, match="preprocessing must be given"):
        load_classifier(Tiny())
    with pytest.raises(ValueError, match="categories must be 4 names, got 2"):
        own(categories=["cat", "dog"])
    with pytest.raises(TypeError, match="categories must be a sequence of names, got 'cats'"):
        own(categories="cats")


def test_a_module_is_never_moved():
    assert own(device="cpu").device == torch.device("cpu")
    with pytest.raises(ValueError, match="device must be the module's own, cpu, got meta; move the module"):
        own(device="meta")


@pytest.mark.parametrize("device", ["meta", "bogus", "cuda:99", "mps:99"])
def test_a_device_that_torch_cannot_use_is_refused(device: str):
    with pytest.raises(ValueError, match=f"^device must be one that torch can use here, got {device} \\('"):
        load_classifier(device=device)


def test_a_module_without_parameters_works():
    assert own(Answer(lambda batch: batch.mean((2, 3)))).probabilities(PHOTO).shape == (3,)


def test_imagenet_preprocessing_is_torchvisions():
    preset = torchvision.models.ResNet50_Weights.IMAGENET1K_V1.transforms()
    expected = Preprocessing(tuple(preset.crop_size * 2), tuple(preset.mean), tuple(preset.std), "bilinear")
    assert expected == IMAGENET


UNTRAINED = next(name for name in timm.list_models() if not timm.is_model_pretrained(name))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("resnet51", "source must name an image classifier .*the nearest is resnet50"),
        ("timm:resnet50.a1_in2k", r"the nearest is .*timm:resnet50\.a1_in1k"),
        ("timm:resnet51", "the nearest is timm:resnet5"),
        ("fasterrcnn_resnet50_fpn", "source must name an image classifier"),
        ("fcn_resnet50", "source must name an image classifier"),
        ("", "got ''; the nearest is efficientnet_lite0"),
        ("weights.pth", "architecture must say which network 'weights.pth' belongs to.*'vgg19@weights.pth'"),
        (Path("weights.pth"), "architecture must say which network"),
        ("vgg19@weights.zip", r"checkpoint must end in .*, got 'weights\.zip'"),
        ("efficientnet_lite0@weights.pth", "write timm:tf_efficientnet_lite0@weights.pth"),
        (f"timm:{UNTRAINED}", "must have pretrained weights"),
        ("timm:vit_small_patch14_dinov2.lvd142m", "makes features only"),
    ],
)
def test_an_unknown_source_gets_a_remedy(source, message):
    with pytest.raises(ValueError, match=message):
        load_classifier(source)


@pytest.mark.parametrize("source", [3, None, b"vgg19", torch.zeros(2)])
def test_a_source_of_another_type_is_refused(source):
    with pytest.raises(TypeError, match=r"source must be a name, a path or a torch\.nn\.Module"):
        load_classifier(source)
