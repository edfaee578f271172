"""The stages by hand: photo | saliency | seeds | color evidence | mask. Usage: 2_the_stages.py [PHOTO [STRIP.png]]"""

import sys
from importlib import resources

import numpy as np

import wsseg

photo = sys.argv[1] if len(sys.argv) > 1 else (resources.files("skimage") / "data" / "chelsea.png").read_bytes()
strip_file = sys.argv[2] if len(sys.argv) > 2 else "stages.png"

# This recipe sets only the saliency; "simonyan2013" has that of the paper, but its mask is worse here.
recipe = wsseg.RECIPES["default"]
classifier = wsseg.load_classifier()
image = wsseg.read_image(photo)

# The classifier finds what is in the photo, and its saliency shows roughly where.
target = classifier.target(image)
saliency = wsseg.saliency.saliency_from_classifier(classifier, image, target, recipe)

# The most salient pixels are object, the least salient pixels are background, and the rest are still unknown.
seeds = wsseg.seeds_from_saliency(saliency, foreground_quantile=0.95, background_quantile=0.30)

# Two mixtures describe the colors of object and background; each pixel's color is evidence for one of them.
background, foreground = wsseg.mixtures_from_seeds(image, seeds, components=5, color_samples=2000, random_state=0)
unary = wsseg.unary_from_mixtures(wsseg.palette_of(image), background, foreground, color_limit=12.0)
odds = unary[..., wsseg.BACKGROUND] - unary[..., wsseg.FOREGROUND]

# The cheapest labeling fits the colors, keeps the seeds, and puts its outline on the edges of the photo.
pairwise = wsseg.pairwise_from_contrast(image, smoothness=40.0)
cut = wsseg.min_cut(wsseg.clamp_to_seeds(unary, pairwise, seeds), pairwise)
mask = wsseg.largest_component(cut.mask)

heat = wsseg.heatmap(saliency)
trust = np.select([seeds == wsseg.FOREGROUND, seeds == wsseg.BACKGROUND], [255, 0], 128).astype(np.uint8)
evidence = (255 / (1 + np.exp(-odds))).astype(np.uint8)
wsseg.write_picture(strip_file, wsseg.strip(image, heat, trust, evidence, wsseg.overlay(image, mask)))

print(
    f"{target.category}: {np.mean(seeds == wsseg.UNKNOWN):.0%} of the pixels had no seed, {mask.mean():.0%} are object"
)
print(f"energy {cut.energy:.0f}, flow {cut.flow:.0f} nats: no labeling is cheaper; see {strip_file}")
