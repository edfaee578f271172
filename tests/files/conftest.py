"""Files for the tests of this folder."""

from collections.abc import Callable
from pathlib import Path

import pytest
from photo_files import (
    QUARTERS,
    encoded,
)


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """Writes bytes, or else a tiny photo, to a path below the test's folder."""

    def write(name: str, data: bytes | None = None) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(QUARTERS, "PNG") if data is None else data)
        return path

    return write
