from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from volary import InvalidInputError

from .mocked import Mocked, prediction, problem

ROWS = [{"n": n} for n in range(5)]


def explained(request: httpx.Request) -> httpx.Response:
    inputs = json.loads(request.content)["inputs"]
    body: dict[str, Any] = {
        "predictions": [2.0 * row["n"] for row in inputs],
        "model": "price",
        "version": 3,
        "route": "stable",
        "request_id": request.headers["x-request-id"],
    }
    if request.url.params.get("explain") == "true":
        body["explanations"] = [
            {"scale": "prediction", "base": 0.5, "contributions": {"n": 2.0 * row["n"] - 0.5}} for row in inputs
        ]
    return httpx.Response(200, json=body)


def test_explanations_are_asked_for_and_stand_beside_the_predictions(kind: str) -> None:
    mocked = Mocked(kind, explained)
    answer = mocked.call(lambda client: client.predict("price", ROWS, explain=True))
    assert answer.explanations is not None
    for predicted, explanation in zip(answer.predictions, answer.explanations, strict=True):
        assert explanation["base"] + explanation["contributions"]["n"] == predicted
    assert str(mocked.requests[0].url).endswith("/predict/price?explain=true")
    version = mocked.call(lambda client: client.predict_version("price", 3, ROWS, explain=True))
    assert version.explanations == answer.explanations


def test_those_of_all_batches_are_one_list(kind: str) -> None:
    answer = Mocked(kind, explained).call(lambda client: client.predict("price", ROWS, batch_size=2, explain=True))
    assert answer.explanations is not None
    assert [explanation["contributions"]["n"] for explanation in answer.explanations] == [-0.5, 1.5, 3.5, 5.5, 7.5]
    plain = Mocked(kind, explained).call(lambda client: client.predict("price", ROWS, batch_size=2))
    assert plain.explanations is None


def test_nobody_explains_without_being_asked(kind: str) -> None:
    mocked = Mocked(kind, [prediction()])
    assert mocked.predict().explanations is None
    assert mocked.requests[0].url.query == b""


def test_a_version_that_can_not_be_explained_says_so(kind: str) -> None:
    mocked = Mocked(kind, [problem(422, "not_explainable")])
    with pytest.raises(InvalidInputError) as raised:
        mocked.call(lambda client: client.predict("price", ROWS, explain=True))
    assert raised.value.error_code == "not_explainable"
