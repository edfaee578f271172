"""A folder: segmented, evaluated, reported. Usage: 6_a_folder.py [PHOTOS TRUTHS]"""

import subprocess
import sys
from importlib import resources
from pathlib import Path

import wsseg

if len(sys.argv) > 2:
    photos, truths = map(Path, sys.argv[1:3])
else:
    # Two photos, and, for want of masks by hand, what another recipe makes of them.
    photos, truths = Path("few/photos"), Path("few/truths")
    photos.mkdir(parents=True, exist_ok=True)
    careful = wsseg.Segmenter(recipe="adapted")
    for name in ("chelsea", "coffee"):
        image = wsseg.read_image((resources.files("skimage") / "data" / f"{name}.png").read_bytes())
        wsseg.write_picture(photos / f"{name}.png", image)
        wsseg.write_mask(truths / f"{name}.png", careful.segment(image).mask)

# The command goes on where it was broken off, and names a bad photo without stopping.
command = [sys.executable, "-m", "wsseg", "segment", photos, "-o", "run"]
subprocess.run([*command, "--write", "mask,overlay,saliency", "--recipe", "fast"], check=True)

evaluation = wsseg.evaluate("run", truths)
for name, scores in evaluation.worst(3):
    print(f"{name}: IoU {scores['iou']:.3f}, boundary F {scores['boundary_f']:.3f}")
for one in evaluation.statistics[:3]:
    print(f"{one.name} {one.value:.3f}, 95 % interval: {one.interval}")

report = wsseg.write_report("run", "report.html", truths=truths)
print(f"{report.photos} photos: see report.html")
