from __future__ import annotations

import pickle
import traceback

import httpx
import pytest

from volary import (
    AsyncClient,
    AuthenticationError,
    Client,
    ConnectionFailedError,
    FieldError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    UnavailableError,
    VolaryError,
)

from .mocked import KEY, URL, Answer, Mocked, prediction, problem


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, VolaryError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (409, VolaryError),
        (413, VolaryError),
        (422, InvalidInputError),
        (429, RateLimitedError),
        (500, ServerError),
        (502, ServerError),
        (503, UnavailableError),
        (504, ServerError),
    ],
)
def test_every_status_has_its_class(kind: str, status: int, expected: type[VolaryError]) -> None:
    with pytest.raises(VolaryError) as raised:
        Mocked(kind, [problem(status, "some_code")]).predict()
    error = raised.value
    assert type(error) is expected
    assert (error.status, error.error_code, error.request_id) == (status, "some_code", "r-server")
    assert error.message == "message of some_code"
    assert str(error) == f"message of some_code ({status}, some_code, r-server)"


def test_bad_fields_are_named(kind: str) -> None:
    errors = [
        {"row": 2, "pointer": "/inputs/2/age", "code": "wrong_type", "expected": "a number", "got": "old", "new": 1},
        {"pointer": "/inputs", "code": "missing", "expected": "rows"},
    ]
    with pytest.raises(InvalidInputError) as raised:
        Mocked(kind, [problem(422, "invalid_input", errors=errors)]).predict()
    assert raised.value.errors == [
        FieldError("/inputs/2/age", "wrong_type", "a number", "old", 2),
        FieldError("/inputs", "missing", "rows"),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, text="<html>oh no</html>"),
        httpx.Response(500, json=["not an object"]),
        httpx.Response(500, content=b"\xff\xfe"),
        httpx.Response(500),
    ],
)
def test_an_error_of_something_else_is_an_error_all_the_same(kind: str, answer: httpx.Response) -> None:
    mocked = Mocked(kind, [answer])
    with pytest.raises(ServerError) as raised:
        mocked.predict()
    assert raised.value.message == "the server answered 500 Internal Server Error"
    assert raised.value.request_id == mocked.requests[0].headers["x-request-id"]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>welcome</html>"),
        httpx.Response(200, json={"predictions": [1]}),
        httpx.Response(200, json=[]),
        httpx.Response(204),
    ],
)
def test_an_answer_of_something_else_is_an_error(kind: str, answer: httpx.Response) -> None:
    with pytest.raises(VolaryError, match="is base_url the address of a Volary server") as raised:
        Mocked(kind, [answer]).predict()
    assert raised.value.error_code == "unexpected_answer"


def test_a_redirect_is_not_followed_with_the_key(kind: str) -> None:
    mocked = Mocked(kind, [httpx.Response(307, headers={"location": "https://elsewhere.test/"})])
    with pytest.raises(VolaryError) as raised:
        mocked.predict()
    assert raised.value.status == 307
    assert len(mocked.requests) == 1


def test_errors_can_be_carried_between_processes() -> None:
    error = RateLimitedError("slow down", status=429, error_code="rate_limited", request_id="r")
    error.retry_after = 3.0
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.retry_after, copy.status) == (str(error), 3.0, 429)


def test_the_key_shows_nowhere(kind: str) -> None:
    client = Client(URL, api_key=KEY)
    shown = [repr(client), repr(AsyncClient(URL, api_key=KEY)), repr(client._session), repr(vars(client))]
    answers: list[Answer] = [problem(401), httpx.ConnectError("refused"), httpx.Response(200)]
    for answer in answers:
        mocked = Mocked(kind, [answer])
        with pytest.raises(VolaryError) as raised:
            mocked.predict()
        shown += [repr(raised.value), repr(vars(raised.value))]
        shown += traceback.TracebackException.from_exception(raised.value, capture_locals=True).format()
        shown += [repr(mocked.requests[0]), repr(mocked.requests[0].headers)]
    client.close()
    library = [text for text in shown if "tests/mocked.py" not in text]
    assert not any(KEY in text for text in library)
    assert mocked.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("bad", ["vol_abc\ndef", "vol_ä", "vol_\x00"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(bad: str) -> None:
    with pytest.raises(ValueError, match="a character that no header can carry") as raised:
        Client(URL, api_key=bad)
    assert bad not in str(raised.value)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="set VOLARY_API_KEY"):
        Client(URL)
    monkeypatch.setenv("VOLARY_API_KEY", f" {KEY}\n")
    with pytest.raises(ValueError, match="set VOLARY_URL"):
        AsyncClient()
    monkeypatch.setenv("VOLARY_URL", f"{URL}/")
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return prediction()

    with Client(transport=httpx.MockTransport(answer)) as client:
        assert repr(client) == f"Client('{URL}')"
        client.predict("price", {"rooms": 3})
    assert str(seen[0].url) == f"{URL}/predict/price"
    assert seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert seen[0].headers["user-agent"].startswith("volary-python/")


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "volary.test"},
        {"base_url": "ftp://volary.test"},
        {"base_url": "https://user:secret@volary.test"},
        {"base_url": "https://volary.test?x=1"},
        {"auth": "cookie"},
        {"timeout": 0.0},
        {"deadline": -1.0},
        {"max_retries": -1},
    ],
)
def test_settings_that_can_not_be_right_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must") as raised:
        Client(**{"base_url": URL, "api_key": KEY, **settings})  # type: ignore[arg-type]
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_would_change_the_path_is_refused(kind: str, name: str) -> None:
    mocked = Mocked(kind, [prediction()])
    with pytest.raises(ValueError, match="is not a name"):
        mocked.call(lambda client: client.predict(name, {}))
    assert mocked.requests == []


def test_names_keep_to_their_place_in_the_path(kind: str) -> None:
    mocked = Mocked(kind, [prediction()])
    mocked.call(lambda client: client.predict("a/../b?c#d", {}))
    assert mocked.requests[0].url.raw_path == b"/base/predict/a%2F..%2Fb%3Fc%23d"


@pytest.mark.parametrize(
    ("given", "sent"), [(3, "3"), ("3", "3"), ("champion", "@champion"), ("@champion", "@champion")]
)
def test_a_version_is_a_number_or_an_alias(kind: str, given: int | str, sent: str) -> None:
    mocked = Mocked(kind, [prediction()])
    mocked.call(lambda client: client.predict_version("price", given, {}))
    assert mocked.requests[0].url.path == f"/base/predict/price/{sent}"


@pytest.mark.parametrize("request_id", ["a b", "x" * 129, "a/b", "ä"])
def test_an_id_that_the_server_would_replace_is_refused(kind: str, request_id: str) -> None:
    with pytest.raises(ValueError, match="request_id must be"):
        Mocked(kind, [prediction()]).call(lambda client: client.predict("price", {}, request_id=request_id))


def test_what_routes_and_names_a_request_is_sent(kind: str) -> None:
    limits = {"ratelimit": '"key";r=9;t=1', "ratelimit-policy": '"key";q=10;w=60'}
    mocked = Mocked(kind, [prediction(limits)])
    answer = mocked.call(lambda client: client.predict("price", {}, route_key="Zoë", request_id="Order-7.b_2"))
    headers = mocked.requests[0].headers
    assert (headers["x-request-id"], headers.raw.count((b"x-route-key", "Zoë".encode()))) == ("Order-7.b_2", 1)
    limit = answer.rate_limit
    assert (limit.limit, limit.window_seconds, limit.remaining, limit.reset_seconds) == (10, 60, 9, 1)


@pytest.mark.parametrize("route_key", ["", " a", "a\n", "a\x00"])
def test_a_route_key_that_no_header_can_carry_is_refused(kind: str, route_key: str) -> None:
    with pytest.raises(ValueError, match="route_key"):
        Mocked(kind, [prediction()]).call(lambda client: client.predict("price", {}, route_key=route_key))


def test_a_failure_below_http_that_no_retry_mends_is_an_error_of_ours(kind: str) -> None:
    for failure in [httpx.DecodingError("bad gzip"), httpx.LocalProtocolError("too little data")]:
        mocked = Mocked(kind, [failure])
        with pytest.raises(ConnectionFailedError):
            mocked.predict()
        assert len(mocked.requests) == 1
