"""The report's page in a browser."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page
from report_runs import HOSTILE, SIZE, Made

from wsseg.runs.record import Finding

REMOTE = ("http", "https", "ws", "wss", "ftp")

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

Opened = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    """Opens a page from the disk, and checks that it has no error and makes no network request."""
    faults: list[str] = []
    contexts: list[BrowserContext] = []

    def open_page(path: Path, **given: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **given})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: faults.extend([request.url] * (request.url.partition(":")[0] in REMOTE)))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults


@pytest.fixture
def thirty(made: Made) -> Made:
    """Thirty photos with falling confidence, the last three to review; 10 has another category, 29 no truth."""
    for number in range(30):
        name = f"p{number}"
        given = {"category": "dog" if number == 10 else "cat", "status": "weak" if number > 27 else "ok"}
        found = made.found(name, 0.5, confidence=1 - number / 30, reasons=(f"reason {number}",), **given)
        made.add(name, found, review=number > 26)
        if number < 29:
            made.truth(name, (number + 1) / 40)
    made.written(truths=made.truths)
    return made


def names_in(page: Page) -> list[str]:
    return page.locator(".card .title").all_inner_texts()


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.querySelector('.caption').innerText"))


def is_dark(page: Page) -> bool:
    levels = re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))
    return sum(map(int, levels[:3])) < 300


def faults_for_people(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {node['html'][:200]} {node['failureSummary']}" for each in found for node in each["nodes"]]


@pytest.mark.slow
class TestInABrowser:
    def test_it_opens_worst_first(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page)
        assert names_in(page)[0] == "p0"
        assert page.evaluate("performance.getEntriesByName('wsseg-ready').length") == 1
        pictures = page.locator(".card img")
        assert pictures.evaluate_all("images => images.every(image => image.complete && image.naturalWidth > 0)")

    def test_it_sorts(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page)
        for order, first in (("best", "p19"), ("doubtful", "p29"), ("sure", "p0"), ("name", "p0"), ("category", "p0")):
            page.select_option("#order", order)
            assert names_in(page)[0] == first, order
        page.select_option("#order", "name")
        assert names_in(page)[:12] == [f"p{number}" for number in range(12)]
        page.select_option("#order", "worst")
        page.locator(".card").first.focus()
        page.keyboard.press("End")
        assert names_in(page)[-1] == "p29"

    def test_it_filters(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page)
        page.keyboard.press("/")
        page.keyboard.type("Reason 7")
        assert names_in(page) == ["p7"]
        assert page.locator("#count").inner_text() == "1 of 30 shown"
        page.keyboard.press("Escape")
        assert page.locator("#count").inner_text() == "30 of 30 shown"
        page.select_option("#status", "weak")
        assert names_in(page) == ["p28", "p29"]  # Rows without a score come last.
        page.select_option("#status", label="to review (3)")
        assert names_in(page) == ["p28", "p27", "p29"]
        page.select_option("#status", "")
        page.get_by_role("button", name="dog").first.click()
        assert names_in(page) == ["p10"]
        page.fill("#filter", "nothing like it")
        assert page.locator("#grid").inner_text() == "No photo matches the filter."

    def test_the_arrows_move_and_escape_closes(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page)
        page.locator(".card").first.focus()
        for key, name in (("ArrowRight", "p1"), ("ArrowDown", "p6"), ("ArrowLeft", "p5"), ("ArrowUp", "p0")):
            page.keyboard.press(key)
            assert focused(page).startswith(name + "\n"), key
        page.keyboard.press("End")
        assert focused(page).startswith("p29\n")
        page.keyboard.press("Enter")
        detail = page.locator("#detail")
        assert detail.is_visible()
        assert page.locator("#place").inner_text() == "30 of 30"
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowLeft")
        assert page.locator("#detail-name").inner_text() == "p19"
        page.keyboard.press("Escape")
        assert not detail.is_visible()
        page.wait_for_function("() => document.activeElement.innerText.startsWith('p19')")  # A dialog closes later.
        assert focused(page).startswith("p19\n")

    def test_focus_can_be_seen(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page)
        for _ in range(12):
            page.keyboard.press("Tab")
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        assert page.evaluate("document.activeElement.className") == "card"

    def test_the_slider_cuts_the_picture_over_the_photo(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page)
        page.locator(".card").first.click()
        assert page.locator("#reel [aria-pressed=true]").inner_text() == "Overlay"
        page.locator("#slide").focus()
        for _ in range(10):
            page.keyboard.press("ArrowRight")
        assert page.locator("#slide").input_value() == "10"
        assert page.locator("#detail-name").inner_text() == "p0"  # The slider has the arrows to itself.
        box = page.locator("#stage").bounding_box()
        assert box
        width = min(box["width"], box["height"] * SIZE[1] / SIZE[0])  # Of the picture, in the middle of the stage.
        left = (box["width"] - width) / 2
        clip = page.locator(".over").evaluate("over => getComputedStyle(over).clipPath")
        cut = float(clip.removesuffix("%)").rpartition(" ")[2]) / 100
        assert abs(cut * box["width"] - (left + width / 10)) < 1
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + left + width / 4, box["y"] + 50)
        page.mouse.up()
        assert page.locator("#slide").input_value() == "25"
        slide = page.locator("#slide").bounding_box()
        assert slide and abs(slide["x"] - box["x"] - left) < 2 and abs(slide["width"] - width) < 2
        page.keyboard.press("Escape")
        page.locator(".card").first.click()
        page.keyboard.press("z")
        page.mouse.move(box["x"] + 10, box["y"] + 10)
        assert "matrix(2" in page.locator(".over").evaluate("over => getComputedStyle(over).transform")
        page.locator("#reel [data-kind=errors]").click()
        assert page.locator("#over").inner_text() == "Errors"
        assert page.locator(".over img").count() == 2

    def test_marks_are_kept_and_copied(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page, permissions=["clipboard-read", "clipboard-write"])
        page.locator(".card").nth(1).click()
        page.keyboard.press("m")
        page.keyboard.press("ArrowRight")
        page.locator("#mark").click()
        page.keyboard.press("Escape")
        page.locator(".card .marked").nth(1).wait_for()
        assert page.locator(".card .marked").count() == 2
        page.select_option("#status", "marked")
        assert names_in(page) == ["p1", "p2"]
        page.locator("#copy-marked").click()
        page.locator("#copy-marked", has_text="Copied").wait_for()
        page.reload()
        assert page.locator("#marked").inner_text() == "2 marked"

    def test_it_tells_how_to_review_and_links_the_photo(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page)
        page.get_by_text("Correct and accept these masks").click()
        assert page.locator("#review-command").inner_text().startswith("wsseg review ")
        page.locator(".card").first.click()
        assert (page.locator("#about a").get_attribute("href") or "").startswith("file:///")

    def test_ok_is_not_green_where_the_mask_is_bad(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page)
        page.select_option("#order", "worst")
        assert page.locator(".card .status").first.get_attribute("class") == "status other"

    def test_a_phone_begins_with_photos(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page, **PHONE)
        box = page.locator("#grid").bounding_box()
        assert box and box["y"] < 700

    def test_a_missing_picture_shows_its_flag(self, opened: Opened, thirty: Made) -> None:
        page = opened(thirty.page)
        page.select_option("#show", "saliency")
        assert "--write saliency" in page.locator(".card .lack").first.inner_text()
        page.select_option("#show", "all")
        assert page.locator(".card").first.locator(".shot").count() == 7
        page.locator(".card").first.click()
        assert page.locator("#reel [data-kind=seeds]").is_disabled()

    def test_hostile_names_do_nothing(self, opened: Opened, hostile: Made) -> None:
        hostile.truth("mask3")
        hostile.written(truths=hostile.truths)
        page = opened(hostile.page)
        assert names_in(page)
        for show in ("all", "photo"):
            page.select_option("#show", show)
            page.fill("#filter", "onerror")
            page.fill("#filter", "")
        assert HOSTILE[0] in names_in(page)
        page.locator(".card").first.click()
        for _ in range(len(HOSTILE) + 1):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Escape")
        for button in page.locator("[data-category]").all():
            button.click()
        page.wait_for_timeout(200)
        assert page.evaluate("typeof window.broken") == "undefined"
        assert page.evaluate("7 * 7") == 49
        assert "49" not in names_in(page)

    def test_a_foreign_script_is_refused(self, opened: Opened, three: Made, browser: Browser, tmp_path: Path) -> None:
        three.written()
        text = three.page.read_text()
        for number, intruder in enumerate(
            ("<script>window.broken=1</script>", "<img src=x onerror=window.broken=1>", "<script src=x.js></script>")
        ):
            broken = tmp_path / f"broken{number}.html"
            broken.write_text(text.replace("<main>", f"<main>{intruder}"))
            (tmp_path / "x.js").write_text("window.broken=1")
            page = browser.new_page()
            page.goto(broken.as_uri())
            page.wait_for_timeout(100)
            assert page.evaluate("typeof window.broken") == "undefined"
            page.close()

    def test_thousands_of_rows_are_few_cards_in_the_document(self, opened: Opened, made: Made) -> None:
        found = [
            Finding(category="cat", probability=0.5, status="ok", confidence=number / 2000, reasons=(f"no. {number}",))
            for number in range(2000)
        ]
        made.add("a", *found)
        made.written()
        assert made.page.stat().st_size < 5_000_000
        page = opened(made.page)
        page.select_option("#show", "photo")
        nodes = "document.querySelectorAll('*').length"
        assert page.evaluate(nodes) < 1500
        page.locator(".card").first.focus()
        page.keyboard.press("End")
        page.keyboard.press("Enter")
        assert "no. 1999" in page.locator("#about").inner_text()
        page.keyboard.press("Escape")
        assert page.evaluate(nodes) < 1500
        page.evaluate("scrollTo(0, document.body.scrollHeight / 2)")
        page.wait_for_function("document.querySelectorAll('.card').length > 10")
        assert page.evaluate(nodes) < 1500
        page.keyboard.press("/")
        page.keyboard.type("no. 1234")
        assert page.locator(".card").count() == 1
        image = page.locator(".card img")
        image.evaluate("image => image.decode()")
        assert image.evaluate("image => image.naturalWidth") == SIZE[1]

    @pytest.mark.parametrize("show", ["overlay", "all"])
    def test_a_phone_scrolls_in_one_direction(self, opened: Opened, thirty: Made, show: str) -> None:
        thirty.add("a" * 120, thirty.found("long", category="c" * 90, reasons=("r" * 300,)))
        thirty.written(truths=thirty.truths)
        page = opened(thirty.page, **PHONE)
        width = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)"
        page.select_option("#show", show)
        assert page.evaluate(width) <= 390
        page.fill("#filter", "a" * 120)
        page.locator(".card").first.tap()
        assert page.locator("#detail").is_visible()
        assert page.locator("#detail").evaluate("detail => detail.scrollWidth <= detail.clientWidth")
        assert page.evaluate(width) <= 390

    def test_dark_mode_follows_the_system_or_the_button(self, opened: Opened, three: Made) -> None:
        three.written()
        for scheme, other in (("dark", "light"), ("light", "dark")):
            page = opened(three.page, color_scheme=scheme)
            assert is_dark(page) == (scheme == "dark")
            assert page.locator("#theme").get_attribute("aria-pressed") == str(scheme == "dark").lower()
            page.get_by_role("button", name="Dark mode").click()
            assert is_dark(page) == (other == "dark")
            assert page.locator("#theme").get_attribute("aria-pressed") == str(other == "dark").lower()

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [390, 1400])
    def test_everyone_can_use_it(self, opened: Opened, thirty: Made, scheme: str, width: int) -> None:
        thirty.add("failed", error="it is no photo", input="/nowhere/a.png")
        thirty.written(truths=thirty.truths)
        # The accessibility tools are a script that the policy would refuse.
        given = {"color_scheme": scheme, "bypass_csp": True, "viewport": {"width": width, "height": 900}}
        page = opened(thirty.page, **given)
        page.locator("summary").first.click()
        assert faults_for_people(page) == []
        page.select_option("#show", "all")
        assert faults_for_people(page) == []
        page.locator(".card").first.click()
        assert faults_for_people(page) == []
