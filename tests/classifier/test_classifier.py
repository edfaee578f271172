"""The network: its inputs, its scores, its targets, and its unchanged state."""

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_classifiers import PHOTO, SMALL, Answer, Tiny, own
from torch import nn

from wsseg.classifier.categories import Categories, Target
from wsseg.classifier.classifier import Classifier, Preprocessing
from wsseg.classifier.load import load_classifier


def test_a_classifier_s_repr_is_one_short_line(embedded):
    assert repr(embedded) == ("Classifier(efficientnet_lite0, 1000 categories, input 224 x 224, on cpu)")
    assert repr(own()) == "Classifier(Tiny, 4 categories, input 10 x 8, on cpu)"


def test_answers_about_the_network_are_cached():
    classifier, asked = own(), []

    def question(about):
        asked.append(about)
        return True

    assert classifier.answer(question) and classifier.answer(question)
    assert asked == [classifier]


def test_the_whole_photo_is_seen(embedded):
    photo = np.zeros((200, 500, 3), np.uint8)
    plain = embedded.preprocess(photo)
    for y, x in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        marked = photo.copy()
        marked[slice(-20, None) if y else slice(0, 20), slice(-20, None) if x else slice(0, 20)] = 255
        assert (embedded.preprocess(marked) - plain)[0, 0, y, x] > 1.5


def test_resizing_keeps_each_half_in_place():
    photo = np.zeros((30, 90, 3), np.uint8)
    photo[:, 45:] = 255
    shown = own().deprocess(own().preprocess(photo, (16, 16)))
    assert (shown[:, :7] == 0).all() and (shown[:, 9:] == 255).all()


def test_shrinking_is_antialiased():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    shown = own().deprocess(own().preprocess(stripes, (8, 8)))
    assert shown.min() > 110 and shown.max() < 145


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
def test_preprocessing_agrees_with_pillow(interpolation):
    preprocessing = Preprocessing((17, 23), SMALL.mean, SMALL.std, interpolation)
    tensor = load_classifier(Tiny(), preprocessing=preprocessing).preprocess(PHOTO)
    resampling = PIL.Image.Resampling[interpolation.upper()]
    squeezed = np.array(PIL.Image.fromarray(PHOTO).resize((23, 17), resampling))
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


def test_invalid_photos_and_sizes_are_refused():
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
        ("interpolation", ((8, 8), SMALL.mean, SMALL.std, "lanczos")),
    ],
)
def test_preprocessing_is_checked(argument, values):
    with pytest.raises(ValueError, match=f"^{argument} must"):
        Preprocessing(*values)


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


def test_scores_are_the_network_s_and_keep_the_batch():
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
    classifier = own(Answer(lambda batch: batch.mean((1, 2, 3))[:, None].expand(-1, len(batch) + 2)))
    with pytest.raises(ValueError, match="got 4 scores for 3 categories"):
        classifier.scores(torch.zeros(2, 3, 8, 10))


def test_by_default_the_target_is_the_top_class():
    classifier = own(categories=["a", "b", "c", "d"])
    probabilities = classifier.probabilities(PHOTO)
    top = int(np.argmax(probabilities))
    assert classifier.target(PHOTO) == classifier.target(probabilities) == Target((top,), "abcd"[top])
    assert classifier.target(np.array([0.1, 0.6, 0.2, 0.1], np.float32)).category == "b"


def test_a_given_class_needs_no_forward_pass():
    classifier = own(categories=["a", "b", "c", "d"])
    object.__setattr__(classifier, "model", None)
    assert classifier.target(PHOTO, "c|b") == Target((1, 2), "c|b")
    assert classifier.target(PHOTO, 0) == Target((0,), "a")
