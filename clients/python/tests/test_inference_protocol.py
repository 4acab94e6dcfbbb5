"""The clients that others wrote for the Open Inference Protocol, against the real server: over REST and over gRPC."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as over_grpc
import tritonclient.http as over_rest
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException, np_to_triton_dtype, triton_to_np_dtype

from volary import Client

from .running_server import RunningServer
from .test_server import ROW

pytestmark = pytest.mark.usefixtures("trained")

PROTO = Path(__file__).parents[3] / "crates/serving/src/dialects/oip/messages.proto"
ROWS = [ROW, {**ROW, "housing_median_age": 7, "ocean_proximity": "INLAND"}]


@pytest.fixture(params=[over_grpc, over_rest], ids=["grpc", "rest"])
def triton(request: pytest.FixtureRequest) -> Any:
    """Both modules of the client, which have the same names in them."""
    return request.param


@pytest.fixture
def connected(triton: Any, server: RunningServer) -> Iterator[Any]:
    with triton.InferenceServerClient(server.url.removeprefix("http://")) as connected:
        yield connected


@pytest.fixture
def headers(admin_key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {admin_key}"}


def tensors(triton: Any, rows: list[dict[str, Any]]) -> list[Any]:
    made = []
    for name in ROW:
        column = np.array([row[name] for row in rows], np.object_ if name == "ocean_proximity" else np.float64)
        tensor = triton.InferInput(name, list(column.shape), np_to_triton_dtype(column.dtype))
        made.append(tensor.set_data_from_numpy(column) or tensor)
    return made


def test_the_server_and_its_models_are_described(triton: Any, connected: Any, headers: dict[str, str]) -> None:
    assert connected.is_server_live()
    assert connected.is_server_ready()
    assert connected.is_model_ready("price", headers=headers)
    assert connected.is_model_ready("price", "2", headers=headers)
    as_json = {"as_json": True} if triton is over_grpc else {}
    assert connected.get_server_metadata(headers=headers, **as_json)["name"] == "volary"
    metadata = connected.get_model_metadata("price", headers=headers, **as_json)
    assert (metadata["name"], metadata["versions"], metadata["platform"]) == ("price", ["1", "2"], "volary")
    assert {tensor["name"] for tensor in metadata["inputs"]} == set(ROW)
    assert all(triton_to_np_dtype(tensor["datatype"]) for tensor in metadata["inputs"])
    assert [tensor["name"] for tensor in metadata["outputs"]] == ["prediction"]


def test_predictions_are_those_of_the_other_doors(
    triton: Any, connected: Any, headers: dict[str, str], client: Client
) -> None:
    for version, expected in [
        ("", client.predict("price", ROWS).predictions),
        ("1", client.predict_version("price", 1, ROWS).predictions),
        ("2", client.predict_version("price", 2, ROWS).predictions),
    ]:
        inputs = tensors(triton, ROWS)
        result = connected.infer("price", inputs, model_version=version, request_id="seven", headers=dict(headers))
        assert result.as_numpy("prediction").tolist() == list(expected)
        answer = result.get_response()
        if triton is over_rest:
            assert (answer["model_version"], answer["id"]) == (version or "1", "seven")
        else:
            assert (answer.model_version, answer.id) == (version or "1", "seven")


def test_a_packed_message_is_taken(server: RunningServer, headers: dict[str, str], client: Client) -> None:
    expected = list(client.predict("price", ROWS).predictions)
    with over_grpc.InferenceServerClient(server.url.removeprefix("http://")) as connected:
        for algorithm in ["gzip", "deflate"]:
            inputs = tensors(over_grpc, ROWS)
            result = connected.infer("price", inputs, headers=headers, compression_algorithm=algorithm)
            assert result.as_numpy("prediction").tolist() == expected


@pytest.fixture
def stub(server: RunningServer) -> Iterator[Any]:
    """The service without a client around it."""
    with grpc.insecure_channel(server.url.removeprefix("http://")) as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


def message(rows: list[dict[str, Any]]) -> Any:
    """With the values in fields of their datatype, which tritonclient never does."""
    request = service_pb2.ModelInferRequest(model_name="price", id="seven")
    for name in ROW:
        is_text = name == "ocean_proximity"
        tensor = request.inputs.add(name=name, datatype="BYTES" if is_text else "FP64", shape=[len(rows)])
        if is_text:
            tensor.contents.bytes_contents.extend(row[name].encode() for row in rows)
        else:
            tensor.contents.fp64_contents.extend(row[name] for row in rows)
    return request


def test_values_may_be_fields_of_the_message(stub: Any, headers: dict[str, str], client: Client) -> None:
    metadata = [*headers.items(), ("x-request-id", "typed")]
    answer, call = stub.ModelInfer.with_call(message(ROWS), metadata=metadata)
    assert dict(call.initial_metadata())["x-request-id"] == "typed"
    assert (answer.model_name, answer.model_version, answer.id) == ("price", "1", "seven")
    assert answer.raw_output_contents == []
    expected = client.predict("price", ROWS).predictions
    assert list(answer.outputs[0].contents.fp64_contents) == list(expected)


def test_a_refused_call_has_a_code_and_says_why(stub: Any, headers: dict[str, str]) -> None:
    def refused(ask: Callable[[], Any], code: grpc.StatusCode, *parts: str) -> None:
        with pytest.raises(grpc.RpcError) as raised:
            ask()
        assert raised.value.code() == code
        assert all(part in raised.value.details() for part in parts), raised.value.details()

    metadata = list(headers.items())
    codes = grpc.StatusCode
    infer = stub.ModelInfer
    refused(lambda: infer(message(ROWS)), codes.UNAUTHENTICATED, "API key")
    bad_key = [("authorization", "Bearer vol_nonsense")]
    refused(lambda: infer(message(ROWS), metadata=bad_key), codes.UNAUTHENTICATED, "not valid")
    absent = service_pb2.ModelInferRequest(model_name="absent")
    refused(lambda: infer(absent, metadata=metadata), codes.NOT_FOUND, "model")
    none = service_pb2.ModelInferRequest(model_name="price")
    refused(lambda: infer(none, metadata=metadata), codes.INVALID_ARGUMENT, "/inputs", "latitude")
    wrong = message([{**ROW, "latitude": float("inf")}])
    refused(lambda: infer(wrong, metadata=metadata), codes.INVALID_ARGUMENT, "row 0, /inputs/latitude", "finite")
    large = message(ROWS)
    large.inputs[0].contents.fp64_contents.extend([1.0] * 200_000)
    refused(lambda: infer(large, metadata=metadata), codes.RESOURCE_EXHAUSTED, "1048576")
    statistics = service_pb2.ModelStatisticsRequest(name="price")
    refused(lambda: stub.ModelStatistics(statistics, metadata=metadata), codes.UNIMPLEMENTED, "ModelInfer")


def test_the_client_of_others_shows_what_was_wrong(triton: Any, connected: Any, headers: dict[str, str]) -> None:
    with pytest.raises(InferenceServerException, match="latitude"):
        connected.infer("price", tensors(triton, ROWS)[:1], headers=dict(headers))


# MLServer has it, too; clients that do not know the field pass over it.
EXTENSION = ("ModelMetadataResponse", "TensorMetadata", "parameters")


def test_the_document_of_the_messages_is_that_of_others() -> None:
    """Every field of ours but one has the same name, number and type as theirs; of these there are more."""
    within: list[str] = []
    found = 0
    for line in PROTO.read_text().splitlines():
        text = line.split("//")[0].strip()
        if opened := re.fullmatch(r"(message|oneof|service) (\w+) {(})?", text):
            if not opened[3]:
                within.append(opened[2] if opened[1] == "message" else "")
            continue
        if text == "}":
            within.pop()
        elif field := re.fullmatch(r"(repeated )?(map<string, )?(\w+)>? (\w+) = (\d+);", text):
            scope = [name for name in within if name]
            if (*scope, field[4]) == EXTENSION:
                continue
            theirs = service_pb2.DESCRIPTOR.message_types_by_name[scope[0]]
            for name in scope[1:]:
                theirs = theirs.nested_types_by_name[name]
            other = theirs.fields_by_name[field[4]]
            kind = other.message_type.name if other.message_type else other.type
            scalar = getattr(other, f"TYPE_{field[3].upper()}", field[3])
            assert other.number == int(field[5]), text
            assert field[2] or kind == scalar, text
            found += 1
    assert found > 40
