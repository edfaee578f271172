"""Where the known benchmarks keep their truths."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from xml.etree import ElementTree

from wsseg.arrays import Box
from wsseg.evaluation.protocols import PROTOCOLS, Kind
from wsseg.files.text import pair_key

VOC_HOMES: Final = ("", "VOCdevkit/VOC2012", "VOC2012")

CUB_HOMES: Final = ("", "CUB_200_2011")
"""Where archives put their content."""


class Truth(NamedTuple):
    """A truth that is there to be read."""

    file: str
    read: Callable[[], Any]
    """What its kind compares: Seeds, class ids, boxes, or classes with boxes."""


def _first_words(root: Path, file: str) -> frozenset[str]:
    """The first word of each line, without suffix."""
    lines = [line.split() for line in (root / file).read_text("utf-8").splitlines()]
    return frozenset(pair_key(Path(words[0])) for words in lines if words)


def _frames(root: Path, file: str) -> frozenset[str]:
    """Frames as `sequence/number`, of lines that name their files; or sequences."""
    return frozenset("/".join(Path(name).parts[-2:]) for name in _first_words(root, file))


def _cub_test(root: Path, file: str) -> frozenset[str]:
    """The photos that are 0 in `train_test_split.txt`, by their paths in `images.txt`."""
    paths, trained = (dict(_words(root / name)) for name in ("images.txt", file))
    return frozenset(pair_key(Path(path)) for number, path in paths.items() if trained[number] == "0")


def _words(file: Path) -> Iterator[tuple[str, str]]:
    for line in filter(str.strip, file.read_text("utf-8").splitlines()):
        first, _, rest = line.partition(" ")
        yield first, rest.strip()


def _voc_boxes(file: Path, *, shift: int = 1) -> tuple[tuple[str, Box], ...]:
    """Class and box of each object; the corners in the file are pixels of the box, the first of all being `shift`."""
    try:
        objects = ElementTree.parse(file).iter("object")
        return tuple((str(one.findtext("name")), _voc_box(one, shift)) for one in objects)
    except (ElementTree.ParseError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise ValueError(
            f"{file} must hold objects with boxes as PASCAL VOC has them, got '{error}'; mend it"
        ) from error


def _voc_box(one: ElementTree.Element, shift: int) -> Box:
    x0, y0, x1, y1 = (float(str(one.findtext(f"bndbox/{corner}"))) for corner in ("xmin", "ymin", "xmax", "ymax"))
    return _box(round(x0) - shift, round(y0) - shift, round(x1) + 1 - shift, round(y1) + 1 - shift)


def _box(x0: int, y0: int, x1: int, y1: int) -> Box:
    if x0 >= x1 or y0 >= y1:
        raise ValueError(f"a box of no size, {x0} {y0} {x1} {y1}")
    return Box(x0, y0, x1, y1)


def _xml_files(folder: Path, shift: int) -> dict[str, list[Truth]]:
    paths = sorted(folder.rglob("*.xml"))
    return {
        pair_key(path.relative_to(folder)): [Truth(path.name, partial(_voc_boxes, path, shift=shift))] for path in paths
    }


def _cub_boxes(file: Path) -> dict[str, list[Truth]]:
    """A line a photo: number, left, top, width and height."""
    paths = dict(_words(file.parent / "images.txt"))
    found = {}
    for number, rest in _words(file):
        try:
            left, top, width, height = (round(float(word)) for word in rest.split())
            box, name = _box(left, top, left + width, top + height), pair_key(Path(paths[number]))
        except (ValueError, ArithmeticError, LookupError) as error:
            raise ValueError(
                f"{file} must hold a number, left, top, width and height in each line, got {number} {rest!r:.80}; "
                "mend that line"
            ) from error
        found[name] = [Truth(file.name, partial(tuple, (("bird", box),)))]
    return found


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where a benchmark keeps its truths."""

    source: str
    """The paper, and the site that has the data."""
    truths: str
    """The folder of truths, or their file, below the benchmark's own folder."""
    below: tuple[str, ...] = ("",)
    """Where that folder is below the root, if not the root itself."""
    coding: str = ""
    """Of files of pixels."""
    boxes: Callable[[Path], dict[str, list[Truth]]] | None = None
    """What reads them where they are boxes."""
    splits: Mapping[str, str] = field(default_factory=dict)
    """Files that list photos, by the split's name; the first is meant unless another is named."""
    listed: Callable[[Path, str], frozenset[str]] = _first_words

    def home(self, root: Path) -> Path | None:
        """The benchmark's own folder; None when the root has none."""
        return next((root / base for base in self.below if (root / base / self.truths).exists()), None)


_CUB: Final = Layout(
    source="Wah et al., The Caltech-UCSD Birds-200-2011 Dataset (2011); "
    "https://www.vision.caltech.edu/datasets/cub_200_2011/",
    truths="segmentations",
    below=CUB_HOMES,
    coding="grey",
    splits={"test": "train_test_split.txt"},
    listed=_cub_test,
)

LAYOUTS: Final[Mapping[str, Layout]] = MappingProxyType(
    {
        "ecssd": Layout(
            source="Yan, Xu, Shi, Jia, Hierarchical Saliency Detection (2013); "
            "https://www.cse.cuhk.edu.hk/leojia/projects/hsaliency/dataset.html",
            truths="ground_truth_mask",
            coding="grey",
        ),
        "duts": Layout(
            source="Wang et al., Learning to Detect Salient Objects with Image-level Supervision (2017); "
            "http://saliencydetection.net/duts/",
            truths="DUTS-TE-Mask",
            below=("", "DUTS-TE"),
            coding="grey",
        ),
        "dut-omron": Layout(
            source="Yang, Zhang, Lu, Ruan, Yang, Saliency Detection via Graph-Based Manifold Ranking (2013); "
            "http://saliencydetection.net/dut-omron/",
            truths="pixelwiseGT-new-PNG",
            coding="grey",
        ),
        "voc": Layout(
            source="Everingham et al., The PASCAL Visual Object Classes Challenge (2010), of 2012; "
            "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
            truths="SegmentationClass",
            below=VOC_HOMES,
            coding="voc",
            splits={name: f"ImageSets/Segmentation/{name}.txt" for name in ("val", "train", "trainval")},
        ),
        "imagenet-s": Layout(
            source="Gao et al., Large-scale Unsupervised Semantic Segmentation (2022); "
            "https://github.com/LUSSeg/ImageNet-S",
            truths="validation-segmentation",
            below=("", "ImageNetS919", "ImageNetS300", "ImageNetS50"),
            coding="imagenet-s",
        ),
        "pets": Layout(
            source="Parkhi, Vedaldi, Zisserman, Jawahar, Cats and Dogs (2012); "
            "https://www.robots.ox.ac.uk/~vgg/data/pets/",
            truths="annotations/trimaps",
            coding="trimap",
            splits={name: f"annotations/{name}.txt" for name in ("test", "trainval")},
        ),
        "cub": _CUB,
        "davis": Layout(
            source="Perazzi et al., A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation "
            "(2016); https://davischallenge.org",
            truths="Annotations/480p",
            below=("", "DAVIS"),
            coding="any",
            splits={name: f"ImageSets/480p/{name}.txt" for name in ("val", "train", "trainval")},
            listed=_frames,
        ),
        "voc-boxes": Layout(
            source="Everingham et al., The PASCAL Visual Object Classes Challenge (2010); "
            "http://host.robots.ox.ac.uk/pascal/VOC/",
            truths="Annotations",
            below=VOC_HOMES,
            boxes=partial(_xml_files, shift=1),
            splits={name: f"ImageSets/Main/{name}.txt" for name in ("trainval", "val", "train", "test")},
        ),
        "cub-boxes": replace(_CUB, truths="bounding_boxes.txt", coding="", boxes=_cub_boxes),
        "ilsvrc": Layout(
            source="Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge (2015); "
            "https://www.image-net.org/challenges/LSVRC/",
            truths="Annotations/CLS-LOC/val",
            below=("", "ILSVRC"),
            boxes=partial(_xml_files, shift=0),
        ),
    }
)
"""Every layout by name."""

KINDS: Final[Mapping[Kind, tuple[str, ...]]] = MappingProxyType(
    {
        "object": ("ecssd", "duts", "dut-omron", "voc", "imagenet-s", "pets", "cub", "davis"),
        "classes": ("voc", "imagenet-s"),
        "boxes": ("voc-boxes", "cub-boxes", "ilsvrc"),
        "guesses": ("ilsvrc", "voc-boxes"),
    }
)
"""The layouts that hold what each kind of protocol compares with."""


def layout_of(root: Path, protocol: str, layout: str | None) -> str | None:
    """The layout that is named, or the only one of the protocol's kind that the root has; None for a folder of truths.

    ValueError when there are several, or the one that is named is not there.
    """
    fitting = KINDS[PROTOCOLS[protocol].kind]
    if layout is not None:
        if layout not in fitting or LAYOUTS[layout].home(root) is None:
            raise ValueError(f"layout must be one of {', '.join(fitting)} that {root} has, got {layout}; check both")
        return layout
    if protocol == "default":
        return None
    found = [name for name in fitting if LAYOUTS[name].home(root) is not None]
    if protocol in found:
        return protocol
    if len(found) > 1:
        raise ValueError(f"truths must have one layout, got {' and '.join(found)} in {root}; name one with --layout")
    return found[0] if found else None
