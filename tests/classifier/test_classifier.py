"""The network: its weights, its names, what it is shown, and how it comes back."""

import hashlib
import pickle
import re
from importlib import resources
from pathlib import Path

import huggingface_hub
import numpy as np
import PIL.Image
import pytest
import safetensors.torch
import timm
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from wsseg.classifier import architectures, load
from wsseg.classifier import weights as wheels
from wsseg.classifier.categories import Categories, Target
from wsseg.classifier.classifier import IMAGENET, Classifier, Preprocessing
from wsseg.classifier.load import imagenet_categories, load_classifier
from wsseg.segmenting.segmenter import Segmenter

SMALL = Preprocessing((8, 10), (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)


def shipped(name):
    with resources.as_file(resources.files("skimage") / f"data/{name}") as path, PIL.Image.open(path) as photo:
        return np.array(photo.convert("RGB"))


class Tiny(nn.Module):
    """A network with everything that training changes, and with in-place layers."""

    def __init__(self, classes=4):
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReLU(inplace=True),
            nn.Conv2d(3, 6, 3),
            nn.BatchNorm2d(6),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, classes),
        )

    def forward(self, batch):
        return self.layers(batch)


class Answer(nn.Module):
    """A network that returns what it is told."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, batch):
        return self.answer(batch)


def own(model=None, **options):
    torch.manual_seed(0)
    return load_classifier(model or Tiny(), preprocessing=SMALL, **options)


@pytest.fixture(scope="module")
def embedded():
    return load_classifier()


# The embedded classifier


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


def test_a_classifier_s_repr_is_one_short_line(embedded):
    assert repr(embedded) == ("Classifier(efficientnet_lite0, 1000 categories, input 224 x 224, on cpu, with a head)")
    assert repr(own()) == "Classifier(Tiny, 4 categories, input 10 x 8, on cpu)"


def test_a_question_about_the_network_is_answered_once():
    classifier, asked = own(), []

    def question(about):
        asked.append(about)
        return True

    assert classifier.answer(question) and classifier.answer(question)
    assert asked == [classifier]


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


# ImageNet's names


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


@pytest.mark.parametrize("name", ["cat", "dog", "bus"])
def test_imagenet_prefixes_fit_none(name):
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


# From photo to tensor and back


def test_the_whole_photo_is_seen(embedded):
    photo = np.zeros((200, 500, 3), np.uint8)
    plain = embedded.preprocess(photo)
    for y, x in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        marked = photo.copy()
        marked[slice(-20, None) if y else slice(0, 20), slice(-20, None) if x else slice(0, 20)] = 255
        assert (embedded.preprocess(marked) - plain)[0, 0, y, x] > 1.5


def test_a_squeeze_keeps_halves_in_halves():
    photo = np.zeros((30, 90, 3), np.uint8)
    photo[:, 45:] = 255
    shown = own().deprocess(own().preprocess(photo, (16, 16)))
    assert (shown[:, :7] == 0).all() and (shown[:, 9:] == 255).all()


def test_shrinking_is_antialiased():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    shown = own().deprocess(own().preprocess(stripes, (8, 8)))
    assert shown.min() > 110 and shown.max() < 145


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_preprocessing_agrees_with_pillow(interpolation):
    preprocessing = Preprocessing((17, 23), SMALL.mean, SMALL.std, interpolation)
    tensor = load_classifier(Tiny(), preprocessing=preprocessing).preprocess(PHOTO)
    filters = {"bilinear": PIL.Image.Resampling.BILINEAR, "bicubic": PIL.Image.Resampling.BICUBIC}
    squeezed = np.array(PIL.Image.fromarray(PHOTO).resize((23, 17), filters[interpolation]))
    expected = (squeezed / 255 - SMALL.mean) / SMALL.std
    assert tensor.dtype == torch.float32
    assert np.abs(tensor[0].permute(1, 2, 0).numpy() - expected).max() < 1.5 / 255 / min(SMALL.std)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_deprocess_inverts_preprocess(height, width, seed):
    photo = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    classifier = Classifier("tiny", nn.Identity(), Categories(("a",)), SMALL, None, torch.device("cpu"))
    shown = classifier.deprocess(classifier.preprocess(photo, (height, width)))
    assert np.array_equal(shown, photo)
    assert np.array_equal(classifier.deprocess(classifier.preprocess(photo, (height, width))[0]), photo)


def test_deprocess_clips_and_takes_one_input_that_may_need_a_gradient():
    classifier = own()
    shown = classifier.deprocess(torch.full((3, 2, 5), 99.0, requires_grad=True))
    assert shown.shape == (2, 5, 3) and (shown == 255).all()
    assert (classifier.deprocess(torch.full((3, 2, 5), -99.0)) == 0).all()
    for strange in (torch.zeros(2, 3, 4, 4), torch.zeros(4, 4), torch.full((3, 2, 2), torch.nan)):
        with pytest.raises(ValueError, match="tensor must be one finite"):
            classifier.deprocess(strange)


def test_preprocess_leaves_the_photo_alone_and_takes_views():
    photo = PHOTO.copy()
    photo.setflags(write=False)
    classifier = own()
    assert torch.equal(classifier.preprocess(photo[:, ::-1]), classifier.preprocess(PHOTO[:, ::-1].copy()))
    assert np.array_equal(photo, PHOTO)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 300, 3), (300, 1, 3)])
def test_the_smallest_photos_pass(shape):
    assert own().probabilities(np.full(shape, 9, np.uint8)).shape == (4,)


def test_what_is_no_photo_or_size_is_refused():
    with pytest.raises(ValueError, match="image must be a non-empty uint8"):
        own().preprocess(PHOTO[..., 0])
    for size in ((0, 5), (5, -1), (5, 5, 5)):
        with pytest.raises(ValueError, match="size must be a height and a width"):
            own().preprocess(PHOTO, size)


@pytest.mark.parametrize(
    ("argument", "values"),
    [
        ("size", ((0, 8), SMALL.mean, SMALL.std)),
        ("mean and std", ((8, 8), (0.5, 0.5), SMALL.std)),
        ("mean and std", ((8, 8), SMALL.mean, (0.2, 0.0, 0.2))),
        ("mean and std", ((8, 8), (np.nan, 0, 0), SMALL.std)),
        ("interpolation", ((8, 8), SMALL.mean, SMALL.std, "nearest")),
    ],
)
def test_preprocessing_is_checked(argument, values):
    with pytest.raises(ValueError, match=f"^{argument} must"):
        Preprocessing(*values)


# How the network comes back


def marks(model):
    return (
        [inner.training for inner in model.modules()],
        [parameter.requires_grad for parameter in model.parameters()],
        [parameter.grad is None for parameter in model.parameters()],
        {key: value.clone() for key, value in model.state_dict().items()},
        [len(inner._forward_hooks) + len(inner._backward_hooks) for inner in model.modules()],
    )


def assert_unchanged(model, before):
    after = marks(model)
    assert after[:3] == before[:3] and after[4] == before[4]
    assert all(torch.equal(after[3][key], value) for key, value in before[3].items())


def trained():
    """A network in the middle of training: one frozen layer, one sub-module in the other mode, gradients here."""
    model = Tiny().train()
    model.layers[2].eval()
    model.layers[1].bias.requires_grad_(False)
    model(torch.rand(2, 3, 8, 8)).sum().backward()
    return model


def test_a_model_in_training_comes_back_as_given():
    model = trained()
    model.layers[2].train()
    before, threads = marks(model), torch.get_num_threads()
    classifier = own(model)
    batch = classifier.preprocess(PHOTO).requires_grad_()
    classifier.scores(batch)[0, 1].backward()
    assert batch.grad.abs().max() > 0
    assert np.array_equal(classifier.probabilities(PHOTO), classifier.probabilities(PHOTO))
    assert_unchanged(model, before)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("failing", [False, True])
def test_frozen_is_frozen_inside_and_undone_outside(failing):
    model = trained()
    classifier, before = own(model), marks(model)
    gradients = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(KeyError) if failing else classifier.frozen(), classifier.frozen():
            assert not any(inner.training for inner in model.modules())
            assert not any(parameter.requires_grad for parameter in model.parameters())
            assert torch.get_num_threads() == 1
            if failing:
                raise KeyError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert_unchanged(model, before)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        assert gradient is None or torch.equal(parameter.grad, gradient)


def test_frozen_does_not_call_overridden_mode_switches():
    class Merging(Tiny):
        def train(self, mode=True):
            raise RuntimeError("merges its weights")

    with own(Merging()).frozen():
        pass


def test_probabilities_need_no_gradient_mode_and_keep_the_callers():
    classifier = own()
    with torch.inference_mode():
        inside = classifier.probabilities(PHOTO)
        assert torch.is_inference_mode_enabled()
    assert np.array_equal(classifier.probabilities(PHOTO), inside)
    assert torch.is_grad_enabled()


# Scores


def test_scores_are_what_the_network_says_and_the_batch_stays():
    model = Tiny().eval()
    batch = torch.randn(3, 3, 8, 8)
    before = batch.clone()
    scores = own(model).scores(batch)
    assert torch.equal(batch, before)
    assert torch.allclose(scores, model(before.clone()), atol=1e-6)


def test_an_in_place_first_layer_still_gives_input_gradients():
    classifier = own()
    batch = (torch.rand(1, 3, 8, 8) + 0.1).requires_grad_()
    classifier.scores(batch)[0, 2].backward()
    assert batch.grad.shape == batch.shape and batch.grad.abs().max() > 0


def test_a_linear_network_has_its_weights_as_gradient():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 10, 5))
    classifier = own(model)
    batch = classifier.preprocess(PHOTO).requires_grad_()
    classifier.scores(batch)[0, 3].backward()
    assert torch.allclose(batch.grad.flatten(), model[1].weight[3])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_networks_of_other_precision_work_and_keep_it(dtype):
    torch.manual_seed(0)
    model = Tiny().to(dtype)
    classifier = load_classifier(model, preprocessing=SMALL)
    batch = classifier.preprocess(PHOTO).requires_grad_()
    scores = classifier.scores(batch)
    scores[0, 0].backward()
    assert scores.dtype == batch.grad.dtype == torch.float32
    assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    assert np.abs(classifier.probabilities(PHOTO) - own().probabilities(PHOTO)).max() < 0.02


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda batch: (batch, batch), r"scores of shape \(1, classes\), got tuple"),
        (lambda batch: {"logits": batch}, "got dict"),
        (lambda batch: batch, r"got \(1, 3, 8, 10\)"),
        (lambda batch: torch.zeros(2, 7), r"got \(2, 7\)"),
        (lambda batch: torch.tensor([[1.0, torch.nan]]), "finite scores, got NaN or infinity from Answer"),
        (lambda batch: torch.tensor([[1.0, torch.inf]]), "finite scores"),
        (lambda batch: torch.tensor([[1.0, 2.0, -4.0]]).softmax(1), "un-normalized scores"),
        (lambda batch: torch.tensor([[1.0, 2.0, -4.0]]).log_softmax(1), "un-normalized scores"),
    ],
)
def test_a_module_that_returns_no_scores_is_refused_at_once(answer, message):
    with pytest.raises(ValueError, match=f"model must return .*{message}"):
        own(Answer(answer))


def test_a_number_of_scores_that_changes_is_refused():
    classifier = own(Answer(lambda batch: torch.zeros(len(batch), len(batch) + 2)))
    with pytest.raises(ValueError, match="got 4 scores for 3 categories"):
        classifier.scores(torch.zeros(2, 3, 8, 10))


# Targets


def test_without_a_wish_the_target_is_the_top_class():
    classifier = own(categories=["a", "b", "c", "d"])
    probabilities = classifier.probabilities(PHOTO)
    top = int(np.argmax(probabilities))
    assert classifier.target(PHOTO) == classifier.target(probabilities) == Target((top,), "abcd"[top])
    assert classifier.target(np.array([0.1, 0.6, 0.2, 0.1], np.float32)).category == "b"


def test_a_wish_is_resolved_without_asking_the_network():
    classifier = own(categories=["a", "b", "c", "d"])
    object.__setattr__(classifier, "model", None)
    assert classifier.target(PHOTO, "c|b") == Target((1, 2), "c|b")
    assert classifier.target(PHOTO, 0) == Target((0,), "a")


# A module of one's own


def test_an_own_module_is_taken_as_it_is():
    model = Tiny()
    classifier = own(model, categories=("cat", "dog", "cow", "hen"))
    assert classifier.model is model and model.training
    assert (classifier.name, classifier.digest, classifier.preprocessing) == ("Tiny", None, SMALL)
    assert classifier.categories.names == ("cat", "dog", "cow", "hen")
    assert own().categories.names == ("class 0", "class 1", "class 2", "class 3")
    assert own(categories=Categories(tuple("abcd"))).categories.names == tuple("abcd")


def test_an_own_module_needs_preprocessing_and_fitting_categories():
    with pytest.raises(ValueError, match="preprocessing must be given"):
        load_classifier(Tiny())
    with pytest.raises(ValueError, match="categories must be 4 names, got 2"):
        own(categories=["cat", "dog"])
    with pytest.raises(TypeError, match="categories must be a sequence of names, got 'cats'"):
        own(categories="cats")


def test_an_own_module_is_never_moved():
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


# Checkpoints


def network(name="squeezenet1_1", **options):
    torch.manual_seed(1)
    return torchvision.models.get_model(name, weights=None, **options).eval()


def saved(folder, model, name="weights.pth", wrap=lambda state: state):
    path = folder / name
    state = wrap(model.state_dict())
    safetensors.torch.save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)
    return path


def assert_same_scores(classifier, model):
    batch = classifier.preprocess(PHOTO)
    with classifier.frozen(), torch.no_grad():
        assert torch.allclose(classifier.scores(batch), model(batch), atol=1e-4)


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
def test_what_trainers_put_around_the_weights_comes_off(tmp_path, wrap):
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
    """Of weights drawn here: its mask is of nothing, but all of it is gone through."""
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
def test_networks_with_customs_of_their_own(tmp_path, name):
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


# Names

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
def test_a_source_that_is_none_says_what_to_write(source, message):
    with pytest.raises(ValueError, match=message):
        load_classifier(source)


@pytest.mark.parametrize("source", [3, None, b"vgg19", torch.zeros(2)])
def test_a_source_of_another_type_is_refused(source):
    with pytest.raises(TypeError, match=r"source must be a name, a path or a torch\.nn\.Module"):
        load_classifier(source)


# Downloads


@pytest.fixture
def torchvision_file(tmp_path, monkeypatch):
    """A weights file of SqueezeNet at the address that torchvision believes in; its name tells its SHA-256."""
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


def test_without_a_network_one_sentence_says_where_the_file_may_be_put(torchvision_file, tmp_path):
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


def test_a_damaged_file_in_its_place_is_refused(torchvision_file, tmp_path):
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


def test_without_a_network_timm_says_where_to_get_the_file(hub):
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
