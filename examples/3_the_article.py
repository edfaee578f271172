"""The article: where VGG-19 looks in photos, and when not to trust it. Usage: 3_the_article.py [PHOTO...]"""

import sys
from importlib import resources
from pathlib import Path

import wsseg

SHIPPED = [resources.files("skimage") / "data" / name for name in ("chelsea.png", "coffee.png", "rocket.jpg")]
photos = {Path(name).stem: Path(name).read_bytes() for name in map(str, sys.argv[1:] or SHIPPED)}

try:
    classifier = wsseg.load_classifier("vgg19")  # wsseg freezes its parameters during each call.
except ConnectionError as error:
    print(f"{error}\nuntil then, this example uses the embedded network:\n")
    classifier = wsseg.load_classifier()

article = wsseg.Recipe(method="gradient", mirror_given=False, blur=0.0)
segmenter = wsseg.Segmenter(classifier)
doubtful = []

for name, photo in photos.items():
    image = wsseg.read_image(photo)

    # Resize and normalize the photo for the network, and turn that back into a picture.
    seen = classifier.deprocess(classifier.preprocess(image))

    # Find the class with the highest score, and how strongly each pixel changes it (the maximum over color channels).
    target = classifier.target(image)
    saliency = wsseg.saliency.saliency_from_classifier(classifier, seen, target, article)
    wsseg.write_picture(f"article/{name}.png", wsseg.strip(seen, wsseg.heatmap(saliency)))

    # The article reads a diffuse heat map as a warning, for example of a fountain that is recognized by its trees.
    diffuse = wsseg.saliency.diffuseness(saliency)
    mask = segmenter.segment(seen, target=target).mask
    inside = saliency[mask].sum() / saliency.sum()
    probability = classifier.probabilities(image)[list(target.indices)].sum()
    print(
        f"{name}: {target.category}, probability {probability:.2f}; half of the saliency on {diffuse:.0%} of the photo"
    )
    print(f"    {inside:.0%} of the saliency is on the object, which is {mask.mean():.0%} of the photo")
    if inside <= mask.mean():
        doubtful.append(name)

print(f"\nno more salient on the object than around it, so do not trust: {', '.join(doubtful) or 'none'}")
print("see article/")
