from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import httpx
import pytest

from volary import CallbackVerificationError, verify_callback
from volary._callbacks import signature

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105, the example of Standard Webhooks
OTHER = "whsec_" + b64encode(b"x" * 32).decode()
NOW = 1_800_000_000.0
EVENT = {
    "type": "prediction.succeeded",
    "timestamp": "2026-01-31T09:30:00.123456789Z",
    "data": {
        "request_id": "r-1",
        "deployment": "price",
        "status": "succeeded",
        "created_at": "2026-01-31T09:29:59Z",
        "finished_at": "2026-01-31T09:30:00Z",
        "result": {"predictions": [1.5], "model": "price", "version": 3, "route": "stable"},
        "added_by_a_newer_server": True,
    },
    "added_by_a_newer_server": True,
}
BODY = json.dumps(EVENT).encode()


def signed(body: bytes = BODY, *secrets: str, at: float = NOW) -> dict[str, str]:
    stamp = str(int(at))
    keys = [_bytes(secret) for secret in secrets or (SECRET,)]
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": stamp,
        "Webhook-Signature": " ".join(signature(key, "msg_1", stamp, body) for key in keys),
    }


def _bytes(secret: str) -> bytes:
    from volary._callbacks import _key

    return _key(secret)


def test_the_example_of_the_standard() -> None:
    # Of the libraries of Standard Webhooks.
    found = signature(_bytes(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_is_signed_is_read() -> None:
    event = verify_callback(SECRET, signed(), BODY, now=NOW)
    assert (event.id, event.type, event.data.request_id) == ("msg_1", "prediction.succeeded", "r-1")
    assert event.data.result is not None
    assert event.data.result.predictions == [1.5]
    assert event.data.has_ended
    assert verify_callback(SECRET, httpx.Headers(signed()), BODY, now=NOW) == event
    # While one secret takes the place of the other, either side may know both.
    assert verify_callback(OTHER, signed(BODY, SECRET, OTHER), BODY, now=NOW) == event
    assert verify_callback([OTHER, SECRET], signed(), BODY, now=NOW) == event


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"body": BODY + b" "}, "no signature is right"),
        ({"secret": OTHER}, "no signature is right"),
        ({"headers": {**signed(), "Webhook-Id": "msg_2"}}, "no signature is right"),
        ({"headers": {**signed(), "Webhook-Timestamp": str(int(NOW) + 1)}}, "no signature is right"),
        ({"headers": {**signed(), "Webhook-Signature": "v1,ü v2,"}}, "no signature is right"),
        ({"headers": {**signed(), "Webhook-Timestamp": "soon"}}, "webhook-timestamp is not a number"),
        ({"headers": {"Webhook-Id": "msg_1"}}, "header webhook-timestamp is missing"),
        ({"now": NOW + 301}, "not sent within 300 s"),
        ({"now": NOW - 301}, "not sent within 300 s"),
        ({"body": b"[1]", "headers": signed(b"[1]")}, "not that of a callback"),
        ({"body": b"{", "headers": signed(b"{")}, "not that of a callback"),
        ({"body": b"{}", "headers": signed(b"{}")}, "not that of a callback"),
    ],
)
def test_what_is_not_is_refused(change: dict[str, Any], told: str) -> None:
    given = {"secret": SECRET, "headers": signed(), "body": BODY, "now": NOW, **change}
    with pytest.raises(CallbackVerificationError, match=told) as raised:
        verify_callback(given["secret"], given["headers"], given["body"], now=given["now"])
    assert SECRET not in str(raised.value)


def test_how_old_it_may_be_is_the_receivers_choice() -> None:
    assert verify_callback(SECRET, signed(), BODY, now=NOW + 900, tolerance=900).id == "msg_1"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64", "whsec_ü"])
def test_what_can_not_be_a_secret_is_told_without_it(secret: str) -> None:
    with pytest.raises(ValueError, match="secret must be whsec_") as raised:
        verify_callback(secret, signed(), BODY, now=NOW)
    assert "not base64" not in str(raised.value)
