"""Describe how a figure was measured: the command, the versions, the machine and the day."""

import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("wsseg", "torch", "timm", "numpy", "opencv-python-headless", "PyMaxflow")


def provenance() -> str:
    """Return three lines to print above a table of figures."""
    command = shlex.join(["python", *sys.argv])
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{command}\nPython {platform.python_version()}, {versions}\n{processor()}, {datetime.now(UTC):%Y-%m-%d}"


def processor() -> str:
    """Return the processor's name if the system reports it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} x {len(names)}" if names else platform.processor() or platform.machine()
