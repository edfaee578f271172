"""Hints: what the classifier gets wrong, you say. Usage: 5_hints.py [HINTS.png]"""

import sys
from importlib import resources

import numpy as np

import wsseg

photo = (resources.files("skimage") / "data" / "coffee.png").read_bytes()
strip_file = sys.argv[1] if len(sys.argv) > 1 else "hints.png"

segmenter = wsseg.Segmenter()
with segmenter.open(photo) as session:  # Looks at the photo once; each mask from here on is but a cut.
    image = session.result.image
    steps = {"no hint": session.segment()}

    # The saucer is meant as well.
    saucer = [wsseg.Point(130, 280), wsseg.Point(430, 250)]
    steps["two points"] = session.segment(wsseg.Hints(foreground=saucer))

    # A box around cup and saucer: all outside is background.
    box = wsseg.Box(75, 10, 490, 392)
    steps["a box"] = session.segment(wsseg.Hints(box=box))

    # A scribble is a mask of what a brush went over: the spoon, which is not meant.
    spoon = np.zeros(image.shape[:2], np.bool_)
    spoon[265:310, 345:385] = True
    both = wsseg.Hints(box=box, background=spoon)
    steps["and a scribble"] = session.segment(both)

    # With `refit` the colors are learned again from the mask before.
    steps["refitted"] = session.segment(both, refit=True)

for name, step in steps.items():
    print(f"{name}: {step.mask.mean():.0%} of the photo, confidence {step.confidence:.2f}, {step.status}")
wsseg.write_picture(strip_file, wsseg.strip(image, *(step.overlay() for step in steps.values())))
print(f"the photo and each of them: see {strip_file}")
