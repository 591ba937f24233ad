"""Metrics: what they count, and that clients cannot make labels."""

from __future__ import annotations

import logging

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mime_fast.server.metrics import Metrics
from mime_fast.service import DraftCount
from tests.server.serving import SAD, Run


def read(client: httpx2.Client) -> dict[str, float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        f"{sample.name}{sorted(sample.labels.items()) or ''}": sample.value
        for family in families
        for sample in family.samples
    }


def logged_by_server(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Without the lines of the client."""
    return [record.getMessage() for record in caplog.records if record.name[:5] != "httpx"]


def test_what_is_counted(run: Run) -> None:
    with run() as server, server.client() as client:
        whole = client.post("/v1/mime/respond", json={"message": SAD, "seed": 1}).json()
        client.post("/v1/mime/respond", json={"message": SAD, "seed": 1, "stream": True})
        client.post("/v1/mime/respond", json={"message": "I want to kill myself tonight."})
        found = read(client)
    name = "mime_fast_request_success_total"
    assert found[f"{name}[('finished_reason', 'stop')]"] == 2
    assert found[f"{name}[('finished_reason', 'length')]"] == 0
    assert found[f"{name}[('finished_reason', 'crisis')]"] == 1
    assert found["mime_fast_generation_tokens_total"] == 2 * whole["timings"]["tokens"]
    assert found["mime_fast_prompt_tokens_total"] > 2 * whole["prompt_tokens"]
    assert found["mime_fast_time_to_first_token_seconds_count"] == 1
    assert found["mime_fast_e2e_request_latency_seconds_count"] == 3
    assert found["mime_fast_num_requests_running"] == 0
    crises = [value for key, value in found.items() if "crisis_signals_total" in key]
    assert sum(crises) == 1


def test_drafts_are_counted() -> None:
    metrics = Metrics()
    for drafts in (DraftCount(5, 3), DraftCount(9, 4), DraftCount(2, 1)):  # the last: of a new one
        metrics.count_drafts(drafts)
    text = metrics.text().decode()
    assert "mime_fast_spec_decode_num_draft_tokens_total 11.0" in text
    assert "mime_fast_spec_decode_num_accepted_tokens_total 5.0" in text


def test_the_finest_bucket_is_half_a_millisecond(client: httpx2.Client) -> None:
    found = read(client)
    bounds = [
        key for key in found if key.startswith("mime_fast_e2e_request_latency_seconds_bucket")
    ]
    assert any("'0.0005'" in key for key in bounds)


def test_no_client_makes_a_series(client: httpx2.Client) -> None:
    client.post("/v1/mime/respond", json={"message": SAD})
    before = set(read(client))
    for number in range(50):
        client.get(f"/scan-{number}")
        client.request(f"METHOD{number}", "/version")
        client.post("/v1/chat/completions", json={"model": f"m{number}", "messages": []})
        client.post("/v1/mime/respond", json={"message": f"word{number}"})
    assert set(read(client)) == before


@pytest.mark.parametrize(("log_texts", "logged"), [(False, False), (True, True)])
def test_texts_are_logged_only_if_asked_for(
    run: Run, caplog: pytest.LogCaptureFixture, log_texts: bool, logged: bool
) -> None:
    caplog.set_level(logging.INFO)
    with run(log_texts=log_texts) as server, server.client() as client:
        text = client.post("/v1/mime/respond", json={"message": "my unicorn left"}).json()["text"]
        client.post("/v1/mime/respond", json={"message": ["my unicorn", "left"]})
        client.get("/v1/models/unicorn?unicorn=unicorn")
        client.get("/unicorn")
    lines = logged_by_server(caplog)
    assert any(line.startswith("POST /v1/mime/respond 200") for line in lines)
    assert any("my unicorn left" in line for line in lines) == logged
    assert ("unicorn" in str(lines), text in str(lines)) == (logged, logged)


def test_no_log_at_all(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with run(access_log=False) as server, server.client() as client:
        client.post("/v1/mime/respond", json={"message": SAD})
    assert logged_by_server(caplog) == []
