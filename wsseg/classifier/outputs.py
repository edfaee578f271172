"""The outputs of a network: the class scores in them, whether they are un-normalized, and their probabilities."""

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import torch

from wsseg.arrays import PhotoError

Activation: TypeAlias = Literal["softmax", "sigmoid"]
"""How scores become probabilities: of classes that exclude each other, or of each class by itself."""

# Names of steps of torch's backward pass: layers with weights, what makes probabilities of scores, and logarithms.
_WEIGHTED: Final = re.compile(r"(Addmm|Addmv|Bmm|Mm|Mv|Convolution|MkldnnConvolution|SlowConv\w*)Backward\d")
_SHARES: Final = re.compile(r"(Softmax|Sigmoid|Hardsigmoid|Tanh|Erf|Atan|Exp|Reciprocal|Div|Pow|Clamp\w*)Backward\d")
_LOGARITHMS: Final = re.compile(r"(LogSoftmax|LogSigmoid|Log|Log2|Log10|Log1P)Backward\d")


def check_activation(activation: str) -> None:
    """Raise ValueError if there is no such activation."""
    if activation not in ("softmax", "sigmoid"):
        raise ValueError(
            f"activation must be softmax or sigmoid, got {activation!r}; use sigmoid for one logit, or for classes "
            "that one photo may show together"
        )


def check_scores(scores: torch.Tensor, inputs: torch.Tensor, name: str) -> None:
    """Raise PhotoError if the scores are not finite, ValueError if they have no gradient where one is wanted."""
    if not scores.isfinite().all():
        raise PhotoError(f"model must return finite scores, got NaN or infinity from {name}; check its weights")
    if inputs.requires_grad and torch.is_grad_enabled() and not scores.requires_grad:
        raise ValueError(
            f"model must give gradients with respect to its input, got none from {name}; remove torch.no_grad, "
            "torch.inference_mode and detach from its forward"
        )


def class_scores(scores: torch.Tensor, activation: Activation) -> torch.Tensor:
    """Return the scores of the classes in float32.

    One logit z, read by a sigmoid, scores two classes: -z and z, whose sigmoids sum to 1.
    """
    one_logit = activation == "sigmoid" and scores.shape[1] == 1
    return (torch.cat([-scores, scores], dim=1) if one_logit else scores).float()


def probabilities_of(scores: torch.Tensor, activation: Activation) -> torch.Tensor:
    """Return the probabilities of un-normalized scores, both (n, classes)."""
    return scores.sigmoid() if activation == "sigmoid" else scores.softmax(1)


def scores_in(output: object, inputs: int) -> torch.Tensor:
    """Find the scores, (inputs, classes), in what a network returns.

    They are the output itself, its `logits` (as of Hugging Face's classifiers), the one entry of a dict with their
    shape, or the first entry of a tuple. ValueError if there are none.
    """
    found: object = None
    if isinstance(output, torch.Tensor):
        found = output
    elif isinstance(logits := _logits_of(output), torch.Tensor):
        found = logits
    elif isinstance(output, Mapping):
        fitting = [value for value in output.values() if _is_scores(value, inputs)]
        found = fitting[0] if len(fitting) == 1 else None
    elif isinstance(output, tuple | list):
        found = next(iter(output), None)
    if not isinstance(found, torch.Tensor) or not _is_scores(found, inputs):
        raise ValueError(
            f"model must return scores of shape ({inputs}, classes), got {_described(output)}; wrap it in a module "
            "that returns the scores alone"
        )
    return found


def normalization_of(scores: torch.Tensor) -> Activation | None:
    """Return what was applied to the scores if they look like probabilities or logarithms of such; otherwise None.

    Un-normalized scores may lie in [0, 1] by chance, but they come straight from a layer with weights.
    """
    if scores.shape[1] > 1 and (_sum_to_one(scores) or _sum_to_one(scores.exp())):
        return "softmax"
    steps = _last_steps(scores)
    shares = scores.min() >= 0 and scores.max() <= 1 and any(map(_SHARES.fullmatch, steps))
    logarithms = scores.max() <= 0 and any(map(_LOGARITHMS.fullmatch, steps))
    if not shares and not logarithms:
        return None
    return "softmax" if any("Softmax" in step for step in steps) else "sigmoid"


def _logits_of(output: object) -> object:
    return output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)


def _is_scores(value: object, inputs: int) -> bool:
    return isinstance(value, torch.Tensor) and value.ndim == 2 and len(value) == inputs and value.shape[1] > 0


def _described(output: object) -> str:
    """The shape of a tensor; the type of anything else, with the shapes in it."""
    if isinstance(output, torch.Tensor):
        return str(tuple(output.shape))
    entries = output.items() if isinstance(output, Mapping) else enumerate(output if isinstance(output, tuple) else ())
    shapes = [f"{key}: {tuple(value.shape)}" for key, value in entries if isinstance(value, torch.Tensor)]
    return type(output).__name__ + (f" with {', '.join(shapes[:4])}" if shapes else "")


def _sum_to_one(shares: torch.Tensor) -> bool:
    """Whether the shares are probabilities of classes, as far as their number format tells."""
    tolerance = max(1e-4, torch.finfo(shares.dtype).eps)
    return bool(shares.min() >= 0 and ((shares.float().sum(dim=1) - 1).abs() < tolerance).all())


def _last_steps(scores: torch.Tensor) -> set[str]:
    """The names of the steps of the backward pass that follow the last layers with weights."""
    waiting, names = [scores.grad_fn], set[str]()
    while waiting:
        node = waiting.pop()
        if node is not None and not _WEIGHTED.fullmatch(node.name()):
            names.add(node.name())
            waiting.extend(following for following, _ in node.next_functions)
    return names
