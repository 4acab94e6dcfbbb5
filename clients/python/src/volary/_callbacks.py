"""What the server posts once a prediction has ended, as Standard Webhooks 1.0 has it."""

from __future__ import annotations

import hmac
import json
import time
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence

from .answers import CallbackEvent, decode
from .errors import CallbackVerificationError

_PREFIX = "whsec_"


def verify_callback(
    secret: str | Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance: float = 300.0,
    now: float | None = None,
) -> CallbackEvent:
    """What a callback says, once it is sure that this server sent it, and lately.

    A callback may come twice: its `id` is the same then.

    Args:
        secret: `whsec_...`; several while one takes the place of the other.
        headers: of the request; the case of their names does not matter.
        body: of the request, the bytes as they came.
        tolerance: seconds that a callback may be old, or its sender's clock ahead.
        now: seconds since 1970; this machine's clock unless told.

    Raises:
        CallbackVerificationError: it is not signed with the secret, is too old, or is no callback.
        ValueError: the secret can not be one.
    """
    keys = [_key(text) for text in ([secret] if isinstance(secret, str) else secret)]
    given = {name.lower(): value for name, value in headers.items()}
    try:
        id, stamp, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    except KeyError as missing:
        raise CallbackVerificationError(f"the header {missing.args[0]} is missing") from None
    if not stamp.isascii() or not stamp.isdigit():
        raise CallbackVerificationError("the header webhook-timestamp is not a number of seconds")
    if abs((time.time() if now is None else now) - int(stamp)) > tolerance:
        raise CallbackVerificationError(
            f"it was not sent within {tolerance:g} s of now: a repetition, or a wrong clock"
        )
    expected = [signature(key, id, stamp, body) for key in keys]
    # Every pair is compared, so that the time it takes says nothing.
    matches = [
        hmac.compare_digest(ours.encode(), theirs.encode()) for ours in expected for theirs in signatures.split(" ")
    ]
    if not any(matches):
        raise CallbackVerificationError("no signature is right: is the secret the project's, and the body as it came?")
    try:
        return decode(CallbackEvent, {**json.loads(body), "id": id})
    except (ValueError, TypeError):
        raise CallbackVerificationError("the body is not that of a callback") from None


def signature(key: bytes, id: str, stamp: str, body: bytes) -> str:
    digest = hmac.digest(key, f"{id}.{stamp}.".encode() + body, "sha256")
    return f"v1,{b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (NotBase64, ValueError):
        key = b""
    if not key:
        # Without the value: it may be the secret but for one character.
        raise ValueError("secret must be whsec_ and base64, as the server shows it")
    return key
