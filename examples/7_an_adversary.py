"""An adversary: the same gradients find the least change that fools the network. Usage: 7_an_adversary.py [PHOTO]

The fast gradient sign method of Goodfellow, Shlens and Szegedy (2015, arXiv 1412.6572, section 4).
"""

import sys
from importlib import resources

import numpy as np

import wsseg

photo = sys.argv[1] if len(sys.argv) > 1 else (resources.files("skimage") / "data" / "chelsea.png").read_bytes()

classifier = wsseg.load_classifier()
segmenter = wsseg.Segmenter(classifier)
seen = classifier.preprocess(wsseg.read_image(photo))
image = classifier.deprocess(seen)  # At the size of the network's input, where each pixel is one of its own.
target = classifier.target(image)

# What lowers the score of the class most when no color of any pixel may change by more than epsilon.
slope = wsseg.saliency.score_gradient(classifier, seen, target)
against = -np.sign(slope[0].permute(1, 2, 0).numpy()).astype(np.int16)

for epsilon in range(1, 256):
    changed = (image + epsilon * against).clip(0, 255).astype(np.uint8)
    if classifier.target(changed) != target:
        break
else:
    sys.exit(f"{target.category} it stays, whatever is done by one step")

before, after = segmenter.segment(image), segmenter.segment(changed)
told = segmenter.segment(changed, target=target)
print(f"{before.category} {before.probability:.2f} becomes {after.category} {after.probability:.2f}")
print(f"by at most {epsilon}/255 in each color of each pixel")
print(f"correlation of the saliency {np.corrcoef(before.saliency.flat, after.saliency.flat)[0, 1]:.2f}")
for name, one in {"": after, ", the class given": told}.items():
    iou = wsseg.scores(one.mask, before.mask.astype(np.uint8))["iou"]
    print(f"IoU of the masks before and after{name} {iou:.2f}")

rows = [wsseg.strip(one.image, one.heatmap(), one.overlay()) for one in (before, after)]
change = (128 + against * (127 // epsilon) * epsilon).astype(np.uint8)
wsseg.write_picture("adversary.png", np.vstack([wsseg.strip(row, change) for row in rows]))
print("photo, saliency, mask and the change, made visible, before and after: see adversary.png")
