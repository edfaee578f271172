"""Custom classifiers: names in any form, one logit, several labels, and unusable networks."""

import sys

import numpy as np
import pytest
import torch
import torchvision
from small_classifiers import PHOTO, SMALL, Tiny, own, saved
from torch import nn

from wsseg.classifier.categories import Categories
from wsseg.classifier.classifier import Preprocessing
from wsseg.classifier.load import load_classifier


def names_of(categories):
    torch.manual_seed(0)
    return load_classifier(Tiny(3), preprocessing=SMALL, categories=categories).categories.names


@pytest.mark.parametrize(
    "categories",
    [
        ["cat", "dog", "fish"],
        Categories(("cat", "dog", "fish")),
        {0: "cat", 1: "dog", 2: "fish"},
        {2: "fish", 0: "cat", 1: "dog"},
        {"0": "cat", "2": "fish", "1": "dog"},
        {"dog": 1, "fish": 2, "cat": 0},
        {"dog": "1", "fish": "2", "cat": "0"},
        {np.int64(1): "dog", np.int64(0): "cat", np.int64(2): "fish"},
        {"cat": np.int32(0), "fish": np.int32(2), "dog": np.int32(1)},
        {"cat": 0, "dog": 1, "fish": 2}.keys(),
        np.array(["cat", "dog", "fish"]),
        pytest.param(iter(["cat", "dog", "fish"]), id="iterator"),
    ],
    ids=str,
)
def test_names_may_come_in_any_ordered_form(categories):
    assert names_of(categories) == ("cat", "dog", "fish")


def test_keys_that_are_numbers_are_indices_even_if_the_names_are_numbers_too():
    assert names_of({"0": "2", "1": "0", "2": "1"}) == ("2", "0", "1")


@pytest.mark.parametrize("unordered", [{"cat", "dog", "fish"}, frozenset({"cat", "dog", "fish"})])
def test_a_set_has_no_order(unordered):
    with pytest.raises(TypeError, match="^categories must be a sequence of names, got .*; put them in the order"):
        names_of(unordered)


@pytest.mark.parametrize("strange", [3, "cats", b"cats"])
def test_a_source_without_names_is_refused(strange):
    with pytest.raises(TypeError, match="^categories must be a sequence of names, got .*; put it in a list"):
        names_of(strange)


@pytest.mark.parametrize(
    "mapping",
    [
        {1: "cat", 2: "dog", 3: "fish"},
        {"cat": 1, "dog": 2, "fish": 3},
        {"cat": 0, "dog": 0, "fish": 1},
        {0: "cat", "0": "dog", 2: "fish"},
        {"cat": "a", "dog": "b", "fish": "c"},
        {0.0: "cat", 1.0: "dog", 2.0: "fish"},
        {"cat": True, "dog": False, "fish": 2},
    ],
    ids=str,
)
def test_a_mapping_must_number_all_classes_from_0(mapping):
    with pytest.raises(ValueError, match="^categories must number all classes from 0 to 2, got .*; give each name one"):
        names_of(mapping)


def test_a_mapping_of_another_length_is_refused():
    with pytest.raises(ValueError, match="categories must be 3 names, got 2"):
        names_of({0: "cat", 1: "dog"})


def one_logit(bias=0.0):
    torch.manual_seed(0)
    model = Tiny(1)
    nn.init.constant_(model.layers[-1].bias, bias)
    return model


@pytest.mark.parametrize("bias", [-20.0, -1.0, 0.0, 1.0, 20.0])
def test_one_logit_is_a_sigmoid_of_two_classes(bias):
    model = one_logit(bias).eval()
    classifier = load_classifier(model, preprocessing=SMALL, activation="sigmoid", categories=["rest", "cat"])
    logit = model(classifier.preprocess(PHOTO)).item()
    expected = 1 / (1 + np.exp(np.float64(-logit)))
    assert classifier.probabilities(PHOTO) == pytest.approx([1 - expected, expected], rel=1e-4)
    assert classifier.target(PHOTO).category == ("cat" if logit > 0 else "rest")
    assert repr(classifier) == "Classifier(Tiny, 2 categories by sigmoid, input 10 x 8, on cpu)"


def test_both_classes_of_one_logit_have_gradients_of_opposite_signs():
    classifier = load_classifier(one_logit(), preprocessing=SMALL, activation="sigmoid")
    slopes = []
    for index in (0, 1):
        batch = classifier.preprocess(PHOTO).requires_grad_()
        classifier.scores(batch)[0, index].backward()
        slopes.append(batch.grad)
    assert slopes[1].any() and torch.equal(slopes[0], -slopes[1])


@pytest.mark.parametrize(
    ("categories", "names"),
    [(None, ("class 0", "class 1")), (["cat"], ("not cat", "cat")), ({0: "dog", 1: "cat"}, ("dog", "cat"))],
)
def test_one_logit_has_two_names(categories, names):
    classifier = load_classifier(one_logit(), preprocessing=SMALL, activation="sigmoid", categories=categories)
    assert classifier.categories.names == names


def test_one_logit_with_three_names_is_refused():
    with pytest.raises(ValueError, match="categories must be 2 names, got 3; give that of the negative and"):
        load_classifier(one_logit(), preprocessing=SMALL, activation="sigmoid", categories=list("abc"))


def test_one_logit_is_refused_unless_it_is_a_sigmoid():
    for activation in (None, "softmax"):
        with pytest.raises(ValueError, match="got one logit; pass activation='sigmoid'"):
            load_classifier(one_logit(), preprocessing=SMALL, activation=activation)


def test_a_checkpoint_of_one_logit_is_treated_alike(tmp_path):
    torch.manual_seed(1)
    file = saved(tmp_path, torchvision.models.resnet18(weights=None, num_classes=1))
    with pytest.raises(ValueError, match="got one logit; pass activation='sigmoid'"):
        load_classifier(f"resnet18@{file}")
    classifier = load_classifier(f"resnet18@{file}", activation="sigmoid", categories=["rest", "cat"])
    assert classifier.probabilities(PHOTO).sum() == pytest.approx(1)
    assert load_classifier(f"resnet18@{file}", activation="sigmoid").categories.names == ("class 0", "class 1")


def test_several_labels_have_a_probability_each():
    torch.manual_seed(0)
    model = Tiny(3).eval()
    classifier = load_classifier(model, preprocessing=SMALL, activation="sigmoid")
    expected = 1 / (1 + np.exp(-model(classifier.preprocess(PHOTO)).detach().double().numpy()[0]))
    probabilities = classifier.probabilities(PHOTO)
    assert probabilities == pytest.approx(expected, rel=1e-5)
    assert classifier.probability_of(classifier.categories.resolve(1), probabilities) == pytest.approx(expected[1])
    any_of = classifier.probability_of(classifier.categories.resolve("class 0|class 2"), probabilities)
    assert any_of == pytest.approx(1 - (1 - expected[0]) * (1 - expected[2]), rel=1e-5)
    exclusive = own()
    assert exclusive.probability_of(exclusive.categories.resolve("0|3"), np.float32([0.1, 0.2, 0.3, 0.4])) == (
        pytest.approx(0.5)
    )


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="^activation must be softmax or sigmoid, got 'relu'; use sigmoid for"):
        load_classifier(activation="relu")


class Forward(Tiny):
    """A network with another forward."""

    def __init__(self, forward):
        super().__init__()
        self.answer = forward

    def forward(self, batch):
        return self.answer(self.layers, batch)


def detached(layers, batch):
    return layers[-1](layers[:-1](batch).detach())


@pytest.mark.parametrize(
    "forward",
    [
        torch.no_grad()(lambda layers, batch: layers(batch)),
        torch.inference_mode()(lambda layers, batch: layers(batch)),
        detached,
    ],
    ids=["no_grad", "inference_mode", "detach"],
)
def test_a_network_without_gradients_is_refused_at_once(forward):
    with pytest.raises(ValueError, match="^model must give gradients .* got none from Forward; remove torch.no_grad"):
        load_classifier(Forward(forward), preprocessing=SMALL)
    assert load_classifier(Forward(lambda layers, batch: layers(batch)), preprocessing=SMALL)


def grey_net(channels):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


@pytest.mark.parametrize("wrap", [lambda net: net, lambda net: torch.jit.trace(net, torch.zeros(1, 1, 9, 9))])
@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_grayscale_network_is_refused_and_the_remedy_works(wrap):
    network, grey = wrap(grey_net(1)), np.repeat(PHOTO[..., :1], 3, axis=2)
    same = Preprocessing((8, 10), (0.5,) * 3, (0.2,) * 3)
    with pytest.raises(ValueError, match=r"^model must take 3 colors, got one that takes 1; .*Grayscale\(\), model\)"):
        load_classifier(network, preprocessing=same)
    classifier = load_classifier(nn.Sequential(torchvision.transforms.Grayscale(), network), preprocessing=same)
    expected = network(classifier.preprocess(grey)[:, :1]).softmax(1)[0].detach().numpy()
    assert classifier.probabilities(grey) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (grey_net(4), r"inputs of shape \(1, 3, 8, 10\), got RuntimeError from Sequential .*makes its 4 channels"),
        (nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), ".*, got RuntimeError .*; correct preprocessing.size"),
        (Forward(lambda layers, batch: batch.pixels), ".*, got AttributeError from Forward"),
    ],
)
def test_a_network_that_fails_is_described_in_one_sentence(model, message):
    with pytest.raises(ValueError, match=f"^model must take {message}") as caught:
        load_classifier(model, preprocessing=SMALL)
    assert caught.value.__cause__ is not None and "\n" not in str(caught.value)


def test_a_compiled_network_equals_its_module():
    torch.manual_seed(0)
    model = Tiny()
    compiled = load_classifier(torch.compile(model, backend="eager"), preprocessing=SMALL)
    plain = load_classifier(model, preprocessing=SMALL)
    for _ in range(3):
        assert (compiled.probabilities(PHOTO) == plain.probabilities(PHOTO)).all()
    assert "torch._dynamo" in sys.modules
