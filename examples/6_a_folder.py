"""A folder: segment it, evaluate the masks and write a report. Usage: 6_a_folder.py [PHOTOS TRUTHS]"""

import sys
from importlib import resources
from pathlib import Path

import wsseg

if len(sys.argv) > 2:
    photos, truths = map(Path, sys.argv[1:3])
else:
    # Without arguments, take two photos, and use the masks of another recipe as truths.
    photos, truths = Path("few/photos"), Path("few/truths")
    photos.mkdir(parents=True, exist_ok=True)
    careful = wsseg.Segmenter()
    for name in ("chelsea", "coffee"):
        image = wsseg.read_image((resources.files("skimage") / "data" / f"{name}.png").read_bytes())
        wsseg.write_picture(photos / f"{name}.png", image)
        wsseg.write_mask(truths / f"{name}.png", careful.segment(image).mask)

# A second call resumes an interrupted run. A bad photo is reported and does not stop the run.
run = wsseg.segment_folder(photos, "run", recipe="fast", pictures=["mask", "overlay", "saliency"])
for photo, reason in run.failures.items():
    print(f"{photo} failed: {reason}")

evaluation = wsseg.evaluate(run.out, truths)
for name, scores in evaluation.worst(3):
    print(f"{name}: IoU {scores['iou']:.3f}, boundary F {scores['boundary_f']:.3f}")
for one in evaluation.statistics[:3]:
    print(f"{one.name} {one.value:.3f}, 95 % interval: {one.interval}")

report = wsseg.write_report(run.out, "report.html", truths=truths)
print(f"{report.photos} photos: see report.html")
