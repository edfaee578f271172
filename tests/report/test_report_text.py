"""Text from a run stays text in the page, and the page loads nothing from a network."""

import base64
import hashlib
import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from report_runs import HOSTILE, Made, policy_of, tags_in

from wsseg.files.text import escape_unprintable


def test_hostile_text_adds_no_tag_and_no_attribute(hostile: Made, tmp_path: Path) -> None:
    hostile.written()
    tags = tags_in(hostile.page)
    assert "img" not in tags.tags
    assert tags.tags.count("script") == 3
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    assert not [value for name, value in tags.attributes if name in ("href", "src", "action", "style")]


def test_hostile_text_stays_text_in_the_data(hostile: Made) -> None:
    data = hostile.written()
    categories = [row["category"] for row in data["rows"]]
    assert HOSTILE[0] in categories and HOSTILE[1] in categories and HOSTILE[3] in categories
    block = hostile.page.read_text().partition('id="data">')[2].partition("</script>")[0]
    assert not set("<>&'\u2028\u2029") & set(block)
    assert "\\udc80\\udcff" in categories  # It is escaped, as on the terminal.
    assert "\\u202egpj.exe" in categories


@given(st.text())
def test_escaped_text_can_be_printed_and_encoded(text: str) -> None:
    escaped = escape_unprintable(text)
    assert escaped.isprintable()
    escaped.encode()
    assert escaped == text or not text.isprintable()


def test_the_policy_names_the_page_s_own_script_and_style_alone(three: Made) -> None:
    three.written()
    text, policy = three.page.read_text(), policy_of(three.page)
    for tag in ("style", "script"):
        (own,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert "unsafe" not in policy and "http" not in policy


def test_the_page_loads_nothing(three: Made) -> None:
    three.written(truths=three.truths)
    text = three.page.read_text().replace("http://www.w3.org/2000/svg", "")
    assert "http" not in text.replace("http-equiv", "")
    assert "@import" not in text and "url(" not in text
