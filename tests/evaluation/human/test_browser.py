"""The page in a real browser, beside a real server that is killed."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SYSTEMS = ("plum-system", "kiwi-system")
ITEMS, RATINGS = 96, 64  # of 32 contexts and two systems

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt install chromium")


class Server:
    """`mime-fast annotate` as a process, on one port however often it starts."""

    def __init__(self, files: Path, database: Path) -> None:
        self.files, self.database, self.port = files, database, 0
        self.process: subprocess.Popen[str] | None = None

    def start(self, *options: str) -> None:
        self.process = subprocess.Popen(
            self.command("--port", str(self.port), *options), stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        address = self.process.stdout.readline().split()[0]
        self.port = int(address.rpartition(":")[2])

    def command(self, *options: str) -> list[str]:
        outputs = [str(self.files / f"{system}.jsonl") for system in SYSTEMS]
        places = ["--data", str(self.files / "examples.jsonl"), "--database", str(self.database)]
        command = [sys.executable, "-m", "mime_fast.cli", "annotate", *outputs, *places]
        return [*command, "--contexts", "32", *options]

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.communicate()
            self.process = None

    def rows(self, annotator: str) -> list[tuple[int, str, str, int]]:
        with closing(sqlite3.connect(self.database)) as database:
            query = (
                "SELECT example, first, second, revision FROM votes WHERE annotator = ? ORDER BY id"
            )
            return list(database.execute(query, (annotator,)))


@pytest.fixture
def server(files: Path, tmp_path: Path) -> Iterator[Server]:
    server = Server(files, tmp_path / "votes.sqlite")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


def enter(page: Page, server: Server, name: str) -> None:
    page.goto(f"http://127.0.0.1:{server.port}/")
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Begin").click()


def is_at(page: Page, done: int) -> None:
    """Waits until that many items are answered and the next one is shown."""
    expect(page.locator("#count")).to_have_text(f"{done} of {ITEMS} answered", timeout=20_000)
    expect(page.locator("#answer:not([inert])")).to_be_attached()


def click_rating(page: Page, *marks: int) -> None:
    for field, mark in zip(page.locator("fieldset").all(), marks, strict=True):
        field.locator("label.mark").nth(mark - 1).click()


def test_rate_reload_kill_and_go_on(browser: Browser, server: Server, tmp_path: Path) -> None:
    record = tmp_path / "network.har"
    context = browser.new_context(record_har_path=record, record_har_content="embed")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    enter(page, server, "Ann")
    is_at(page, 0)

    click_rating(page, 5, 4, 3)  # with a pointer
    page.get_by_role("button", name="Next").click()
    is_at(page, 1)
    page.keyboard.type("123")  # with the keyboard
    page.keyboard.press("Enter")
    is_at(page, 2)

    click_rating(page, 2, 2, 2)  # reloaded in the middle: the draft is still there
    page.reload()
    is_at(page, 2)
    assert (
        page.locator("input:checked").evaluate_all("all => all.map(each => each.value)")
        == ["2"] * 3
    )
    page.keyboard.press("Enter")
    is_at(page, 3)

    server.kill()  # and clicked while it is dead
    click_rating(page, 1, 1, 1)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    assert len(server.rows("ann")) == 3
    server.start()
    is_at(page, 4)
    expect(page.get_by_role("alert")).to_be_hidden()

    for done in range(4, ITEMS):  # to the end, killed once more in between
        if done == RATINGS + 3:
            server.kill()
            server.start()
        page.keyboard.press("ArrowRight") if done >= RATINGS else page.keyboard.type("345")
        page.keyboard.press("Enter")
        if done < ITEMS - 1:
            is_at(page, done + 1)
    expect(page.get_by_role("heading", name="All done. Thank you!")).to_be_visible()

    votes = server.rows("ann")
    assert len(votes) == len(set(votes)) == ITEMS
    assert {revision for *_, revision in votes} == {0}
    assert errors == []
    context.close()
    network = record.read_text()
    assert "api/votes" in network
    assert "so sorry about your" in network  # bodies are in it
    for name in (*SYSTEMS, "greedy"):
        assert name not in network
    results = subprocess.run(
        server.command("--results"), capture_output=True, text=True, check=True
    )
    assert "Krippendorff" in results.stdout


def test_a_vote_waits_in_the_browser_while_both_are_dead(browser: Browser, server: Server) -> None:
    context = browser.new_context()
    page = context.new_page()
    enter(page, server, "Bob")
    is_at(page, 0)
    server.kill()
    page.keyboard.type("444")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    state = context.storage_state()  # what is on the disk when the browser dies
    context.close()
    server.start()
    context = browser.new_context(storage_state=state)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/")
    is_at(page, 1)
    assert len(server.rows("bob")) == 1
    context.close()


class Stranger(BaseHTTPRequestHandler):
    """Another program that took the server's port; it says yes, or that it knows nothing."""

    status = 200

    def do_POST(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST  # noqa: N815 - http.server calls it so

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.mark.parametrize("status", [200, 404])
def test_no_other_program_is_believed(
    browser: Browser, server: Server, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stranger, "status", status)
    page = browser.new_page()
    enter(page, server, "Ken")
    is_at(page, 0)
    server.kill()
    with ThreadingHTTPServer(("127.0.0.1", server.port), Stranger) as stranger:
        threading.Thread(target=stranger.serve_forever).start()
        with page.expect_response("**/api/votes"):
            page.keyboard.type("444")
            page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
        stranger.shutdown()
    server.start()
    is_at(page, 1)
    assert len(server.rows("ken")) == 1
    page.close()


def test_going_back_changes_an_answer_once(browser: Browser, server: Server) -> None:
    page = browser.new_page()
    enter(page, server, "Cleo")
    for done in range(2):
        is_at(page, done)
        page.keyboard.type("555")
        page.keyboard.press("Enter")
    is_at(page, 2)
    page.keyboard.press("Backspace")
    expect(page.locator("input:checked")).to_have_count(3)
    page.keyboard.press("Backspace")
    expect(page.locator("#back")).to_be_disabled()
    page.keyboard.type("1")
    page.keyboard.press("Enter")  # to the second one again, which stays as it is
    expect(page.locator("#back")).to_be_enabled()
    expect(page.locator("input:checked")).to_have_count(3)
    page.keyboard.press("Enter")
    expect(page.locator("input:checked")).to_have_count(0)
    assert [revision for *_, revision in server.rows("cleo")] == [0, 0, 1]
    page.close()


def test_an_unfinished_answer_is_not_sent(browser: Browser, server: Server) -> None:
    page = browser.new_page()
    enter(page, server, "Dan")
    is_at(page, 0)
    page.keyboard.type("55")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Rate all three first.")
    assert server.rows("dan") == []
    page.close()


def test_two_windows_of_one_annotator_lose_nothing(browser: Browser, server: Server) -> None:
    context = browser.new_context()
    first, second = context.new_page(), context.new_page()
    enter(first, server, "Eve")
    is_at(first, 0)
    second.goto(first.url)
    is_at(second, 0)
    for page, keys in ((first, "111"), (second, "555")):  # the same item, two answers
        page.keyboard.type(keys)
        page.keyboard.press("Enter")
    is_at(first, 1)
    is_at(second, 1)
    expect(second.get_by_role("alert")).to_contain_text("eve has answered this item 1 times")
    assert len(server.rows("eve")) == 1
    context.close()


def test_two_people_in_two_windows_keep_their_names(browser: Browser, server: Server) -> None:
    context = browser.new_context()
    first, second = context.new_page(), context.new_page()
    enter(first, server, "Gil")
    is_at(first, 0)
    second.goto(first.url)
    is_at(second, 0)
    second.get_by_role("button", name="not you?").click()
    second.get_by_label("Your name").fill("Hal")
    second.keyboard.press("Enter")
    is_at(second, 0)
    for place in (1, 2, 3):
        first.keyboard.type("111")
        first.keyboard.press("Enter")
        is_at(first, place)
        first.reload()
        is_at(first, place)
    expect(first.locator("#who")).to_have_text("gil")
    assert (len(server.rows("gil")), len(server.rows("hal"))) == (3, 0)
    context.close()


def test_a_wrong_name_is_told(browser: Browser, server: Server) -> None:
    page = browser.new_page()
    enter(page, server, " \u00a0 ")
    expect(page.get_by_role("alert")).to_contain_text("a name must have 1 to 40")
    expect(page.get_by_label("Your name")).to_be_focused()
    page.get_by_label("Your name").fill("Jörg \U0001f415")
    page.keyboard.press("Enter")
    is_at(page, 0)
    expect(page.locator("#who")).to_have_text("jörg \U0001f415")
    page.close()


def test_everything_can_be_reached_with_the_tabulator(browser: Browser, server: Server) -> None:
    page = browser.new_page()
    enter(page, server, "Fay")
    is_at(page, 0)
    for name in ("empathy", "relevance", "fluency", "submit"):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert name in (focused.get_attribute("name"), focused.get_attribute("id"))
    page.close()


def test_it_fits_a_phone(browser: Browser, server: Server) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True)
    page = context.new_page()
    enter(page, server, "Gus")
    is_at(page, 0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    boxes = [label.bounding_box() for label in page.locator("label.mark").all()[:5]]
    places = [(box["x"], box["width"]) for box in boxes if box is not None]
    for (x, width), (after, _) in pairwise(places):
        assert width >= 44  # a thumb
        assert x + width <= after
    words = page.locator("label.mark").evaluate_all(
        "all => all.map(each => [each.scrollWidth, each.clientWidth])"
    )
    assert all(width <= box for width, box in words)
    click_rating(page, 3, 3, 3)
    page.get_by_role("button", name="Next").tap()
    is_at(page, 1)
    context.close()


def test_a_choice_is_seen_in_high_contrast(browser: Browser, server: Server) -> None:
    context = browser.new_context(forced_colors="active")
    page = context.new_page()
    enter(page, server, "Lea")
    is_at(page, 0)
    page.keyboard.type("444")
    colours = page.locator("label.mark").evaluate_all(
        "all => all.map(each => getComputedStyle(each).backgroundColor)"
    )
    chosen = {colours[place] for place in (3, 8, 13)}
    assert len(chosen) == 1
    assert chosen.isdisjoint(colour for place, colour in enumerate(colours) if place % 5 != 3)
    context.close()


def test_a_database_that_is_gone_is_waited_for(browser: Browser, server: Server) -> None:
    page = browser.new_page()
    enter(page, server, "Hal")
    is_at(page, 0)
    moved = server.database.rename(server.database.with_name("moved.sqlite"))
    page.keyboard.type("333")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("put the file back")
    moved.rename(server.database)
    is_at(page, 1)
    assert len(server.rows("hal")) == 1
    page.close()


def test_an_item_that_others_left_is_shown_without_a_click(
    browser: Browser, server: Server
) -> None:
    def nothing(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "item": None})

    page = browser.new_page()
    page.clock.install()
    page.route("**/api/next*", nothing)
    enter(page, server, "Ida")
    expect(page.get_by_role("heading", name="Nothing for you at this moment")).to_be_visible()
    page.get_by_role("button", name="not you?").focus()
    with page.expect_response("**/api/next*"):
        page.clock.fast_forward(10_000)
    expect(page.get_by_role("button", name="not you?")).to_be_focused()
    page.unroute("**/api/next*")
    page.clock.fast_forward(10_000)
    is_at(page, 0)
    page.close()


def test_a_server_of_another_evaluation_gets_no_old_vote(browser: Browser, server: Server) -> None:
    page = browser.new_page()
    enter(page, server, "Joe")
    is_at(page, 0)
    server.kill()
    page.keyboard.type("222")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    old, server.database = server.database, server.database.with_name("other.sqlite")
    server.start("--seed", "5")
    expect(page.get_by_role("alert")).to_contain_text("another evaluation")
    assert server.rows("joe") == []
    server.kill()
    server.database = old
    server.start()
    page.reload()
    is_at(page, 1)
    assert len(server.rows("joe")) == 1
    page.close()
