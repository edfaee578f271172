"""The runs that the tests of reports share."""

from pathlib import Path

import pytest
from report_runs import HOSTILE, Made


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return Made(tmp_path)


@pytest.fixture
def three(made: Made) -> Made:
    """Three photos, with truths: IoU 1, 0.5 and 0.25, in the reverse order of their names."""
    for name, part, confidence in (("a", 0.125, 0.2), ("b", 0.25, 0.9), ("sub/c", 0.5, 0.6)):
        made.add(name, made.found(name, part, confidence=confidence, category="dog" if name == "b" else "cat"))
        made.truth(name)
    return made


@pytest.fixture
def hostile(made: Made) -> Made:
    """A run with hostile text everywhere."""
    for number, text in enumerate(HOSTILE):
        safe = f"mask{number}"
        name = "".join(sign for sign in text if sign != "\\").strip("/")
        finding = made.found(safe, category=text, reasons=(text,), status=text)
        made.add(name, finding, error=text if number == 0 else "")
    made.add(f"{HOSTILE[0]} again", made.found("last"), input=f"/nowhere/{HOSTILE[1]}")
    made.made_by |= {"wsseg": HOSTILE[0], "state": HOSTILE[1], "classifier": {"name": HOSTILE[3]}}
    made.made_by |= {"versions": {HOSTILE[0]: HOSTILE[1]}, "targets": list(HOSTILE)}
    return made
