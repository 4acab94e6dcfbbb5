"""Versions compared, described and made again: with answers made up, and against the real server."""

from __future__ import annotations

import json

import httpx
import pytest

from volary import Client, InvalidInputError, NotFoundError, VolaryError

from .mocked import Mocked

COMPARED = {
    "task": "regression",
    "baseline": 0,
    "items": [{"label": "price v1"}, {"label": "price v2"}],
    "notes": ["a note"],
    "metrics": [],
    "settings": [],
    "inputs": [],
    "importance": None,
    "classes": [],
    "curves": [],
    "added_by_a_newer_server": True,
}
CARD = {"model": "price", "version": 1, "markdown": "# price", "revision": 0, "updated_by": None, "updated_at": None}


def test_each_version_and_run_is_a_parameter_of_its_own(kind: str) -> None:
    mocked = Mocked(kind, [httpx.Response(200, json=COMPARED)])
    compared = mocked.call(
        lambda client: client.models.compare(["price/1", "price/@best"], runs=["r"], baseline="r", class_name="a&b")
    )
    assert compared.notes == ("a note",)
    assert mocked.requests[0].url.params.multi_items() == [
        ("version", "price/1"),
        ("version", "price/@best"),
        ("run", "r"),
        ("baseline", "r"),
        ("class", "a&b"),
    ]


def test_a_card_is_written_for_the_revision_that_was_read(kind: str) -> None:
    mocked = Mocked(kind, [httpx.Response(200, json=CARD)])
    card = mocked.call(lambda client: client.models.card("price", 1))
    mocked.call(lambda client: client.models.write_card("price", 1, "text", if_match=card.revision))
    sent = mocked.requests[1]
    assert (sent.method, sent.headers["if-match"]) == ("PUT", '"0"')
    assert json.loads(sent.content) == {"markdown": "text"}
    assert str(sent.url).endswith("/models/price/versions/1/card")


@pytest.mark.usefixtures("trained")
def test_a_version_is_compared_described_and_made_again(client: Client) -> None:
    version = client.models.version("price", 1)
    assert version.training_run is not None
    compared = client.models.compare(["price/1"], runs=[version.training_run])
    assert [item["version"] for item in compared.items] == [1, 1]
    assert compared.metrics[0]["cells"][1]["delta"] == 0.0
    with pytest.raises(InvalidInputError):
        client.models.compare(["price/1"])
    with pytest.raises(NotFoundError, match="price/99"):
        client.models.compare(["price/1", "price/99"])

    card = client.models.card("price", 1)
    assert version.sha256 in card.markdown
    written = client.models.write_card("price", 1, f"{card.markdown}\nNot for flats.", if_match=card.revision)
    assert written.revision == card.revision + 1
    with pytest.raises(VolaryError) as lost:
        client.models.write_card("price", 1, "something else", if_match=card.revision)
    assert lost.value.status == 412

    run = client.training_runs.rerun(version.training_run, idempotency_key="again")
    ended = client.training_runs.wait(run.id, timeout=120)
    assert (ended.rerun_of, ended.version) == (version.training_run, None)
    assert ended.reproduction is not None
    assert ended.reproduction.is_same
    assert ended.reproduction.sha256 == version.sha256
