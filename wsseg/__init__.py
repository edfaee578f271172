"""Object masks from nothing but an image classifier.

Importing this package loads no torch nor anything else that is slow: each public name, listed in `__init__.pyi`, brings
its module when it is first used.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
