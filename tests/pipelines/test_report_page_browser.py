"""The report in headless Chromium: clicks, switches, search, both themes, a phone and a desk, and no complaints."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import reported

from engine.storage import Folder
from pipelines.pages import Options, report

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
pytestmark = [
    pytest.mark.skipif(not CHROMIUM or not DRIVER, reason="no chromium and chromedriver (Debian: chromium-driver)"),
    # The driver's sockets are closed by the garbage collector, after a test's end.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
WIDTHS = {"phone": (390, 844), "desk": (1280, 900)}
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
    "--disable-background-networking", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    out = Folder.at(reported.dataset(tmp_path_factory.mktemp("browser") / "mine"))
    report(out, Options(cpu_hour=0.1))
    return Path(out.path("report.html")).as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*QUIET, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


class Reader:
    """Somebody who reads the page: asks by selector, clicks, types."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def all(self, selector: str) -> list[Any]:
        found: list[Any] = self.driver.find_elements("css selector", selector)
        return found

    def one(self, selector: str) -> Any:
        (found,) = self.all(selector)
        return found

    def run(self, code: str, *given: Any) -> Any:
        return self.driver.execute_script(f"return {code}", *given)

    def click(self, selector: str, at: int = 0) -> None:
        element = self.all(selector)[at]
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def press(self, *keys: str) -> None:
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def wait(self, holds: Callable[[], object]) -> None:
        end = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[Callable[..., Reader]]:
    """Opens the page in a width and a theme; at the end the console must be empty, and nothing asked for."""
    browser.get_log("browser"), browser.get_log("performance")

    def open_(width: str = "desk", theme: str = "light") -> Reader:
        w, h = WIDTHS[width]
        shape = {"width": w, "height": h, "deviceScaleFactor": 1, "mobile": width == "phone"}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)
        wanted = [
            {"name": "prefers-color-scheme", "value": theme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})
        browser.get(address)
        return Reader(browser)

    yield open_
    assert browser.get_log("browser") == []
    assert browser.execute_script("return window.hurt") is None
    asked = [
        entry["message"] for entry in browser.get_log("performance") if "Network.requestWillBeSent" in entry["message"]
    ]
    assert not [message for message in asked if '"url":"http' in message]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", list(WIDTHS))
def test_it_fits_and_is_legible(open_page: Callable[..., Reader], width: str, theme: str) -> None:
    page = open_page(width, theme)
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    ground, ink = (
        page.run(f"getComputedStyle(document.body).{name}.match(/\\d+/g).slice(0, 3).map(Number)")
        for name in ("backgroundColor", "color")
    )
    assert (sum(ground) > sum(ink)) == (theme == "light")
    assert _contrast(ground, ink) >= 7
    quiet = page.run("getComputedStyle(document.querySelector('.quiet')).color.match(/\\d+/g).slice(0, 3).map(Number)")
    assert _contrast(ground, quiet) >= 4.5
    page.click(".card")
    assert page.run("document.querySelector('#viewer').scrollWidth <= document.querySelector('#viewer').clientWidth")


def _contrast(a: list[int], b: list[int]) -> float:
    """As WCAG 2 defines it, of two sRGB colours."""

    def light(colour: list[int]) -> float:
        parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((light(a), light(b)))
    return (high + 0.05) / (low + 0.05)


def test_the_switch_turns_the_theme(open_page: Callable[..., Reader]) -> None:
    page = open_page("desk", "light")
    before = page.run("getComputedStyle(document.body).backgroundColor")
    assert page.one("#theme").text == "Dark"
    page.click("#theme")
    assert page.run("getComputedStyle(document.body).backgroundColor") != before
    assert page.one("#theme").text == "Light"
    page.click("#theme")
    assert page.run("getComputedStyle(document.body).backgroundColor") == before


def test_a_harmful_caption_is_shown_as_it_stands(open_page: Callable[..., Reader]) -> None:
    page = open_page()
    page.click('.card[data-image^="0000"]')
    words = page.run("document.querySelector('#viewer .words').textContent")
    assert words == reported.HARM
    assert not page.all("#viewer script") + page.all("#viewer b") + page.all("#viewer img[src='x']")
    assert page.run("document.querySelectorAll('script').length") == 2
    assert [mark.text for mark in page.all("#viewer mark")][:2] == ["A cat", "dog"]


def test_kinds_score_and_origin_switch_boxes_off(open_page: Callable[..., Reader]) -> None:
    page = open_page()
    outlines = ".card .region"
    assert len(page.all(outlines)) == 12
    page.click("input[name=object]")
    assert len(page.all(outlines)) == 4
    page.click("input[name=object]")
    page.click("input[name=text]")
    assert len(page.all(outlines)) == 8
    assert len(page.all(".card .mask")) == 8
    page.click("input[name=masks]")
    assert not page.all(".card .mask")
    slide = "(s => { s.value = arguments[1]; s.dispatchEvent(new Event('input')); })(arguments[0])"
    page.run(slide, page.one("#score"), 0.7)
    assert len(page.all(outlines)) == 4  # the cats, at 0.9
    assert page.one("output").text == "0.70"
    page.click("#origin-menu summary")
    (detector,) = [box for box in page.all("#origin-menu label") if box.text == "detector"]
    detector.click()
    assert not page.all(outlines)


def test_the_step_before_can_be_shown(open_page: Callable[..., Reader]) -> None:
    page = open_page()
    page.run("(s => { s.value = 'raw'; s.dispatchEvent(new Event('change')); })(arguments[0])", page.one("#view"))
    assert len(page.all(".card .region")) == 16


def test_search_by_word(open_page: Callable[..., Reader]) -> None:
    page = open_page()
    page.one("#search").send_keys("exit 3")
    assert page.one("#count").text == "1 of 4 images"
    assert page.one(".card").get_attribute("data-image").startswith("3")
    page.one("#search").clear()
    page.one("#search").send_keys("NUMBER beside dog")
    assert page.one("#count").text == "3 of 4 images"
    page.one("#search").send_keys("zebra")
    assert page.one("#count").text == "0 of 4 images"
    page.one("#search").clear()
    page.one("#search").send_keys("222222")
    assert page.one("#count").text == "1 of 4 images"


@pytest.mark.parametrize("width", list(WIDTHS))
def test_a_phrase_and_its_boxes_light_each_other_up(open_page: Callable[..., Reader], width: str) -> None:
    page = open_page(width)
    page.click('.card[data-image^="1111"]')
    page.run("arguments[0].focus()", page.all("#viewer mark.grounded")[1])
    lit = lambda selector: [e.get_attribute("data-region") for e in page.all(f"#viewer {selector}.lit")]  # noqa: E731
    assert lit("g") == lit("li") == ["r1"]
    assert page.all("#viewer .overlay.dim")
    page.run("arguments[0].focus()", page.one('#viewer g[data-region="r0"]'))
    assert [mark.text for mark in page.all("#viewer mark.lit")] == ["A cat"]
    page.run("document.activeElement.blur()")
    assert not page.all("#viewer .lit") + page.all("#viewer .dim")
    if width == "desk":
        webdriver.ActionChains(page.driver).move_to_element(page.all("#viewer mark.grounded")[0]).perform()
        page.wait(lambda: lit("g") == ["r0"])


def test_by_keyboard_alone(open_page: Callable[..., Reader]) -> None:
    page = open_page()
    enter, right, left, escape = "\ue007", "\ue014", "\ue012", "\ue00c"
    page.run("document.querySelector('.card').focus()")
    page.press(enter)
    assert page.run("document.querySelector('#viewer').open")
    where = lambda: page.one("#viewer .where").text  # noqa: E731
    assert where() == "1 of 4"
    page.press(right)
    assert where() == "2 of 4"
    page.press(left, left)
    assert where() == "4 of 4"
    page.press(escape)
    assert not page.run("document.querySelector('#viewer').open")
    assert page.run("document.activeElement.className") == "card"  # where one was


def test_before_and_after_side_by_side(open_page: Callable[..., Reader]) -> None:
    page = open_page()
    page.click(".card")
    page.click("#compare")
    assert [half.get_attribute("data-view") for half in page.all("#viewer .half")] == ["raw", "curated"]
    assert [len(half.find_elements("css selector", ".region")) for half in page.all("#viewer .half")] == [4, 3]
    (gone,) = page.all("#viewer .region.changed")
    assert gone.get_attribute("data-region") == "r2"
    x = [half.rect["x"] for half in page.all("#viewer .half")]
    assert x[0] < x[1]
    assert page.run("document.activeElement.id") == "compare"
    page.click("#compare")
    assert len(page.all("#viewer .half")) == 1


def test_boxes_lie_where_they_are_in_the_picture(open_page: Callable[..., Reader]) -> None:
    page = open_page()
    page.click(".card")
    picture, box = page.one("#viewer .stage").rect, page.one('#viewer g[data-region="r0"] .outline').rect
    scale = picture["width"] / reported.SIZE[0]
    assert picture["height"] == pytest.approx(reported.SIZE[1] * scale, abs=1)
    assert box["x"] - picture["x"] == pytest.approx(5 * scale, abs=2)
    assert box["width"] == pytest.approx(15 * scale, abs=4)
    assert page.run("document.querySelector('#viewer img').naturalWidth") == reported.SIZE[0]


def test_a_screen_reader_is_told_what_everything_is(open_page: Callable[..., Reader]) -> None:
    page = open_page()
    for element in [
        element for name in ("button", "input", "select", "summary") for element in page.all(f"main {name}")
    ]:
        if element.is_displayed():
            assert element.accessible_name.strip(), element.get_attribute("outerHTML")
    assert page.one("#theme").accessible_name == "Switch between light and dark"
    page.click(".card")  # what is behind the dialog now has no name
    for element in page.all("#viewer button") + page.all("#viewer g[tabindex]") + page.all("#viewer mark[tabindex]"):
        assert element.accessible_name.strip(), element.get_attribute("outerHTML")
    assert page.one('#viewer g[data-region="r0"]').accessible_name == "cat, 0.90, detector"
    pictures = page.run("[...document.querySelectorAll('svg')].filter(s => !s.ariaHidden && !s.ariaLabel).length")
    assert pictures == 0
    assert all(caption.get_attribute("textContent") for caption in page.all("caption"))
