"""WHERE: saliency maps of a class, float32 in [0, 1] over the whole photo."""

from wsseg.saliency.activation import cam, grad_cam, grad_cam_plus_plus, layer_cam, score_cam
from wsseg.saliency.combine import features_of, fused, spread_cam
from wsseg.saliency.gradient import gradient, guided_backprop, integrated_gradients, score_gradient, smoothgrad
from wsseg.saliency.maps import (
    METHODS,
    diffuseness,
    maps_of,
    saliency_from_classifier,
    saliency_from_map,
    saliency_from_maps,
)
from wsseg.saliency.visualize import visualize_class

__all__ = [
    "METHODS",
    "cam",
    "diffuseness",
    "features_of",
    "fused",
    "grad_cam",
    "grad_cam_plus_plus",
    "gradient",
    "guided_backprop",
    "integrated_gradients",
    "layer_cam",
    "maps_of",
    "saliency_from_classifier",
    "saliency_from_map",
    "saliency_from_maps",
    "score_cam",
    "score_gradient",
    "smoothgrad",
    "spread_cam",
    "visualize_class",
]
