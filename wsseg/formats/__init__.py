"""Masks in the formats of other tools."""

from wsseg.formats.export import FORMATS, Export, Format, export_run
from wsseg.formats.outlines import outlines
from wsseg.formats.parts import AnnotatedObject, AnnotatedPhoto, Loss

__all__ = ["FORMATS", "AnnotatedObject", "AnnotatedPhoto", "Export", "Format", "Loss", "export_run", "outlines"]
