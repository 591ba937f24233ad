"""The chat page in a real browser, beside a real server."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from mime_fast.server.page import FILES
from tests.server.node import node_modules
from tests.server.serving import SAD, Run, Running

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt install chromium")
DOWN = "The server does not answer"
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, server: Running) -> Iterator[Visit]:
    """Opens the page in a browser of its own; whatever it logs as an error fails the test."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def call(url: str = server.url, **options: Any) -> Page:
        contexts.append(browser.new_context(**{"service_workers": "block", **options}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        expect(page.locator("#options fieldset").first).to_be_attached()
        return page

    yield call
    for context in contexts:
        context.close()
    assert errors == []


def say(page: Page, message: str) -> None:
    """Send a message, and wait for the whole reply."""
    count = page.locator("#log > li").count()
    page.get_by_label("Your message").fill(message)
    page.keyboard.press("Enter")
    expect(page.locator("#log > li")).to_have_count(count + 1)
    expect(page.locator("#log > li").last.locator("figure")).to_be_visible()


def last_reply(page: Page) -> str:
    return page.locator("#log > li").last.locator(".reply .text").inner_text()


def kept(page: Page) -> list[Any]:
    text = page.evaluate("localStorage.getItem('mime:conversation')")
    exchanges: list[Any] = json.loads(text)["exchanges"]
    return exchanges


def test_the_files_and_their_policy(client: httpx2.Client) -> None:
    for path in FILES:
        answer = client.get(path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        outside = re.findall(r"https?://(?!www\.w3\.org)", answer.text)
        assert outside == []
    static = Path(__file__).resolve().parents[2] / "mime_fast/server/page/static"
    assert {name for name, _ in FILES.values()} == {path.name for path in static.iterdir()}


def test_there_may_be_no_page(run: Run) -> None:
    with run(page=False) as server, server.client() as client:
        assert client.get("/").status_code == 404


@in_browser
def test_a_conversation(visit: Visit, server: Running) -> None:
    page = visit()
    say(page, SAD)
    reply = page.locator("#log > li").last
    assert last_reply(page)
    assert reply.locator("caption").all_inner_texts()[0] == "Recognised in your message"
    expect(reply.locator("figure summary")).to_contain_text(
        re.compile(r"You seem to feel \w+ \(\d+%\)")
    )
    expect(reply.locator("figure summary")).to_contain_text(
        re.compile("mimics (negative|positive)")
    )
    expect(reply.locator(".note").last).to_contain_text(
        re.compile(r"\d+ tokens; [\d.]+ ms in the model, \d+ ms in all; seed \d+")
    )
    say(page, "He ran away.")
    first, second = kept(page)
    with server.client() as client:
        body = {"message": [SAD, first["text"], "He ran away."]}
        body |= {"seed": second["response"]["seed"]}
        assert client.post("/v1/mime/respond", json=body).json()["text"] == second["text"]
    page.reload()
    expect(page.locator("#log > li")).to_have_count(2)
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator("#log > li")).to_have_count(0)
    assert kept(page) == []


@in_browser
def test_another_seed_an_edit_and_a_forced_emotion(visit: Visit) -> None:
    page = visit()
    say(page, SAD)
    say(page, "He ran away.")
    (before,) = kept(page)[1:]
    page.get_by_role("button", name="Another reply").click()
    expect(page.locator(".reply[aria-busy=true]")).to_have_count(0)
    expect(page.locator("#log > li").last.locator("figure")).to_be_visible()
    (after,) = kept(page)[1:]
    assert after["response"]["seed"] != before["response"]["seed"]

    page.get_by_label("Answer as if I felt").select_option("joyful")
    expect(page.locator("figure summary").last).to_contain_text("answered as if you felt joyful")
    assert kept(page)[1]["response"]["seed"] == after["response"]["seed"]
    assert kept(page)[1]["response"]["emotion"] == "joyful"
    expect(page.get_by_label("Answer as if I felt")).to_have_value("joyful")

    page.get_by_role("button", name="Edit").first.click()
    expect(page.get_by_label("Your message")).to_have_value(SAD)
    page.keyboard.press("Escape")
    expect(page.get_by_label("Your message")).to_have_value("")
    page.get_by_role("button", name="Edit").first.click()
    page.get_by_label("Your message").fill("I got the job!")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#log > li")).to_have_count(1)
    expect(page.locator("figure")).to_be_visible()
    assert [each["message"] for each in kept(page)] == ["I got the job!"]


@in_browser
def test_options_are_those_of_the_table(visit: Visit) -> None:
    page = visit()
    page.get_by_text("Options of the reply").click()
    expect(page.get_by_label("max new tokens", exact=True)).to_have_attribute("placeholder", "50")
    expect(page.get_by_label("early stopping")).to_contain_text("default (true)")
    page.get_by_label("max new tokens", exact=True).fill("2")
    page.get_by_label("seed", exact=True).fill("7")
    page.get_by_label("do sample").check()
    say(page, SAD)
    (found,) = kept(page)
    assert (found["response"]["seed"], found["response"]["timings"]["tokens"]) == (7, 2)
    page.reload()
    expect(page.locator("#option-seed")).to_have_value("7")
    page.get_by_text("Options of the reply").click()
    page.get_by_label("temperature").fill("1000")
    page.get_by_label("Your message").fill("Again.")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("alert")).to_contain_text("temperature must be in")
    page.get_by_role("button", name="Use the defaults").click()
    expect(page.locator("#option-seed")).to_have_value("")


@in_browser
def test_a_crisis_is_shown_as_what_it_is(visit: Visit) -> None:
    page = visit()
    say(page, "I want to kill myself tonight.")
    note = page.locator(".crisis")
    expect(note).to_contain_text("A sign of a crisis was found")
    expect(note).to_contain_text("This is a fixed text")


@in_browser
def test_stop(visit: Visit) -> None:
    page = visit()
    page.route("**/v1/mime/respond", lambda _: None)  # it never answers
    page.get_by_label("Your message").fill(SAD)
    page.keyboard.press("Enter")
    expect(page.locator(".reply")).to_have_attribute("aria-busy", "true")
    expect(page.get_by_role("button", name="Send")).to_be_hidden()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped.")).to_be_visible()
    expect(page.locator(".reply")).to_have_attribute("aria-busy", "false")
    expect(page.get_by_role("button", name="Send")).to_be_visible()


@in_browser
def test_a_slow_network(visit: Visit) -> None:
    page = visit()
    session = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 300, "downloadThroughput": 5000, "uploadThroughput": 5000}
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", slow)
    page.get_by_label("Your message").fill(SAD)
    page.keyboard.press("Enter")
    expect(page.locator(".reply")).to_have_attribute("aria-busy", "true")
    expect(page.locator("figure")).to_be_visible(timeout=20_000)
    expect(page.locator(".reply")).to_have_attribute("aria-busy", "false")


@in_browser
def test_keys(visit: Visit) -> None:
    page = visit()
    box = page.get_by_label("Your message")
    box.fill("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    expect(box).to_have_value("one\ntwo")
    composing = "new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true})"
    page.evaluate(f"document.getElementById('message').dispatchEvent({composing})")
    expect(page.locator("#log > li")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.locator("#log > li")).to_have_count(1)
    page.get_by_label("Your message").fill("   ")
    page.keyboard.press("Enter")
    expect(page.locator("#log > li")).to_have_count(1)


@in_browser
def test_enter_breaks_the_line_on_a_phone(visit: Visit) -> None:
    page = visit(has_touch=True, is_mobile=True, viewport={"width": 320, "height": 600})
    page.get_by_label("Your message").tap()
    page.keyboard.type("one")
    page.keyboard.press("Enter")
    page.keyboard.type("two")
    expect(page.get_by_label("Your message")).to_have_value("one\ntwo")
    page.get_by_role("button", name="Send").tap()
    expect(page.locator("figure")).to_be_visible()
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 320


@in_browser
def test_a_reader_who_scrolled_up_is_not_moved(visit: Visit) -> None:
    page = visit(viewport={"width": 800, "height": 500})
    for message in (SAD, "He ran away."):
        say(page, message)
    at_end = "main => main.scrollHeight - main.scrollTop - main.clientHeight < 5"
    main = page.locator("main")
    assert main.evaluate(at_end)
    main.evaluate("main => { main.scrollTop = 40; }")
    say(page, "I miss him.")
    assert main.evaluate("main => main.scrollTop") == 40
    main.evaluate("main => { main.scrollTop = main.scrollHeight; }")
    say(page, "So much.")
    assert main.evaluate(at_end)


@in_browser
def test_export(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    say(page, SAD)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    download.value.save_as(tmp_path / "conversation.json")
    found = json.loads((tmp_path / "conversation.json").read_text(encoding="utf-8"))
    assert [each["message"] for each in found["exchanges"]] == [SAD]
    assert found["exchanges"][0]["response"]["emotions"]


@in_browser
def test_it_is_read_while_the_server_is_down(visit: Visit) -> None:
    command = [sys.executable, "-m", "mime_fast", "serve", "--threads", "1", "--port"]

    def start(port: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen([*command, port], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        return process, process.stdout.readline().split()[0]

    process, url = start("0")
    page = visit(url, service_workers="allow")
    say(page, SAD)
    text = last_reply(page)
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    page.reload()
    expect(page.locator(".reply .text")).to_have_text(text)
    expect(page.get_by_role("status")).to_contain_text("not ready")
    page.get_by_label("Your message").fill("Are you there?")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text(DOWN)
    process, _ = start(url.rpartition(":")[2])
    try:
        expect(page.get_by_role("status")).to_have_text("", timeout=15_000)
        page.get_by_role("button", name="Another reply").click()
        expect(page.locator("figure")).to_have_count(2)
    finally:
        process.terminate()
        process.communicate()


@in_browser
def test_a_server_with_keys_asks_for_one(
    visit: Visit, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIME_FAST_API_KEYS", "open-sesame")
    with run() as server:
        page = visit(server.url)
        page.get_by_label("Your message").fill(SAD)
        page.keyboard.press("Enter")
        page.get_by_label("API key of this server").fill("open-sesame")
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("figure")).to_be_visible()
        assert "open-sesame" not in page.evaluate("JSON.stringify(localStorage)")


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault(visit: Visit, scheme: Any) -> None:
    script = node_modules() / "axe-core" / "axe.min.js"
    page = visit(color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    say(page, SAD)
    page.get_by_text("Options of the reply").click()
    page.get_by_label("Your message").fill("I want to kill myself tonight.")
    page.keyboard.press("Enter")
    expect(page.locator(".crisis")).to_be_visible()
    page.add_script_tag(path=script)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    faults = [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]]
    assert faults == []
