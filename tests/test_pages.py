"""The pages of docs/ hold the tables that the code makes."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

DOCS = runpy.run_path(str(ROOT / "scripts/docs.py"))


@pytest.mark.parametrize("page", sorted(DOCS["PAGES"].rglob("*.md")), ids=lambda page: page.stem)
def test_the_tables_of_the_page_are_those_of_the_code(page: Path) -> None:
    text = page.read_text()
    assert text == DOCS["with_tables"](text), "run python scripts/docs.py"


def test_a_page_holds_each_table_once_and_the_site_too() -> None:
    pages = "\n".join(page.read_text() for page in DOCS["PAGES"].rglob("*.md"))
    for name in DOCS["TABLES"]:
        assert pages.count(f"<!-- {name} -->\n\n") == pages.count(f"<!-- /{name} -->") == 1
        assert DOCS["on_page_markdown"](pages).count(DOCS["MADE"][name]().strip()) >= 1


def test_a_table_is_replaced_and_written_again() -> None:
    table = DOCS["MADE"]["codings"]()
    page = "before\n\n<!-- codings -->\n\nan old table\n\n<!-- /codings -->\n\nafter\n"
    assert DOCS["with_tables"](page) == page.replace("an old table", table)
    assert DOCS["on_page_markdown"](page) == f"before\n\n{table}\n\nafter\n"
    assert DOCS["with_tables"]("<!-- python -->\n") == "<!-- python -->\n"
