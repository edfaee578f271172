"""An adversary: the same gradients find the smallest change that fools the network. Usage: 7_an_adversary.py [PHOTO]

This is the fast gradient sign method of Goodfellow, Shlens and Szegedy (2015, arXiv 1412.6572, section 4).
"""

import sys
from importlib import resources

import numpy as np

import wsseg

photo = sys.argv[1] if len(sys.argv) > 1 else (resources.files("skimage") / "data" / "chelsea.png").read_bytes()

classifier = wsseg.load_classifier()
segmenter = wsseg.Segmenter(classifier)
seen = classifier.preprocess(wsseg.read_image(photo))
image = classifier.deprocess(seen)  # At the size of the network's input, where each pixel can be changed by itself.
target = classifier.target(image)

# This change lowers the score of the class most if each color of each pixel may change by at most epsilon.
slope = wsseg.saliency.score_gradient(classifier, seen, target)
against = -np.sign(slope[0].permute(1, 2, 0).numpy()).astype(np.int16)

for epsilon in range(1, 256):
    changed = (image + epsilon * against).clip(0, 255).astype(np.uint8)
    if classifier.target(changed) != target:
        break
else:
    sys.exit(f"no single step changes the class {target.category}")

before, after = segmenter.segment(image), segmenter.segment(changed)
given = segmenter.segment(changed, target=target)
print(f"{before.category} {before.probability:.2f} becomes {after.category} {after.probability:.2f}")
print(f"by at most {epsilon}/255 in each color of each pixel")
print(f"correlation of the saliency {np.corrcoef(before.saliency.flat, after.saliency.flat)[0, 1]:.2f}")
for name, one in {"": after, " with the class given": given}.items():
    iou = wsseg.scores(one.mask, before.mask.astype(np.uint8))["iou"]
    print(f"IoU of the masks before and after{name} {iou:.2f}")

rows = [wsseg.strip(one.image, one.heatmap(), one.overlay()) for one in (before, after)]
change = (128 + against * (127 // epsilon) * epsilon).astype(np.uint8)
wsseg.write_picture("adversary.png", np.vstack([wsseg.strip(row, change) for row in rows]))
print("adversary.png shows photo, saliency, mask and the amplified change, before and after")
