"""Runs made by hand for reports, and the data, tags and pictures of a page."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as pillow

from wsseg.files.encode import write_mask, write_picture
from wsseg.report.page import write_report
from wsseg.runs.record import LINES, RUN, Finding, Record

HOSTILE = (
    "<img src=x onerror=window.broken=1>",
    "</script><script>window.broken=1</script>",
    "<!--<script>",
    "\"' onmouseover='window.broken=1' x=\"",
    "javascript:window.broken=1",
    "\u2028window.broken=1\u2029",
    "\udc80\udcff",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt;&amp;",
    "\u202egpj.exe",
)
"""Text that must stay a name, a reason or a category. A `/` in a name makes a folder."""

SIZE = (60, 80)


def mask_of(part: float) -> np.ndarray:
    """Return a mask of the left part of the photo."""
    mask = np.zeros(SIZE, np.bool_)
    mask[:, : round(part * SIZE[1])] = True
    return mask


class Made:
    """A run made by hand, beside its photos and truths."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.photos, self.truths = folder / "run", folder / "photos", folder / "truths"
        self.page = folder / "report.html"
        for path in (self.folder, self.photos, self.truths):
            path.mkdir()
        self.records: list[Record] = []
        self.made_by: dict[str, Any] = {"wsseg": "1.2.3", "state": "done", "what": "masks"}

    def photo(self, name: str) -> tuple[str, str]:
        """Write a photo of noise; return its path and digest."""
        path = self.photos / f"{name}.png"
        levels = np.random.default_rng(len(self.records)).integers(0, 256, (*SIZE, 3), np.uint8)
        write_picture(path, levels)
        return str(path), hashlib.sha256(path.read_bytes()).hexdigest()

    def add(self, name: str, *findings: Finding, **changes: Any) -> Record:
        path, digest = self.photo(f"photo{len(self.records)}")
        given = {"input": path, "hash": digest, "name": name, "settings": "", "seconds": {"segment": 0.5}, **changes}
        self.records.append(Record(findings=findings, **given))
        return self.records[-1]

    def found(self, name: str, part: float = 0.5, **changes: Any) -> Finding:
        """Return a finding whose mask is that part of the photo."""
        write_mask(self.folder / "masks" / f"{name}.png", mask_of(part))
        given = {"category": "cat", "probability": 0.5, "status": "ok", "confidence": 0.75, **changes}
        return Finding(**{"outputs": {"mask": f"masks/{name}.png"}, **given})

    def truth(self, name: str, part: float = 0.5) -> None:
        write_mask(self.truths / f"{name}.png", mask_of(part))

    def written(self, **options: Any) -> dict[str, Any]:
        """Write the report and return the page's data."""
        self.save()
        write_report(self.folder, self.page, **options)
        return data_in(self.page)

    def save(self) -> None:
        (self.folder / RUN).write_text(json.dumps(self.made_by))
        (self.folder / LINES).write_bytes(b"".join(record.as_line() for record in self.records))


def data_in(page: Path) -> dict[str, Any]:
    """Return the data that the page's script reads."""
    blocks = re.findall(r'<script type="application/json" id="(.*?)">(.*?)</script>', page.read_text(), re.DOTALL)
    content = {name: json.loads(text) for name, text in blocks}
    return {**content["data"], "addresses": content["addresses"]}


def picture(data: dict[str, Any], row: dict[str, Any], kind: str) -> np.ndarray:
    text = data["addresses"][row["made"][kind]]
    with pillow.open(BytesIO(base64.b64decode(text))) as opened:
        assert opened.format == "WEBP"
        return np.array(opened)


class Tags(HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def tags_in(page: Path) -> Tags:
    tags = Tags()
    tags.feed(page.read_text())
    return tags


def policy_of(page: Path) -> str:
    (policy,) = [value for _, value in tags_in(page).attributes if value and value.startswith("default-src")]
    return policy
