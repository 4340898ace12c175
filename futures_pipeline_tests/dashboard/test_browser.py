"""The pages in a real browser: the system's Chromium, on this machine alone."""

import json
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from futures_pipeline.analytics.correlation.estimate import correlate
from futures_pipeline.dashboard.views import PAGES
from futures_pipeline_tests.dashboard import filled
from futures_pipeline_tests.dashboard.feed import NOW, Feed, planted
from futures_pipeline_tests.dashboard.scripts import LISTEN, TOO_WIDE
from futures_pipeline_tests.dashboard.serving import Dashboard, served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
]
BACKGROUNDS = {"dark": "rgb(19, 23, 34)", "light": "rgb(255, 255, 255)"}
pytestmark = [
    pytest.mark.scenario,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def feed() -> Iterator[Feed]:
    """A feed with a day of bars whose returns correlate at 0.7."""
    running = Feed(planted(1440, 0.7))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def dashboard(full: Path, feed: Feed) -> Iterator[Dashboard]:
    """The dashboard's own process on the full data directory, which it leaves as it was."""
    before = {file: file.stat().st_mtime_ns for file in full.rglob("*")}
    with served(full, filled.LIVE, feed.port) as running:
        yield running
    assert {file: file.stat().st_mtime_ns for file in full.rglob("*")} == before


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


class Visit:
    """A page of the browser that remembers what it asked for and what went wrong."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", lambda socket: self.asked.append(socket.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: self.errors.append(f"dialog {dialog.message}"))

    def assert_sound(self, port: int) -> None:
        """Nothing failed, nothing was asked of another host, no stored text was run."""
        own = (f"http://127.0.0.1:{port}/", f"ws://127.0.0.1:{port}/", "data:", "blob:")
        assert [url for url in self.asked if not url.startswith(own)] == []
        assert self.errors == []
        assert "owned" not in self.page.title()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Open a page in a theme and a width."""
    contexts = []

    def opened(theme: str = "dark", width: int = 1300) -> Visit:
        viewport = {"width": width, "height": 900}
        contexts.append(browser.new_context(color_scheme=theme, viewport=viewport))  # type: ignore[arg-type]
        return Visit(contexts[-1].new_page())

    yield opened
    for context in contexts:
        context.close()


def wait_until(true: Callable[[], bool], page: Page, seconds: float = 15.0) -> None:
    """Wait for something that the test itself can see, while the browser goes on."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        page.wait_for_timeout(50)


def live(visit: Visit, dashboard: Dashboard) -> None:
    """Open the bare live page and wait for its first numbers."""
    visit.page.goto(f"{dashboard.address}/live")
    expect(visit.page.locator(".fp-pill").first).to_contain_text("1m ρ 0.", timeout=20_000)


@pytest.mark.parametrize("theme", BACKGROUNDS)
def test_every_page_in_a_theme(
    theme: str, visit: Callable[..., Visit], dashboard: Dashboard
) -> None:
    """All pages by their links: no error, no foreign request, nothing stored is run."""
    found = visit(theme)
    page = found.page
    page.goto(dashboard.address)
    expect(page.locator(".stApp")).to_have_css("background-color", BACKGROUNDS[theme])
    for title, module in PAGES.values():
        page.get_by_test_id("stSidebarNav").get_by_text(title, exact=True).click()
        ready = ".fp-pill" if module.__name__.endswith("live") else ".fp-table"
        expect(page.locator(ready).first).to_be_visible(timeout=20_000)
        expect(page.get_by_test_id("stException")).to_have_count(0)
    page.wait_for_timeout(300)
    found.assert_sound(dashboard.port)


def test_a_refresh_keeps_the_scroll_and_the_chart(
    visit: Callable[..., Visit], dashboard: Dashboard
) -> None:
    found = visit()
    page = found.page
    page.clock.install()
    page.goto(f"{dashboard.address}/futures")
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible(timeout=20_000)
    expect(page.get_by_text("RTY and IWM: Data collection")).to_be_visible(timeout=20_000)
    chart = page.get_by_test_id("stVegaLiteChart").first.element_handle()
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 300)")
    asked = len(found.asked)
    page.clock.run_for(31_000)
    page.wait_for_timeout(1_500)
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 300
    assert chart is not None
    assert chart.evaluate("node => node.isConnected")
    assert len(found.asked) - asked < 20
    found.assert_sound(dashboard.port)


def test_one_socket_a_page_that_ends_with_it(
    visit: Callable[..., Visit], dashboard: Dashboard, feed: Feed
) -> None:
    page = visit().page
    page.goto(f"{dashboard.address}/live-correlation")
    expect(page.locator(".fp-pill").first).to_contain_text("1m ρ 0.", timeout=20_000)
    assert feed.listeners == 1
    page.get_by_test_id("stSidebarNav").get_by_text("Alerts", exact=True).click()
    wait_until(lambda: feed.listeners == 0, page)
    page.get_by_test_id("stSidebarNav").get_by_text("Live correlation", exact=True).click()
    expect(page.locator(".fp-pill").first).to_contain_text("1m ρ 0.", timeout=20_000)
    assert feed.listeners == 1


def test_the_live_page_draws_every_tick_it_hears(
    visit: Callable[..., Visit], dashboard: Dashboard, feed: Feed
) -> None:
    """Three seconds of 60 messages a second: none lost, all drawn in time."""
    found = visit()
    live(found, dashboard)
    page = found.page
    start, sent = time.monotonic(), 180
    for number in range(sent):
        feed.tick("ES", 6_600.0 + number % 7, NOW + number * 16)
        page.wait_for_timeout(max(0.0, 1_000 * (start + number / 60 - time.monotonic())))
    root = page.locator("#live")
    wait_until(lambda: int(root.get_attribute("data-received") or 0) >= sent + 3, page)
    assert root.get_attribute("data-lost") == "0"
    assert int(root.get_attribute("data-paints") or 0) >= 45
    assert float(root.get_attribute("data-p95") or "inf") < 500
    expect(page.locator(".fp-legend")).to_contain_text(f"C {6_600.0 + (sent - 1) % 7:.2f}")
    clock = re.compile(r"^2025-11-21 12:3\d:\d\d UTC \(07:3\d:\d\d New York\)$")
    expect(page.locator(".fp-clock")).to_have_text(clock)
    found.assert_sound(dashboard.port)


def test_a_divergence_is_told_once_and_only_when_it_begins(
    visit: Callable[..., Visit], dashboard: Dashboard, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour of opposite returns follows 23 hours in which both moved together."""
    together, apart = planted(1440, 0.7), planted(1440, -0.9, seed=9)
    before = {symbol: bars[:-60] for symbol, bars in together.items()}
    monkeypatch.setattr(feed, "bars", before)
    found = visit()
    found.page.context.grant_permissions(["notifications"])
    found.page.add_init_script(LISTEN)
    live(found, dashboard)
    for name in ("Notify", "Sound"):  # the latter sounds at once, to be heard before it matters
        found.page.get_by_role("button", name=name).click()
    badge = found.page.locator(".fp-pill").nth(4)
    expect(badge).to_contain_text("no divergence")
    for minute in range(-60, 0):
        for symbol, bars in apart.items():
            scale = before[symbol][-1][4] / bars[-61][4]
            start, *prices, volume = bars[minute]
            row = [start, *(price * scale for price in prices), volume]
            feed.send(type="bar", symbol=symbol, contract=symbol, bar=row)
    expect(badge).to_contain_text("MAJOR divergence for", timeout=10_000)
    alarms = found.page.locator("#live").get_attribute("data-alarms")
    assert alarms in ("1", "2")  # it began as minor, or was major at once
    expect(found.page.locator(".fp-notice")).to_contain_text("BTC/USDT and ES: major divergence")
    told, sounds = found.page.evaluate("[window.told, window.sounds]")
    assert (str(len(told)), told[-1]) == (alarms, "BTC/USDT and ES: major divergence")
    assert sounds == 2 * (1 + len(told))  # two tones each


def test_it_comes_back_when_the_collector_does(
    visit: Callable[..., Visit], dashboard: Dashboard, feed: Feed
) -> None:
    found = visit()
    live(found, dashboard)
    page = found.page
    feed.stop()
    expect(page.locator(".fp-notice")).to_contain_text("Not connected: the collector")
    feed.start()
    expect(page.locator(".fp-notice")).to_be_hidden(timeout=15_000)
    wait_until(lambda: feed.listeners == 1, page)
    assert feed.connections == 1


def test_the_same_estimate_as_in_the_lake(
    visit: Callable[..., Visit], dashboard: Dashboard
) -> None:
    """The page's correlation and interval are those of the product's own statistic."""
    random = np.random.default_rng(5)
    x = random.standard_t(4, size=60)
    y = 0.6 * x + random.standard_t(4, size=60)
    page = visit().page
    page.goto(f"{dashboard.address}/live")
    found = page.evaluate(
        "async ([x, y]) => (await import('/live/assets/series.js')).correlate(x, y)",
        [x.tolist(), y.tolist()],
    )
    estimate = correlate(x, y)
    assert [found["value"], found["low"], found["high"]] == pytest.approx(
        [float(estimate.value), float(estimate.low), float(estimate.high)]
    )


def test_keys_overlay_theme_and_a_narrow_screen(
    visit: Callable[..., Visit], dashboard: Dashboard
) -> None:
    found = visit("light", 420)
    live(found, dashboard)
    page, root = found.page, found.page.locator("#live")
    assert page.evaluate(TOO_WIDE) == []
    page.locator(".fp-chart").focus()
    page.keyboard.press("2")
    expect(page.get_by_role("button", name="5m", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    page.keyboard.press("o")
    expect(page.get_by_role("button", name="Overlay")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("t")
    expect(root).to_have_css("background-color", BACKGROUNDS["dark"])
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").click()
    rows = download.value.path().read_text().splitlines()
    assert rows[0].startswith("symbol,start [UTC],open [price units]")
    assert len(rows) == 1 + 2 * 1440
    expect(page.get_by_text("TradingView, Inc.")).to_be_visible()
    found.assert_sound(dashboard.port)


def test_who_may_ask(dashboard: Dashboard) -> None:
    """Another origin, host or method is refused on every door; the data is not written."""
    with httpx.Client(base_url=dashboard.address) as ask:
        _refuses(ask)
    with socket.socket() as other:
        other.bind(("127.0.0.2", dashboard.port))  # free: the pages are on 127.0.0.1 alone
    for path in ("/live/feed", "/_stcore/stream"):
        address = f"ws://127.0.0.1:{dashboard.port}{path}"
        with pytest.raises(InvalidStatus) as refused:
            connect(address, origin="http://evil.example", proxy=None)  # type: ignore[arg-type]
        assert refused.value.response.status_code == 403


def _refuses(ask: httpx.Client) -> None:
    for path in ("/", "/live", "/live/symbols", "/live/assets/live.js"):
        assert ask.get(path).status_code == 200
        assert ask.get(path, headers={"Host": "evil.example"}).status_code == 403
        assert ask.get(path, headers={"Origin": "http://evil.example"}).status_code == 403
        assert ask.get(path).headers["x-frame-options"] == "DENY"
    assert ask.post("/live/pair").status_code == 405
    assert ask.delete("/live").status_code == 405
    for path in ("/live/assets/..%2f..%2fserver.py", "/live/assets/server.py"):
        assert ask.get(path).status_code in (400, 404)
    hostile = {"futures": "../../etc", "spot": "SPY"}
    answer = ask.get("/live/pair", params=hostile)
    assert answer.status_code == 400
    assert json.loads(answer.text)["error"].startswith("symbol")
