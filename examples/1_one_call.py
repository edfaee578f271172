"""One call: from a photo to its mask. Usage: 1_one_call.py [PHOTO [MASK.png]]"""

import sys
from importlib import resources

import wsseg

photo = sys.argv[1] if len(sys.argv) > 1 else (resources.files("skimage") / "data" / "chelsea.png").read_bytes()
mask_file = sys.argv[2] if len(sys.argv) > 2 else "mask.png"

result = wsseg.segment(photo)
result.save(mask_file)

print(f"{result.category}, probability {result.probability:.2f}, status {result.status}")
print(f"{result.mask.mean():.0%} of the photo, in the box {tuple(result.box or ())}; see {mask_file}")
