"""True boxes from the files of PASCAL VOC, ILSVRC and Caltech-UCSD Birds."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree

from wsseg.arrays import Box
from wsseg.evaluation.truth import ClassBoxes, Truth
from wsseg.files.text import pair_key

BoxTruths: TypeAlias = dict[str, list[Truth[ClassBoxes]]]
"""Truths by the name of their photo."""


def xml_boxes(folder: Path, *, shift: int) -> BoxTruths:
    """Find the XML files below a folder, one for each photo.

    Parameters
    ----------
    folder : Path
        Folder of XML files, as PASCAL VOC and ILSVRC have it.
    shift : int
        Coordinate of the first pixel: 1 for PASCAL VOC, 0 for ILSVRC.

    Returns
    -------
    dict
        Truths by the path of the file below the folder, without suffix.
    """
    return {
        pair_key(path.relative_to(folder)): [Truth(path.name, partial(_boxes_of_xml, path, shift))]
        for path in sorted(folder.rglob("*.xml"))
    }


def cub_boxes(file: Path) -> BoxTruths:
    """Read `bounding_boxes.txt` of Caltech-UCSD Birds: number, left, top, width and height in each line."""
    paths = dict(numbered_lines(file.parent / "images.txt"))
    found = {}
    for number, rest in numbered_lines(file):
        try:
            left, top, width, height = (round(float(word)) for word in rest.split())
            box, name = _box(left, top, left + width, top + height), pair_key(Path(paths[number]))
        except (ValueError, ArithmeticError, LookupError) as error:
            raise ValueError(
                f"'{file}' must hold a number, left, top, width and height in each line, got {number} {rest!r:.80}; "
                "correct that line"
            ) from error
        found[name] = [Truth(file.name, partial(tuple, (("bird", box),)))]
    return found


def numbered_lines(file: Path) -> Iterator[tuple[str, str]]:
    """Split each line that is not blank into its first word and the rest."""
    for line in filter(str.strip, file.read_text("utf-8").splitlines()):
        first, _, rest = line.partition(" ")
        yield first, rest.strip()


def _boxes_of_xml(file: Path, shift: int) -> ClassBoxes:
    try:
        objects = ElementTree.parse(file).iter("object")
        return tuple((str(element.findtext("name")), _box_of_xml(element, shift)) for element in objects)
    except (ElementTree.ParseError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise ValueError(
            f"'{file}' must hold objects with boxes as PASCAL VOC has them, got '{error}'; "
            "correct the file or download it again"
        ) from error


def _box_of_xml(element: ElementTree.Element, shift: int) -> Box:
    """Return the box of an object; the corners in the file are pixels inside of it."""
    corners = ("xmin", "ymin", "xmax", "ymax")
    x0, y0, x1, y1 = (round(float(str(element.findtext(f"bndbox/{corner}")))) - shift for corner in corners)
    return _box(x0, y0, x1 + 1, y1 + 1)


def _box(x0: int, y0: int, x1: int, y1: int) -> Box:
    if x0 >= x1 or y0 >= y1:
        raise ValueError(f"an empty box {x0} {y0} {x1} {y1}")
    return Box(x0, y0, x1, y1)
