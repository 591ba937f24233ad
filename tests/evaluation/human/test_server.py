"""The routes: blinding, every field checked, strangers refused, votes stored."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from mime_fast.evaluation.human.desk import Desk, annotator_name
from mime_fast.evaluation.human.plan import Plan
from mime_fast.evaluation.human.server import FILES, LONGEST, create_app, listen
from mime_fast.evaluation.human.verdict import Scores
from mime_fast.evaluation.human.votes import VoteStore

SCORES = {"empathy": 4, "relevance": 3, "fluency": 5}
Open = Callable[..., VoteStore]


def connect(plan: Plan, store: VoteStore) -> TestClient:
    return TestClient(create_app(Desk(plan, store), "127.0.0.1"), "http://127.0.0.1:8000")


@pytest.fixture
def store(small_plan: Plan, open_store: Open) -> VoteStore:
    return open_store(small_plan)


@pytest.fixture
def client(small_plan: Plan, store: VoteStore) -> TestClient:
    return connect(small_plan, store)


def next_page(client: TestClient, name: str = "ann") -> dict[str, Any]:
    response = client.get("/api/next", params={"annotator": name})
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


def vote(client: TestClient, page: dict[str, Any], answer: Any, **changes: Any) -> Any:
    body = {key: page[key] for key in ("evaluation", "annotator")}
    body |= {key: page["item"][key] for key in ("item", "revision")}
    return client.post("/api/votes", json={**body, "answer": answer, **changes})


def test_the_page_and_its_files_are_served(client: TestClient) -> None:
    for path in FILES:
        response = client.get(path)
        assert response.status_code == 200
        assert response.content
        assert response.headers["content-security-policy"].startswith("default-src 'self'")
    for path in ("/votes.sqlite", "/static/annotate.js", "/../pyproject.toml", "/docs"):
        assert client.get(path).status_code == 404


def test_an_annotator_goes_through_all_items(client: TestClient, store: VoteStore) -> None:
    page = next_page(client)
    total = page["remaining"]
    assert (page["done"], total) == (0, 4 + 2)
    while page["item"]:
        pair = len(page["item"]["replies"]) == 2
        assert vote(client, page, "left" if pair else SCORES).status_code == 200
        page = next_page(client)
        assert page["done"] + page["remaining"] == total
    assert page["done"] == len(store.latest()) == total


def test_nothing_names_a_system(client: TestClient, plan: Plan) -> None:
    texts = [client.get(path).text for path in FILES]
    for name in ("ann", "bob"):
        for _ in range(6):
            response = client.get("/api/next", params={"annotator": name})
            texts += [response.text, str(response.headers)]
            page = response.json()
            answer = "tie" if len(page["item"]["replies"]) == 2 else SCORES
            texts.append(vote(client, page, answer).text)
            at = {"annotator": name}
            texts.append(client.get(f"/api/items/{page['item']['item']}", params=at).text)
    texts.append(vote(client, next_page(client, "cleo"), "up").text)
    for text in texts:
        for system in (*plan.texts, "-system", "greedy"):
            assert system not in text.lower()


def test_a_side_is_stored_as_the_system_that_was_there(
    plan: Plan, open_store: Open, tmp_path: Path
) -> None:
    store = open_store(plan)
    client = connect(plan, store)
    order = plan.order("ann")
    body = {"evaluation": plan.id, "annotator": "ann", "revision": 0}
    for place, item in enumerate(order):
        if item.is_pair:
            side = ("left", "right", "tie")[place % 3]
            response = client.post("/api/votes", json={**body, "item": place, "answer": side})
            assert response.status_code == 200
            shown = client.get(f"/api/items/{place}", params={"annotator": "ann"}).json()["item"]
            assert (shown["answer"], shown["revision"]) == (side, 1)
            sides = plan.sides("ann", item)
            assert shown["replies"] == [plan.texts[system][item.example] for system in sides]
    for given in store.latest():
        side = ("left", "right", "tie")[order.index(given.item) % 3]
        left, right = plan.sides("ann", given.item)
        winner = {"left": left, "right": right, "tie": None}[side]
        said_winner = {"first": given.item.systems[0], "second": given.item.systems[1]}
        assert said_winner.get(str(given.answer)) == winner
    database = sqlite3.connect(tmp_path / "votes.sqlite")
    shown_left = [left for (left,) in database.execute("SELECT shown_left FROM votes ORDER BY id")]
    database.close()
    assert shown_left == [plan.sides("ann", given.item)[0] for given in store.latest()]


def test_going_back_changes_an_answer(client: TestClient, store: VoteStore) -> None:
    first = next_page(client)
    vote(client, first, SCORES)
    second = next_page(client)
    vote(client, second, SCORES)
    place = next_page(client)["item"]["previous"]
    assert place == second["item"]["item"]
    again = client.get(f"/api/items/{place}", params={"annotator": "ann"}).json()
    assert again["item"]["answer"] == SCORES
    assert again["item"]["previous"] == first["item"]["item"]
    assert again["item"]["following"] is None
    changed = {**SCORES, "empathy": 1}
    assert vote(client, again, changed).status_code == 200
    assert [given.answer for given in store.latest()] == [Scores(4, 3, 5), Scores(1, 3, 5)]
    back = client.get(f"/api/items/{again['item']['previous']}", params={"annotator": "ann"})
    assert back.json()["item"]["following"] == place


def test_an_item_that_was_not_answered_is_not_shown(client: TestClient) -> None:
    for place in (0, 5, 6, 10**9):
        response = client.get(f"/api/items/{place}", params={"annotator": "ann"})
        assert (response.status_code, response.json()["reason"]) == (404, "item")


def test_what_others_see_is_waited_for(
    client: TestClient, store: VoteStore, small_plan: Plan
) -> None:
    last = small_plan.order("ann")[-1]
    for name in ("bob", "cleo", "dan"):
        store.assign(name, [last])
    for _ in range(5):
        page = next_page(client)
        vote(client, page, "tie" if len(page["item"]["replies"]) == 2 else SCORES)
    page = next_page(client)
    assert (page["item"], page["done"], page["remaining"]) == (None, 5, 1)


def test_a_double_click_is_one_vote_and_a_contradiction_a_conflict(
    client: TestClient, store: VoteStore
) -> None:
    page = next_page(client)
    for _ in range(3):
        assert vote(client, page, SCORES).status_code == 200
    response = vote(client, page, {**SCORES, "fluency": 1})
    assert (response.status_code, response.json()["reason"]) == (409, "duplicate")
    assert "has answered this item 1 times" in response.json()["error"]
    assert len(store.latest()) == 1


def test_a_vote_for_another_evaluation_is_refused(client: TestClient, store: VoteStore) -> None:
    response = vote(client, next_page(client), SCORES, evaluation="0123456789abcdef")
    assert (response.status_code, response.json()["reason"]) == (409, "evaluation")
    assert store.latest() == []


@pytest.mark.parametrize(
    ("answer", "changes"),
    [
        ({**SCORES, "empathy": 6}, {}),
        ({**SCORES, "empathy": 0}, {}),
        ({**SCORES, "empathy": "4"}, {}),
        ({**SCORES, "empathy": 4.5}, {}),
        ({**SCORES, "empathy": True}, {}),
        ({**SCORES, "empathy": None}, {}),
        ({**SCORES, "kindness": 4}, {}),
        ({"empathy": 4}, {}),
        ("up", {}),
        ("left", {}),  # the item wants scores
        (None, {}),
        (SCORES, {"item": -1}),
        (SCORES, {"item": "0"}),
        (SCORES, {"revision": -1}),
        (SCORES, {"annotator": ""}),
        (SCORES, {"annotator": "a" * 41}),
        (SCORES, {"annotator": "a\x00b"}),
        (SCORES, {"annotator": 3}),
        (SCORES, {"more": 1}),
    ],
    ids=str,
)
def test_a_wrong_field_is_refused(
    client: TestClient, store: VoteStore, answer: Any, changes: dict[str, Any]
) -> None:
    response = vote(client, next_page(client), answer, **changes)
    assert (response.status_code, response.json()["reason"]) == (422, "value")
    assert response.json()["error"]
    assert store.latest() == []


@pytest.mark.parametrize("name", ["", "  ", "a" * 41, "a" * (LONGEST + 1), "a\x07b", None])
def test_a_wrong_name_is_refused(client: TestClient, name: str | None) -> None:
    params = {} if name is None else {"annotator": name}
    assert client.get("/api/next", params=params).status_code == 422


@pytest.mark.parametrize("name", ["Jörg Müller", "李", "O'Hara; --", "\U0001f415", "<b>", "../x"])
def test_names_may_be_anything_that_can_be_printed(client: TestClient, name: str) -> None:
    page = next_page(client, name)
    assert vote(client, page, SCORES).status_code == 200
    assert next_page(client, f"  {name.upper()} ")["done"] == 1


def test_a_name_has_one_spelling() -> None:
    spellings = ("Ann  Bo", " ann bo\n", "ANN BO", "Ann\u00a0Bo")
    assert {annotator_name(name) for name in spellings} == {"ann bo"}
    for name in ("\u00df\u0301x", "\u1e9e\u0301", "\u0390\u0345\u0301", "\ufb03 \u2126"):
        assert annotator_name(annotator_name(name)) == annotator_name(name)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://127.0.0.1:8000"}, 200),
        ({"Origin": "http://localhost:8000", "Host": "localhost:8000"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:9000"}, 403),
        ({"Origin": "https://127.0.0.1:8000"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:8000", "Origin": "http://evil.example:8000"}, 421),
        ({"Host": "[::1]:8000"}, 200),
        ({"Host": "[::1"}, 421),
        ({"Host": ""}, 421),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Length": "5000"}, 413),
    ],
    ids=str,
)
def test_votes_are_taken_from_the_own_page_only(
    client: TestClient, store: VoteStore, headers: dict[str, str], status: int
) -> None:
    page = next_page(client)
    body = {key: page[key] for key in ("evaluation", "annotator")}
    body |= {"item": page["item"]["item"], "revision": 0, "answer": SCORES}
    assert client.post("/api/votes", json=body, headers=headers).status_code == status
    assert len(store.latest()) == (status == 200)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/next", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("/api/next", {"Sec-Fetch-Site": "same-site"}, 403),  # another port
        ("/api/next", {"Origin": "http://evil.example"}, 403),
        ("/api/next", {"Sec-Fetch-Site": "same-origin"}, 200),
        ("/", {"Sec-Fetch-Site": "cross-site"}, 200),  # a link in a message
    ],
)
def test_items_are_handed_to_the_own_page_only(
    client: TestClient, store: VoteStore, path: str, headers: dict[str, str], status: int
) -> None:
    response = client.get(path, params={"annotator": "ghost"}, headers=headers)
    assert response.status_code == status
    with closing(sqlite3.connect(store.path)) as database:
        (shown,) = database.execute("SELECT count(*) FROM shown").fetchone()
    assert shown == (path == "/api/next" and status == 200)


def test_the_page_can_tell_that_it_is_this_server(client: TestClient) -> None:
    for path, status in (("/", 200), ("/api/next", 422), ("/nothing", 404), ("/api/votes", 405)):
        response = client.get(path)
        assert (response.status_code, response.headers["annotate"]) == (status, "votes")
        if status != 200:
            assert response.json()["error"]


def test_a_body_without_a_stated_length_is_refused(client: TestClient) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": "10"}
    headers["Transfer-Encoding"] = "chunked"
    response = client.post("/api/votes", content=iter([b"{}"]), headers=headers)
    assert response.status_code == 413


def test_a_name_of_a_stranger_gets_no_page(client: TestClient) -> None:
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 421


def test_a_vote_that_cannot_be_stored_is_not_acknowledged(
    client: TestClient, store: VoteStore
) -> None:
    page = next_page(client)
    store.path.unlink()
    response = vote(client, page, SCORES)
    assert (response.status_code, response.json()["reason"]) == (503, "database")
    assert "put the file back" in response.json()["error"]


@pytest.mark.parametrize(
    ("host", "port", "error"),
    [
        ("127.0.0.1", 65536, r"port must be in \[0, 65535\], got 65536"),
        ("127.0.0.1", -1, "port must be in"),
        ("no such host", 0, "cannot listen on port 0 of no such host"),
        ("192.0.2.1", 0, "cannot listen"),  # an address of nobody
        ("a" * 99 + "." * 99, 0, "cannot listen"),
    ],
)
def test_an_address_that_cannot_be_is_an_error(host: str, port: int, error: str) -> None:
    with pytest.raises((ValueError, OSError), match=error):
        listen(host, port)


def test_a_port_that_is_taken_is_an_error() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen on port {port} .*another --port"):
            listen("127.0.0.1", port)
