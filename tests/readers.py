"""Read an export with its own tool's code, in the environment of `scripts/readers`.

    readers.py FORMAT EXPORT OUT.npz

OUT.npz has every mask that the tool sees, and as `index` their photos' names and categories, in JSON.
"""

import json
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np

Found = tuple[str, str, np.ndarray]


def main(form: str, export: str, out: str) -> None:
    found = list(READERS[form](Path(export)))
    index = np.array(json.dumps([(photo, category) for photo, category, _ in found]))
    np.savez(out, index=index, **{str(number): mask for number, (_, _, mask) in enumerate(found)})


def coco(file: Path) -> Iterator[Found]:
    """Ultralytics' converter of polygons, which joins the components of an object."""
    import cv2
    from ultralytics.data.converter import convert_coco

    content = json.loads(file.read_text())
    sizes = {Path(each["file_name"]).with_suffix(""): (each["height"], each["width"]) for each in content["images"]}
    with tempfile.TemporaryDirectory() as folder:
        convert_coco(str(file.parent), f"{folder}/o", use_segments=True, cls91to80=False)
        labels = Path(folder, "o/labels", file.stem)
        for name, (height, width) in sizes.items():
            path = labels / f"{name}.txt"
            for line in path.read_text().splitlines() if path.exists() else ():
                number, *shares = map(float, line.split())
                polygon = np.reshape(shares, (-1, 2)) * (width, height)
                mask = np.zeros((height, width), np.uint8)
                cv2.fillPoly(mask, [polygon.astype(np.int32)], 1)
                yield name.as_posix(), content["categories"][int(number)]["name"], mask == 1


def voc(tree: Path) -> Iterator[Found]:
    """Datumaro, which is what CVAT imports masks by."""
    from datumaro import Dataset
    from datumaro.components.annotation import AnnotationType

    found = Dataset.import_from(str(tree), "voc_segmentation")
    names = [label.name for label in found.categories()[AnnotationType.label].items]
    for item in found:
        for each in item.annotations:
            yield item.id, names[each.label], each.image


def cvat(archive: Path) -> Iterator[Found]:
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(archive).extractall(folder)
        yield from voc(Path(folder))


def labelme(folder: Path) -> Iterator[Found]:
    """LabelFile checks that the photo exists and has the stated size."""
    for name in ("onnxruntime", "PyQt5", "PyQt5.QtCore", "PyQt5.QtGui", "PyQt5.QtWidgets"):
        sys.modules[name] = MagicMock()  # This draws the window; reading does not need it.
    from labelme._label_file import LabelFile
    from labelme.utils import img_data_to_pil, shapes_to_label

    for path in sorted(folder.rglob("*.json")):
        file = LabelFile(str(path))
        width, height = img_data_to_pil(file.image_data).size
        for shape in file.shapes:
            labels, _ = shapes_to_label((height, width), [shape], {shape["label"]: 1})
            yield path.relative_to(folder).with_suffix("").as_posix(), shape["label"], labels == 1


def labelstudio(folder: Path) -> Iterator[Found]:
    from label_studio_sdk.converter.brush import decode_from_annotation

    for task in json.loads((folder / "tasks.json").read_text()):
        for result in task["predictions"][0]["result"]:
            # The Converter passes results in this form.
            annotation = {**result, **result["value"], "type": "brushlabels"}
            (layer,) = decode_from_annotation("tag", [annotation]).values()
            assert set(np.unique(layer)) <= {0, 255}
            yield task["data"]["image"], result["value"]["brushlabels"][0], layer == 255


def yolo(tree: Path) -> Iterator[Found]:
    """A category is followed by ` exact` for the polygons as they are read, by ` trained` for what training sees."""
    import ultralytics.data.utils as utils
    from ultralytics.data import YOLODataset
    from ultralytics.utils.ops import resample_segments

    utils.check_font = lambda *_: None  # YOLO would download a font.
    data = utils.check_det_dataset(str(tree / "data.yaml"), autodownload=False)
    photos = YOLODataset(img_path=data["train"], data=data, task="segment", augment=False)
    for each in photos.labels:
        name = Path(each["im_file"]).relative_to(Path(data["train"]).resolve()).with_suffix("").as_posix()
        height, width = each["shape"]
        for number, segment in zip(each["cls"].ravel(), each["segments"], strict=True):
            for what, polygon in (("exact", segment), ("trained", resample_segments([segment.copy()], n=1000)[0])):
                pixels = polygon * np.array([width, height], np.float32)
                mask = utils.polygons2masks((height, width), [pixels.ravel()], color=1)[0]
                yield name, f"{data['names'][int(number)]} {what}", mask == 1


READERS = {"coco": coco, "voc": voc, "cvat": cvat, "labelme": labelme, "labelstudio": labelstudio, "yolo": yolo}

if __name__ == "__main__":
    main(*sys.argv[1:])
