"""Photos, masks, labels and paths, on disk or in object storage.

Importing this package loads no Pillow nor NumPy: each of its names, listed in `__init__.pyi`, brings its module when it
is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
