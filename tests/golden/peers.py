"""Write the results of other libraries for one small network to peers.json, for the tests.

Not for Grad-CAM++: torchcam's does not follow its equation 19, grad-cam's adds 1e-6 to a divisor of that size here.

python -m pip install captum==0.9.0 torchcam==0.5.0
PYTHONPATH=tests python tests/golden/peers.py
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from captum.attr import GuidedBackprop, IntegratedGradients
from networks import input_of, photo_of, pooling_net
from torchcam import methods

SIDE, TARGET, STEPS = 8, 1, 20
BLACK = -2.0
"""A black photo as the input of the network."""


def main() -> None:
    model, inputs = pooling_net(), input_of(photo_of(SIDE))
    integrated = IntegratedGradients(model).attribute(
        inputs, torch.full_like(inputs, BLACK), TARGET, n_steps=STEPS, method="riemann_middle"
    )
    answers = {
        "integrated": integrated[0],
        "guided": GuidedBackprop(model).attribute(inputs, TARGET)[0],
        "cam": torchcam(methods.CAM(model, "0", "3"), inputs),
        "grad_cam": torchcam(methods.GradCAM(model, "0"), inputs),
        "layer_cam": torchcam(methods.LayerCAM(model, "0"), inputs),
        "score_cam": torchcam(methods.ScoreCAM(model, "0"), inputs),
    }
    versions = {name: version(name) for name in ("captum", "torchcam", "torch")}
    content = {"versions": versions, "side": SIDE, "target": TARGET, "steps": STEPS}
    content["answers"] = {name: answer.detach().flatten().tolist() for name, answer in answers.items()}
    Path(__file__).with_suffix(".json").write_text(json.dumps(content) + "\n")


def torchcam(extractor: Any, inputs: torch.Tensor) -> torch.Tensor:
    with extractor:
        scores = extractor.model(inputs)
        (found,) = extractor(TARGET, scores, normalized=False)
    return found[0]


if __name__ == "__main__":
    main()
