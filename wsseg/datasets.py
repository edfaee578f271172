"""Where the known benchmarks keep their truths, and what the values in them mean: for whoever has the data."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypedDict
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from wsseg.arrays import BACKGROUND, FOREGROUND, UNKNOWN, Box, Mask, Seeds
from wsseg.files import pictures_below, read_class_ids, read_labels, read_truth
from wsseg.formats.coco_truths import coco_truths
from wsseg.names import composed, paired_by
from wsseg.protocols import PROTOCOLS, Kind

VOC_CLASSES: Final = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""The classes of PASCAL VOC in the order of its labels."""

VOC_HOMES: Final = ("", "VOCdevkit/VOC2012", "VOC2012")
CUB_HOMES: Final = ("", "CUB_200_2011")
"""Where archives put their content."""

GREY: Final = 128
"""In a truth of greys what is above this is object, as the code of the saliency community has it."""


class Truth(NamedTuple):
    """A truth that is there to be read."""

    file: str
    read: Callable[[], Any]
    """What its kind compares: Seeds, class ids, boxes, or classes with boxes."""


class Truths(NamedTuple):
    """The truths to score against, by name, and the names of those that are left out."""

    wanted: dict[str, list[Truth]]
    others: frozenset[str]
    coding: str = "binary"
    """Of files of pixels."""


class Reading(TypedDict, total=False):
    """How truths are to be read; see `truths_in`."""

    layout: str | None
    split: str | None
    coding: str | None
    category: str | None
    void: int | None


# ---------------------------------------------------------------------------------------------------------- codings


@dataclass(frozen=True, kw_only=True)
class Coding:
    """What the values in a truth's file mean."""

    meaning: str
    labels: Callable[[Path], NDArray[Any]]
    """The value of each pixel."""
    is_object: Callable[[NDArray[Any]], Mask]
    void: int | None = None
    classes: tuple[str, ...] = ()
    """The names of its values, where they are classes and have some."""
    count: int = 0
    """How many classes there are at most; 0 where its values are none."""


CLASS_CODING: Final = "voc"
"""Of a plain folder of classes, unless it is told."""


def _not_background(labels: NDArray[Any]) -> Mask:
    return np.asarray(labels != BACKGROUND)


CODINGS: Final[Mapping[str, Coding | None]] = MappingProxyType(
    {
        "binary": None,  # As `read_truth` has it, which takes the void value.
        "grey": Coding(
            meaning=f"object above {GREY}", labels=read_labels, is_object=lambda levels: np.asarray(levels > GREY)
        ),
        "any": Coding(meaning="object where not 0", labels=read_labels, is_object=_not_background),
        "voc": Coding(
            meaning="class labels, 255 void",
            labels=read_labels,
            is_object=_not_background,
            void=255,
            classes=VOC_CLASSES,
            count=len(VOC_CLASSES),
        ),
        "imagenet-s": Coding(
            meaning="class = red + 256 green, 1000 void",
            labels=read_class_ids,
            is_object=_not_background,
            void=1000,
            count=1000,
        ),
        "trimap": Coding(
            meaning="1 object, 2 background, 3 void",
            labels=read_labels,
            is_object=lambda labels: np.asarray(labels == 1),
            void=3,
        ),
    }
)
"""How truths are coded, by name."""


def object_truth(path: Path, coding: str, *, category: str | None = None, void: int | None = None) -> Seeds:
    """The truth of a file: where the object is, or where the class is, by name or number; and what is void."""
    found = CODINGS[coding]
    if found is None:
        return read_truth(path, void=void)
    labels = found.labels(path)
    is_object = found.is_object(labels) if category is None else labels == class_number(category, coding)
    truth = np.where(is_object, np.uint8(FOREGROUND), np.uint8(BACKGROUND))
    for value in {found.void, void} - {None}:
        truth[labels == value] = UNKNOWN
    return truth


def class_number(category: str, coding: str) -> int:
    """The value of a class in a coding; ValueError when it has none."""
    found = CODINGS[coding]
    if found is None or not found.count:
        raise ValueError(
            f"category must be of classes, got {category!r} with the coding {coding}, which has none; leave it out"
        )
    if category in found.classes:
        return found.classes.index(category)
    if not category.isdecimal() or int(category) >= found.count:
        known = ", ".join(found.classes[1:]) or f"numbers below {found.count}"
        raise ValueError(f"category must be a class of {coding}, got {category!r}; choose one of {known}")
    return int(category)


# ---------------------------------------------------------------------------------------------------------- layouts


def _first_words(root: Path, file: str) -> frozenset[str]:
    """The first word of each line, without suffix."""
    lines = [line.split() for line in (root / file).read_text("utf-8").splitlines()]
    return frozenset(paired_by(Path(words[0])) for words in lines if words)


def _frames(root: Path, file: str) -> frozenset[str]:
    """Frames as `sequence/number`, of lines that name their files; or sequences."""
    return frozenset("/".join(Path(name).parts[-2:]) for name in _first_words(root, file))


def _cub_test(root: Path, file: str) -> frozenset[str]:
    """The photos that are 0 in `train_test_split.txt`, by their paths in `images.txt`."""
    paths, trained = (dict(_words(root / name)) for name in ("images.txt", file))
    return frozenset(paired_by(Path(path)) for number, path in paths.items() if trained[number] == "0")


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
        paired_by(path.relative_to(folder)): [Truth(path.name, partial(_voc_boxes, path, shift=shift))]
        for path in paths
    }


def _cub_boxes(file: Path) -> dict[str, list[Truth]]:
    """A line a photo: number, left, top, width and height."""
    paths = dict(_words(file.parent / "images.txt"))
    found = {}
    for number, rest in _words(file):
        try:
            left, top, width, height = (round(float(word)) for word in rest.split())
            box, name = _box(left, top, left + width, top + height), paired_by(Path(paths[number]))
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


# ----------------------------------------------------------------------------------------------------------- truths


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


def truths_in(
    root: Path,
    *,
    protocol: str = "default",
    layout: str | None = None,
    coding: str | None = None,
    category: str | None = None,
    split: str | None = None,
    void: int | None = None,
) -> Truths:
    """The truths of a folder, of a benchmark's folder or of a COCO file; ValueError says what is wrong with others."""
    kind, name = PROTOCOLS[protocol].kind, layout_of(root, protocol, layout)
    if name is not None:
        chosen = _of_layout(root, LAYOUTS[name], kind, coding or LAYOUTS[name].coding, category, split, void)
    elif split is not None:
        raise ValueError(f"split must be of a benchmark's folder, got {split!r} for {root}; leave it out")
    elif root.suffix.lower() == ".json" and kind == "object":
        chosen = Truths(_of_coco(root, category), frozenset())
    else:
        chosen = _of_folder(root, kind, coding, category, void)
    return _without_ends(chosen) if PROTOCOLS[protocol].sequences else chosen


def _of_layout(
    root: Path, layout: Layout, kind: Kind, coding: str, category: str | None, split: str | None, void: int | None
) -> Truths:
    home = layout.home(root) or root
    if layout.boxes:
        truths = _narrowed(layout.boxes(home / layout.truths), kind, category)
    else:
        truths = _files(home / layout.truths, _reader(kind, coding, category, void))
    return _of_split(home, layout, truths, split)._replace(coding=coding)


def _of_coco(file: Path, category: str | None) -> dict[str, list[Truth]]:
    found = coco_truths(file, category)
    return {composed(name): [Truth(truth.file, truth.read) for truth in truths] for name, truths in found.items()}


def _of_folder(root: Path, kind: Kind, coding: str | None, category: str | None, void: int | None) -> Truths:
    if kind in ("boxes", "guesses"):
        raise ValueError(f"truths must be a benchmark's folder, got {root}; it may be of {', '.join(KINDS[kind])}")
    coding = coding or (CLASS_CODING if kind == "classes" else "binary")
    return Truths(_files(root, _reader(kind, coding, category, void)), frozenset(), coding)


def _reader(kind: Kind, coding: str, category: str | None, void: int | None) -> Callable[[Path], Any]:
    if coding and coding not in CODINGS:
        raise ValueError(f"coding must be one of {', '.join(CODINGS)}, got {coding!r}; choose one of these")
    found = CODINGS[coding] if coding else None
    if kind == "classes":
        if found is None or not found.count:
            raise ValueError(f"coding must be of classes, got {coding}; choose voc or imagenet-s")
        return found.labels
    if category is not None and kind == "object":
        class_number(category, coding)
    return partial(object_truth, coding=coding, category=category, void=void)


def _files(folder: Path, read: Callable[[Path], Any]) -> dict[str, list[Truth]]:
    found = files_by_name(folder, "truths")
    return {name: [Truth(path.name, partial(read, path)) for path in paths] for name, paths in found.items()}


def _narrowed(truths: dict[str, list[Truth]], kind: Kind, category: str | None) -> dict[str, list[Truth]]:
    """Boxes without their classes, or those of one, unless classes are guessed."""
    if kind == "guesses":
        return truths
    return {
        name: [Truth(one.file, partial(_boxes_alone, one.read, category)) for one in found]
        for name, found in truths.items()
    }


def _boxes_alone(read: Callable[[], Any], category: str | None) -> tuple[Box, ...]:
    return tuple(box for name, box in read() if category in (None, name))


def _of_split(root: Path, layout: Layout, truths: dict[str, list[Truth]], split: str | None) -> Truths:
    """The truths of the split, the layout's first if none is named; all where the benchmark has no splits."""
    if split is not None and split not in layout.splits:
        raise ValueError(f"split must be one of {', '.join(layout.splits) or 'none'}, got {split!r}; choose one")
    named = split or next(iter(layout.splits), None)
    if named is None:
        return Truths(truths, frozenset())
    try:
        listed = layout.listed(root, layout.splits[named])
    except (OSError, KeyError) as error:
        raise ValueError(
            f"split must be listed in {root / layout.splits[named]}, got '{error}'; add it, or name the folder of the "
            "truths themselves and their coding"
        ) from error
    wanted = {name: found for name, found in truths.items() if name in listed or name.rpartition("/")[0] in listed}
    folders = {name.rpartition("/")[0] for name in wanted}
    lacking: dict[str, list[Truth]] = {name: [] for name in listed - wanted.keys() - folders}
    return Truths({**wanted, **lacking}, frozenset(truths.keys() - wanted.keys()))


def _without_ends(truths: Truths) -> Truths:
    """The truths but those of each folder's first and last photo, which are given to the methods of DAVIS.

    ValueError where a folder has no others.
    """
    frames = defaultdict(list)
    for name in sorted(truths.wanted):
        frames[name.rpartition("/")[0]].append(name)
    if short := [folder for folder, names in frames.items() if len(names) < 3]:
        raise ValueError(f"truths must be of sequences of 3 frames or more, got fewer in {short[0]!r}; leave it out")
    kept = {name: truths.wanted[name] for names in frames.values() for name in names[1:-1]}
    return truths._replace(wanted=kept, others=truths.others | (truths.wanted.keys() - kept.keys()))


def files_by_name(folder: Path, argument: str) -> dict[str, list[Path]]:
    """The pictures below the folder by their paths without suffix, `sub/a`; ValueError when it is none or has none."""
    if not folder.is_dir():
        raise ValueError(f"{argument} must be a folder, got {folder}; name the folder that holds the files")
    files: defaultdict[str, list[Path]] = defaultdict(list)
    for path in pictures_below(folder):
        files[paired_by(path.relative_to(folder))].append(path)
    return dict(files)
