"""Hints: correct a mask with points, a box and a scribble. Usage: 5_hints.py [STRIP.png]"""

import sys
from importlib import resources

import numpy as np

import wsseg

photo = (resources.files("skimage") / "data" / "coffee.png").read_bytes()
strip_file = sys.argv[1] if len(sys.argv) > 1 else "hints.png"

segmenter = wsseg.Segmenter()
with segmenter.open(photo) as session:  # The network sees the photo once.
    image = session.result.image
    steps = {"no hint": session.segment()}

    # Two points: the saucer belongs to the object.
    saucer = [wsseg.Point(130, 280), wsseg.Point(430, 250)]
    steps["two points"] = session.segment(wsseg.Hints(foreground=saucer))

    # A box around cup and saucer: everything outside is background.
    box = wsseg.Box(75, 10, 490, 392)
    steps["a box"] = session.segment(wsseg.Hints(box=box))

    # A scribble is a mask of the pixels under a brush: the spoon does not belong to the object.
    spoon = np.zeros(image.shape[:2], np.bool_)
    spoon[265:310, 345:385] = True
    both = wsseg.Hints(box=box, background=spoon)
    steps["and a scribble"] = session.segment(both)

    # With `refit`, the whole mask may change: the colors are learned again from the mask before.
    steps["refitted"] = session.segment(both, refit=True)

for name, step in steps.items():
    print(f"{name}: {step.mask.mean():.0%} of the photo, confidence {step.confidence:.2f}, {step.status}")
wsseg.write_picture(strip_file, wsseg.strip(image, *(step.overlay() for step in steps.values())))
print(f"{strip_file} shows the photo and each mask")
