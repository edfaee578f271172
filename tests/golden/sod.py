"""Write the results of PySODMetrics for some maps and truths to sod.json, for the tests.

It pins its dependencies, so it gets an environment of its own:

python -m venv other && other/bin/pip install pysodmetrics==1.6.2
other/bin/python tests/golden/sod.py
other/bin/python tests/golden/sod.py MASKS TRUTHS OUT.json   # of PNGs, paired by name; 255 is object, 0 background
"""

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

HEIGHT, WIDTH = 37, 53


def pairs() -> dict[str, tuple[Any, Any]]:
    """Maps and truths, uint8 of 0 to 255, by whole numbers alone, so that they are the same everywhere."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    noise = (y * 7919 + x * 104729 + y * x * 613) % 256
    near = (y - 20) ** 2 * 3 + (x - 22) ** 2
    blob, ring = np.where(near < 300, 255, 0), np.where((near > 100) & (near < 400), 255, 0)
    soft = np.clip(255 - near // 3, 0, 255)
    corner = np.where((y > 30) & (x > 45), 255, 0)
    maps = {
        "noise": noise,
        "soft": soft,
        "hard": np.roll(blob, 4, axis=1),
        "pale": 60 + soft // 4,
        "grainy": (3 * soft + noise) // 4,
        "black": np.zeros_like(noise),
        "white": np.full_like(noise, 255),
        "grey": np.full_like(noise, 99),
        "quarter": np.where((y < 20) & (x < 22), 200, 0),
    }
    truths = {"blob": blob, "ring": ring, "corner": corner, "none": 0 * blob, "all": 0 * blob + 255}
    return {
        f"{one} {other}": (saliency.astype(np.uint8), truth.astype(np.uint8))
        for one, saliency in maps.items()
        for other, truth in truths.items()
    }


def answers_of(saliency: Any, truth: Any) -> dict[str, Any]:
    from py_sod_metrics import MAE, Emeasure, Fmeasure, Smeasure

    measures = {"f": Fmeasure(), "e": Emeasure(), "s": Smeasure(), "mae": MAE()}
    for measure in measures.values():
        measure.step(saliency, truth)
    f, e = measures["f"].get_results()["fm"], measures["e"].get_results()["em"]
    return {
        "f_curve": f["curve"].tolist(),
        "adaptive_f": float(f["adp"]),
        "e_curve": e["curve"].tolist(),
        "adaptive_e": float(e["adp"]),
        "s_measure": float(measures["s"].get_results()["sm"]),
        "stretched_mae": float(measures["mae"].get_results()["mae"]),
    }


def pairs_in(masks: str, truths: str) -> dict[str, tuple[Any, Any]]:
    both = {path: Path(masks) / path.name for path in sorted(Path(truths).glob("*.png"))}
    grey = cv2.IMREAD_GRAYSCALE
    return {path.stem: (cv2.imread(str(mask), grey), cv2.imread(str(path), grey)) for path, mask in both.items()}


def main() -> None:
    warnings.simplefilter("ignore")
    folders, out = sys.argv[1:3], Path(sys.argv[3] if sys.argv[3:] else Path(__file__).with_suffix(".json"))
    found = {name: answers_of(*pair) for name, pair in (pairs_in(*folders) if folders else pairs()).items()}
    if not folders:
        found = {
            name: {**one, **{key: one[key][::15] for key in ("f_curve", "e_curve")}} for name, one in found.items()
        }
    out.write_text(json.dumps({"versions": {"pysodmetrics": version("pysodmetrics")}, "answers": found}) + "\n")


if __name__ == "__main__":
    main()
