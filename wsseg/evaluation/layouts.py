"""Folder layouts of known benchmarks: where each keeps its truths and the lists of its splits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from wsseg.evaluation.box_truths import BoxTruths, cub_boxes, numbered_lines, xml_boxes
from wsseg.evaluation.protocols import PROTOCOLS, Kind
from wsseg.files.text import pair_key

VOC_HOMES: Final = ("", "VOCdevkit/VOC2012", "VOC2012")
"""Folders in which archives of PASCAL VOC put their files."""

CUB_HOMES: Final = ("", "CUB_200_2011")
"""Folders in which archives of Caltech-UCSD Birds put their files."""


def _first_words(root: Path, file: str) -> frozenset[str]:
    """Return the first word of each line, without suffix."""
    lines = [line.split() for line in (root / file).read_text("utf-8").splitlines()]
    return frozenset(pair_key(Path(words[0])) for words in lines if words)


def _frames(root: Path, file: str) -> frozenset[str]:
    """Return `sequence/number` for each line that names a frame's file, or the sequence where it names a folder."""
    return frozenset("/".join(Path(name).parts[-2:]) for name in _first_words(root, file))


def _cub_test(root: Path, file: str) -> frozenset[str]:
    """Return the photos that are 0 in `train_test_split.txt`, by their paths in `images.txt`."""
    paths, is_trained = (dict(numbered_lines(root / name)) for name in ("images.txt", file))
    return frozenset(pair_key(Path(path)) for number, path in paths.items() if is_trained[number] == "0")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where a benchmark keeps its truths."""

    source: str
    """The paper, and the site that has the data."""
    truths: str
    """Folder or file of the truths, below the benchmark's own folder."""
    homes: tuple[str, ...] = ("",)
    """Folders below the root in which the benchmark's own folder may be; "" is the root itself."""
    coding: str = ""
    """Coding of the truths' pixels; empty where the truths are boxes."""
    boxes: Callable[[Path], BoxTruths] | None = None
    """Function that reads the truths where they are boxes."""
    splits: Mapping[str, str] = field(default_factory=dict)
    """Files that list the photos of each split; the first split is the default."""
    listed: Callable[[Path, str], frozenset[str]] = _first_words
    """Function that reads the names of photos, or of folders of photos, from such a file."""

    def home(self, root: Path) -> Path | None:
        """Return the benchmark's own folder; None when the root does not hold it."""
        return next((root / home for home in self.homes if (root / home / self.truths).exists()), None)


_CUB: Final = Layout(
    source="Wah et al., The Caltech-UCSD Birds-200-2011 Dataset (2011); "
    "https://www.vision.caltech.edu/datasets/cub_200_2011/",
    truths="segmentations",
    homes=CUB_HOMES,
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
            homes=("", "DUTS-TE"),
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
            homes=VOC_HOMES,
            coding="voc",
            splits={name: f"ImageSets/Segmentation/{name}.txt" for name in ("val", "train", "trainval")},
        ),
        "imagenet-s": Layout(
            source="Gao et al., Large-scale Unsupervised Semantic Segmentation (2022); "
            "https://github.com/LUSSeg/ImageNet-S",
            truths="validation-segmentation",
            homes=("", "ImageNetS919", "ImageNetS300", "ImageNetS50"),
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
            homes=("", "DAVIS"),
            coding="any",
            splits={name: f"ImageSets/480p/{name}.txt" for name in ("val", "train", "trainval")},
            listed=_frames,
        ),
        "voc-boxes": Layout(
            source="Everingham et al., The PASCAL Visual Object Classes Challenge (2010); "
            "http://host.robots.ox.ac.uk/pascal/VOC/",
            truths="Annotations",
            homes=VOC_HOMES,
            boxes=partial(xml_boxes, shift=1),
            splits={name: f"ImageSets/Main/{name}.txt" for name in ("trainval", "val", "train", "test")},
        ),
        "cub-boxes": replace(_CUB, truths="bounding_boxes.txt", coding="", boxes=cub_boxes),
        "ilsvrc": Layout(
            source="Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge (2015); "
            "https://www.image-net.org/challenges/LSVRC/",
            truths="Annotations/CLS-LOC/val",
            homes=("", "ILSVRC"),
            boxes=partial(xml_boxes, shift=0),
        ),
    }
)
"""Layouts by name."""

LAYOUTS_OF_KIND: Final[Mapping[Kind, tuple[str, ...]]] = MappingProxyType(
    {
        "object": ("ecssd", "duts", "dut-omron", "voc", "imagenet-s", "pets", "cub", "davis"),
        "classes": ("voc", "imagenet-s"),
        "boxes": ("voc-boxes", "cub-boxes", "ilsvrc"),
        "detections": ("ilsvrc", "voc-boxes"),
    }
)
"""Layouts that hold the truths for each kind of protocol."""


def layout_of(root: Path, protocol: str, layout: str | None) -> str | None:
    """Choose the layout of a folder of truths.

    Parameters
    ----------
    root : Path
        Folder of truths or of a benchmark.
    protocol : str
        Name of a protocol; only layouts of its kind are considered.
    layout : str or None
        Name of the layout, or None to look for one. None is not looked for with the protocol "default".

    Returns
    -------
    str or None
        Name of the layout; None for a plain folder of truths.

    Raises
    ------
    ValueError
        If the folder does not have the layout, or has several.
    """
    fitting = LAYOUTS_OF_KIND[PROTOCOLS[protocol].kind]
    if layout is not None:
        if layout not in fitting or LAYOUTS[layout].home(root) is None:
            raise ValueError(
                f"layout must be one of {', '.join(fitting)} and '{root}' must have it, got '{layout}'; "
                "check the name of the layout and the folder"
            )
        return layout
    if protocol == "default":
        return None
    found = [name for name in fitting if LAYOUTS[name].home(root) is not None]
    if protocol in found:
        return protocol
    if len(found) > 1:
        raise ValueError(
            f"'{root}' must have only one layout, got {' and '.join(found)}; choose one with layout (--layout)"
        )
    return found[0] if found else None
