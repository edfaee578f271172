"""The page in a browser: each key and each gesture, and what they leave in the run."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect
from served import Served

from wsseg.files.masks import UNKNOWN_LEVEL, read_mask, read_truth

pytestmark = pytest.mark.slow

Opened = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, served: Served) -> Iterator[Opened]:
    """Opens the page, and checks that it has no error and asks no other server."""
    faults: list[str] = []
    contexts: list[BrowserContext] = []

    def open_page(order: str = "name", context: BrowserContext | None = None, **given: Any) -> Page:
        if context is None:
            context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}, **given})
            contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request", lambda request: faults.extend([request.url] * (served.host not in request.url.split("#")[0]))
        )
        page.goto(served.address)
        page.locator("#stage[data-ready]").wait_for()
        if order != "trust":
            page.select_option("#order", order)
            expect(page.locator("#name")).to_have_text("a")
            page.locator("#stage[data-ready='0']").wait_for()
        page.locator("#stage").focus()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [fault for fault in faults if not fault.startswith("blob:")] == []


def spot(page: Page, x: float, y: float) -> tuple[float, float]:
    """Return where a pixel of the fitted photo of 150 x 120 is on the screen."""
    box = page.locator("#stage").bounding_box()
    assert box
    zoom = 0.98 * min(box["width"] / 150, box["height"] / 120)
    return box["x"] + box["width"] / 2 + (x - 75) * zoom, box["y"] + box["height"] / 2 + (y - 60) * zoom


def drag(page: Page, *places: tuple[float, float]) -> None:
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=5)
    page.mouse.up()


def cuts(page: Page) -> int:
    return int(page.locator("#stage").get_attribute("data-cuts") or 0)


def after_cut(page: Page, act: Callable[[], Any]) -> None:
    """Do something, and wait until the mask has followed."""
    before = cuts(page)
    act()
    expect(page.locator("#stage")).to_have_attribute("data-cuts", str(before + 1), timeout=30_000)


def saved(page: Page, name: str, verdict: str) -> None:
    expect(page.locator("#saved")).to_have_text(f"saved: {name}, {verdict}", timeout=30_000)


def let_draw(page: Page) -> None:
    """Wait until the page has drawn what was asked for so far, however busy the machine is."""
    page.wait_for_timeout(100)
    for _ in range(3):
        page.evaluate("() => new Promise(drawn => requestAnimationFrame(drawn))")


def zoom_of(page: Page) -> float:
    let_draw(page)
    return float(page.locator("#canvas").get_attribute("data-zoom") or 0)


def colors(page: Page) -> str:
    let_draw(page)
    return str(page.evaluate("document.getElementById('canvas').toDataURL().slice(-4000)"))


class TestDecisions:
    def test_each_key_decides_and_goes_on(self, opened: Opened, served: Served) -> None:
        page = opened()
        for key, name, verdict in (("Enter", "a", "accepted"), ("r", "b", "rejected")):
            expect(page.locator("#name")).to_have_text(name)
            page.locator(f"#stage[data-ready='{'ab'.index(name)}']").wait_for()
            page.keyboard.press(key)
            saved(page, name, verdict)
        page.keyboard.press("s")
        expect(page.locator("#name")).to_have_text("d")
        page.locator("#stage[data-ready='3']").wait_for()
        page.keyboard.press("n")
        saved(page, "d", "no object")
        found = {name: finding.decision.verdict for name, finding in served.findings().items() if finding.decision}
        assert found == {"a": "accepted", "b": "rejected", "d": "no object"}
        assert page.locator("#counts").inner_text().split() == [
            "accepted",
            "1",
            "corrected",
            "0",
            "rejected",
            "1",
            "no",
            "object",
            "1",
            "left",
            "2",
        ]
        expect(page.locator("#live")).to_contain_text("sub/e")

    def test_the_end_tells_the_commands_and_back_leads_back(self, opened: Opened, served: Served) -> None:
        for number in range(1, 5):
            served.decide(number, "rejected")
        served.ask("/api/tab", {"tab": "t", "leave": True})
        page = opened()
        page.keyboard.press("Enter")
        saved(page, "a", "accepted")
        expect(page.locator("#end")).to_be_visible()
        expect(page.locator("#end-title")).to_have_text("Nothing is left")
        expect(page.locator("#show-left")).to_be_hidden()
        assert f"wsseg export '{served.run}' --accepted --to coco" in page.locator("#commands").inner_text()
        assert "wsseg calibrate" not in page.locator("#commands").inner_text()  # No photo was drawn at random.
        page.keyboard.press("b")
        expect(page.locator("#name")).to_have_text("a")
        page.get_by_label("Show").select_option("rejected")
        expect(page.locator("#strip li")).to_have_count(4)

    def test_the_end_of_a_filtered_list_says_what_is_left(self, opened: Opened) -> None:
        page = opened()
        page.get_by_label("Filter").fill("sub/e")
        page.locator("#stage[data-ready='4']").wait_for()
        page.locator("#stage").focus()
        page.keyboard.press("Enter")
        saved(page, "sub/e", "accepted")
        expect(page.locator("#end-title")).to_have_text("The end of this list; 4 left to review")
        page.get_by_role("button", name="Go on with what is left").click()
        expect(page.locator("#name")).to_have_text("a")

    def test_buttons_do_the_same_and_give_the_keys_back(self, opened: Opened) -> None:
        page = opened()
        page.get_by_role("button", name="Reject").click()
        saved(page, "a", "rejected")
        page.locator("#stage[data-ready='1']").wait_for()
        page.keyboard.press("Enter")
        saved(page, "b", "accepted")

    def test_the_queue_sorts_and_filters(self, opened: Opened, served: Served) -> None:
        page = opened()
        sure = {name: finding.confidence or 0.0 for name, finding in served.findings().items()}
        page.select_option("#order", "trust")
        page.wait_for_timeout(300)
        names = page.locator("#strip .text span:first-child").all_inner_texts()
        assert [sure[name] for name in names if name in sure] == sorted(sure[name] for name in names if name in sure)
        for order in ("random", "category", "status", "size"):
            page.select_option("#order", order)
            expect(page.locator("#strip li")).to_have_count(5)
        page.keyboard.press("Escape")
        page.keyboard.press("/")
        page.keyboard.type("SUB/")
        expect(page.locator("#strip li")).to_have_count(1)
        expect(page.locator("#name")).to_have_text("sub/e")

    def test_decisions_in_random_order_are_marked(self, opened: Opened, served: Served) -> None:
        page = opened(order="trust")
        page.select_option("#order", "random")
        page.wait_for_timeout(500)
        page.keyboard.press("Escape")
        page.locator("#accept").click()
        expect(page.locator("#saved")).to_contain_text("saved: ", timeout=30_000)
        decided = [finding.decision for finding in served.findings().values() if finding.decision]
        assert [decision.at_random for decision in decided] == [True]


class TestHints:
    def test_left_and_right_click(self, opened: Opened, served: Served) -> None:
        page = opened()
        after_cut(page, lambda: page.mouse.click(*spot(page, 10, 10)))
        after_cut(page, lambda: page.mouse.click(*spot(page, 140, 100), button="right"))
        page.keyboard.down("Control")
        after_cut(page, lambda: page.mouse.click(*spot(page, 140, 20)))
        page.keyboard.up("Control")
        page.keyboard.press("Enter")
        saved(page, "a", "corrected")
        mask = read_mask(served.run / "masks/a.png")
        assert mask[10, 10] and not mask[100, 140] and not mask[20, 140]
        assert served.findings()["a"].decision.strokes == 3  # type: ignore[union-attr]

    def test_brush_size_label_and_eraser(self, opened: Opened, served: Served) -> None:
        page = opened()
        page.keyboard.press("2")
        for _ in range(6):
            page.keyboard.press("]")
        size = int(page.locator("#size").input_value())
        page.keyboard.press("[")
        assert int(page.locator("#size").input_value()) < size > 12
        after_cut(page, lambda: drag(page, spot(page, 20, 20), spot(page, 60, 20)))
        page.keyboard.press("x")
        expect(page.locator("#label")).to_contain_text("background")
        after_cut(page, lambda: drag(page, spot(page, 20, 100), spot(page, 60, 100)))
        page.keyboard.press("3")
        after_cut(page, lambda: drag(page, spot(page, 50, 95), spot(page, 70, 105)))
        page.keyboard.press("Enter")
        saved(page, "a", "corrected")
        hints = read_truth(served.run / "hints/a.png", void=UNKNOWN_LEVEL)
        assert (hints[20, 20:60] == 1).all() and (hints[100, 20:40] == 0).all() and hints[100, 58] == 255
        mask = read_mask(served.run / "masks/a.png")
        assert mask[20, 20:60].all() and not mask[100, 20:40].any()

    def test_a_box_by_drag(self, opened: Opened, served: Served) -> None:
        page = opened()
        page.keyboard.press("4")
        after_cut(page, lambda: drag(page, spot(page, 100, 90), spot(page, 40, 30)))
        page.keyboard.press("Enter")
        saved(page, "a", "corrected")
        mask = read_mask(served.run / "masks/a.png")
        mask[29:91, 39:101] = False
        assert not mask.any()

    def test_a_hint_against_the_box_is_taken_back_and_told(self, opened: Opened) -> None:
        page = opened()
        page.keyboard.press("4")
        after_cut(page, lambda: drag(page, spot(page, 100, 90), spot(page, 40, 30)))
        page.keyboard.press("1")
        after_cut(page, lambda: page.mouse.click(*spot(page, 5, 5)))
        expect(page.locator("#notice")).to_contain_text("contradict")
        expect(page.locator("#redo")).to_be_disabled()

    def test_undo_and_redo_without_limit(self, opened: Opened) -> None:
        page = opened()
        bare = page.locator("#canvas").get_attribute("data-share")
        shares = []
        for x in range(10, 140, 20):
            after_cut(page, lambda x=x: page.mouse.click(*spot(page, x, 10)))
            page.wait_for_timeout(100)
            shares.append(page.locator("#canvas").get_attribute("data-share"))
        for share in [*reversed(shares[:-1]), None]:
            after_cut(page, lambda: page.keyboard.press("Control+z"))
            page.wait_for_timeout(100)
            if share is not None:
                assert page.locator("#canvas").get_attribute("data-share") == share
        assert page.locator("#canvas").get_attribute("data-share") == bare
        expect(page.locator("#undo")).to_be_disabled()
        after_cut(page, lambda: page.keyboard.press("Control+Shift+z"))
        after_cut(page, lambda: page.keyboard.press("Control+y"))
        page.wait_for_timeout(100)
        assert page.locator("#canvas").get_attribute("data-share") == shares[1]
        after_cut(page, lambda: page.keyboard.press("Delete"))
        page.wait_for_timeout(100)
        assert page.locator("#canvas").get_attribute("data-share") == bare

    def test_the_crosshair_places_hints_by_keyboard_alone(self, opened: Opened, served: Served) -> None:
        page = opened()
        page.keyboard.press("0")  # A step is then 8 pixels.
        for key in ["ArrowLeft"] * 4 + ["Shift+ArrowUp"]:
            page.keyboard.press(key)
        after_cut(page, lambda: page.keyboard.press("a"))
        for _ in range(2):
            page.keyboard.press("ArrowRight")
        after_cut(page, lambda: page.keyboard.press("d"))
        page.keyboard.press("Enter")
        saved(page, "a", "corrected")
        mask = read_mask(served.run / "masks/a.png")
        assert mask[20, 43] and not mask[20, 59]

    def test_another_target(self, opened: Opened, served: Served) -> None:
        page = opened()
        assert page.locator("#classes option").count() == 4
        page.keyboard.press("t")
        page.keyboard.type("cow")
        after_cut(page, lambda: page.keyboard.press("Enter"))
        after_cut(page, lambda: page.keyboard.press("Control+z"))
        expect(page.locator("#target")).to_have_value("")
        after_cut(page, lambda: page.keyboard.press("Control+y"))
        expect(page.locator("#target")).to_have_value("cow")
        page.keyboard.press("Enter")
        expect(page.locator("#saved")).to_contain_text("saved: a", timeout=30_000)
        assert served.findings()["a"].category == "cow"

    def test_a_target_that_is_none_is_taken_back_and_no_stroke_with_it(self, opened: Opened) -> None:
        page = opened()
        after_cut(page, lambda: page.mouse.click(*spot(page, 40, 40)))
        page.keyboard.press("t")
        page.keyboard.type("no such thing")
        after_cut(page, lambda: page.keyboard.press("Enter"))
        expect(page.locator("#notice")).to_contain_text("no such thing")
        expect(page.locator("#target")).to_have_value("")
        expect(page.locator("#undo")).to_be_enabled()

    def test_touch_and_two_fingers(self, opened: Opened, served: Served) -> None:
        page = opened(has_touch=True)
        after_cut(page, lambda: page.touchscreen.tap(*spot(page, 10, 10)))
        zoom = zoom_of(page)
        client = page.context.new_cdp_session(page)
        x, y = spot(page, 75, 60)
        for kind, gap in (("touchStart", 40), ("touchMove", 80), ("touchMove", 120), ("touchEnd", 0)):
            fingers = [] if kind == "touchEnd" else [{"x": x - gap, "y": y, "id": 0}, {"x": x + gap, "y": y, "id": 1}]
            client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
        assert zoom_of(page) == pytest.approx(3 * zoom, rel=0.1)
        assert cuts(page) == 1
        page.locator("#accept").click()  # A tap right after a pinch may be taken for a part of it.
        saved(page, "a", "corrected")
        assert read_mask(served.run / "masks/a.png")[10, 10]


class TestLooking:
    def test_the_wheel_zooms_at_the_cursor_and_space_drags(self, opened: Opened, served: Served) -> None:
        page = opened()
        zoom, place = zoom_of(page), spot(page, 30, 30)
        page.mouse.move(*place)
        page.mouse.wheel(0, -600)
        assert zoom_of(page) > 2 * zoom
        page.keyboard.down("Space")
        drag(page, place, (place[0] + 50, place[1] + 40))
        page.keyboard.up("Space")
        assert cuts(page) == 0
        after_cut(page, lambda: page.mouse.click(place[0] + 50, place[1] + 40))
        page.keyboard.press("Enter")
        saved(page, "a", "corrected")
        ys, xs = np.nonzero(read_truth(served.run / "hints/a.png", void=UNKNOWN_LEVEL) == 1)
        assert abs(ys.mean() - 30) < 1.5 and abs(xs.mean() - 30) < 1.5

    def test_fit_zoom_and_pixels(self, opened: Opened) -> None:
        page = opened()
        zoom = zoom_of(page)
        page.keyboard.press("+")
        assert zoom_of(page) == pytest.approx(1.5 * zoom, rel=0.01)
        page.keyboard.press("-")
        page.keyboard.press("0")
        assert zoom_of(page) == 1
        page.keyboard.press("f")
        assert zoom_of(page) == pytest.approx(zoom, rel=0.01)
        assert page.evaluate("document.getElementById('canvas').getContext('2d').imageSmoothingEnabled") is False

    def test_views_opacity_and_color(self, opened: Opened) -> None:
        page = opened()
        seen = {colors(page)}
        for look in ("outline", "cutout", "bare"):
            page.keyboard.press("o")
            assert page.locator("#look").input_value() == look
            seen.add(shot(page))
        page.keyboard.press("o")
        before = shot(page)
        page.keyboard.down("v")
        bare = shot(page)
        page.keyboard.up("v")
        assert shot(page) == before != bare
        page.select_option("#color", "#0072b2")
        blue = shot(page)
        page.locator("#opacity").fill("90")
        assert len({before, bare, blue, shot(page)}) == 4

    def test_the_loupe_follows_the_pointer(self, opened: Opened) -> None:
        page = opened()
        expect(page.locator("#loupe")).to_be_hidden()
        page.keyboard.press("l")
        page.mouse.move(*spot(page, 75, 60))
        expect(page.locator("#loupe")).to_be_visible()

    def test_help(self, opened: Opened) -> None:
        page = opened()
        page.keyboard.press("?")
        expect(page.locator("#help")).to_be_visible()
        for key in ("Enter", "R", "N", "S", "X", "[", "]", "F", "A", "D", "?"):
            assert page.locator("#keys kbd", has_text=re.compile(f"^{re.escape(key)}$")).count() == 1
        page.keyboard.press("Escape")
        expect(page.locator("#help")).to_be_hidden()


def shot(page: Page) -> bytes:
    page.wait_for_timeout(100)
    return page.locator("#stage").screenshot()


class TestNothingIsLost:
    def test_hints_survive_a_closed_tab(self, opened: Opened, served: Served) -> None:
        page = opened()
        context = page.context
        after_cut(page, lambda: page.mouse.click(*spot(page, 10, 10)))
        page.close()
        again = opened(context=context)
        again.locator("#stage[data-cuts]").wait_for()
        again.keyboard.press("Enter")
        saved(again, "a", "corrected")
        assert read_mask(served.run / "masks/a.png")[10, 10]

    def test_a_second_tab_is_told_and_may_take_over(self, opened: Opened, served: Served) -> None:
        first = opened()
        second = opened(order="trust", context=first.context)
        expect(second.locator("#notice")).to_contain_text("another tab")
        second.keyboard.press("Enter")
        second.wait_for_timeout(300)
        assert not any(finding.decision for finding in served.findings().values())
        second.get_by_role("button", name="Work in this tab").click()
        expect(second.locator("#notice")).to_be_hidden()
        first.keyboard.press("Enter")
        expect(first.locator("#notice")).to_contain_text("another tab")
        assert not any(finding.decision for finding in served.findings().values())

    def test_hostile_names_do_nothing(self, opened: Opened) -> None:
        page = opened()
        page.keyboard.press("s")
        page.keyboard.press("s")
        expect(page.locator("#name")).to_contain_text("onerror")
        assert page.locator("img[src=x]").count() == 0


class TestEveryone:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [820, 1400])
    def test_axe_finds_nothing(self, opened: Opened, scheme: str, width: int) -> None:
        page = opened(color_scheme=scheme, bypass_csp=True, viewport={"width": width, "height": 1000})
        assert faults_for_people(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.keyboard.press("?")
        assert faults_for_people(page) == []

    def test_all_controls_are_in_the_focus_order_and_seen(self, opened: Opened) -> None:
        page = opened()
        seen = []
        for _ in range(40):
            page.keyboard.press("Tab")
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none" or page.evaluate("document.activeElement === document.body")  # Past the last one.
            seen.append(page.evaluate("document.activeElement.id"))
        assert {
            "order",
            "show",
            "filter",
            "target",
            "stage",
            "label",
            "look",
            "accept",
            "reject",
            "none",
            "skip",
        } <= set(seen)


def faults_for_people(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {node['html'][:200]} {node['failureSummary']}" for each in found for node in each["nodes"]]
