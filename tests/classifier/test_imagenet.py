"""ImageNet's classes against the libraries that they come from."""

import torchvision
from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset

from wsseg.classifier.imagenet import imagenet_categories, is_imagenet


def test_the_usual_classes_are_those_of_torchvision_and_timm() -> None:
    found, info = imagenet_categories(), ImageNetInfo("imagenet-1k")
    assert list(found.names) == torchvision.models.ResNet50_Weights.DEFAULT.meta["categories"]
    assert list(found.wnids) == info.label_names()
    assert [", ".join(each) for each in found.synonyms] == info.label_descriptions()


def test_the_sizes_of_imagenet_are_those_that_timm_knows() -> None:
    for classes in (1000, 11821, 21841, 12, 999):
        assert is_imagenet(classes) == bool(infer_imagenet_subset({"num_classes": classes}))
