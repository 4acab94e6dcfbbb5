"""Drives a server with the official client of the Open Inference Protocol, as tests/it/oip/client.rs asks it to.

    python3 -m venv venv && venv/bin/pip install -r server/tests/tritonclient/requirements.txt
    VOLARY_TEST_TRITONCLIENT_PYTHON=venv/bin/python cargo test ... --test it -- oip::client

Without arguments it makes requests.json: the bytes that the client sends, and what they are to be answered with. They are
sent by a test that needs no Python.

The deployments are those of tests/it/served.rs:
    price   rooms + 10 (version 1), rooms + 20 (version 2)
    house   2 rooms + area + (1000 near the bay, -5 elsewhere) + (7 with a flag); area and flag may be missing
    parcel  width + 10 depth + 100 height; height may be missing
"""

import asyncio
import base64
import json
import pathlib
import sys

import numpy as np
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

HERE = pathlib.Path(__file__).parent


def tensor(name, array, binary=True):
    tensor = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    return tensor.set_data_from_numpy(array, binary_data=binary)


def house(binary):
    return [
        tensor("rooms", np.array([1, 2, 3], np.int64), binary),
        tensor("area", np.array([0.5, 1.5, 2.5], np.float32), binary),
        tensor("place", np.array(["INLAND", "NEAR BAY", "Zürich"], np.object_), binary),
        tensor("flag", np.array([True, False, True]), binary),
    ]


HOUSE = [9.5, 1005.5, 10.5]
MATRIX = [[1.5, 2, 3], [4, 5, 6]]
DATATYPES = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"]


def output(binary):
    return [triton.InferRequestedOutput("prediction", binary_data=binary)]


def cases():
    """What, the model, its version, the arguments of `infer`, whether the answer is binary, the predictions."""
    yield "columns, binary both ways", "house", "", dict(inputs=house(True)), True, HOUSE
    yield "columns, JSON both ways", "house", "", dict(inputs=house(False), outputs=output(False)), False, HOUSE
    yield "columns, binary in alone", "house", "", dict(inputs=house(True), outputs=output(False)), False, HOUSE
    yield "columns, binary out alone", "house", "", dict(inputs=house(False), outputs=output(True)), True, HOUSE
    mixed = [column for pair in zip(house(True)[::2], house(False)[1::2]) for column in pair]
    yield "columns, every other one binary", "house", "", dict(inputs=mixed, request_id="7"), True, HOUSE
    few = [tensor("rooms", np.array([[1], [2]], np.uint8)), tensor("place", np.array([[b"INLAND"], [b""]], np.object_))]
    yield "columns of shape [n, 1], two left out", "house", "", dict(inputs=few), True, [2.0, -1.0]
    nan = [*few, tensor("area", np.array([np.nan, 4.0]))]
    yield "NaN for a missing value", "house", "", dict(inputs=nan), True, [2.0, 3.0]
    for datatype in DATATYPES:
        for binary in [True, False]:
            matrix = [tensor("input-0", np.array(MATRIX).astype(datatype), binary)]
            first = 321.5 if datatype.startswith("float") else 321.0
            yield f"matrix of {datatype}, binary: {binary}", "parcel", "", dict(inputs=matrix), True, [first, 654.0]
    rooms = [tensor("rooms", np.array([3.0]))]
    yield "the stable version", "price", "", dict(inputs=rooms), True, [13.0]
    yield "a version", "price", "2", dict(inputs=rooms, parameters={"customer": "7"}), True, [23.0]


def record():
    sent = []
    for what, model, version, arguments, is_answer_binary, predictions in cases():
        body, json_length = triton.InferenceServerClient.generate_request_body(**arguments)
        path = f"/v2/models/{model}" + (f"/versions/{version}" if version else "") + "/infer"
        sent.append(dict(
            what=what,
            path=path,
            body=base64.b64encode(body).decode(),
            json_length=json_length,
            is_answer_binary=is_answer_binary,
            predictions=predictions,
        ))
    (HERE / "requests.json").write_text(json.dumps(sent, indent=1) + "\n")


def check(what, condition):
    assert condition, what
    print("ok:", what)


def is_refused(what, status, ask):
    try:
        ask()
    except InferenceServerException as error:
        check(f"{what}: {error}", error.status() == str(status) and error.message())
    else:
        raise AssertionError(f"{what} was not refused")


def drive(address, key):
    client = triton.InferenceServerClient(address)
    headers = {"Authorization": f"Bearer {key}"}

    def infer(*arguments, **named):
        # The client writes the length of this request's JSON into the headers that it is given.
        return client.infer(*arguments, headers=dict(headers), **named)

    check("live", client.is_server_live())
    check("ready", client.is_server_ready())
    check("server metadata", "binary_tensor_data" in client.get_server_metadata(headers)["extensions"])
    check("model ready", client.is_model_ready("house", headers=headers))
    check("version ready", client.is_model_ready("price", "2", headers=headers))
    check("absent model not ready", not client.is_model_ready("absent", headers=headers))
    check("absent version not ready", not client.is_model_ready("price", "9", headers=headers))
    metadata = client.get_model_metadata("house", headers=headers)
    inputs = {tensor["name"]: tensor["datatype"] for tensor in metadata["inputs"]}
    check("metadata", inputs == dict(rooms="INT64", area="FP64", place="BYTES", flag="BOOL"))
    check("versions", client.get_model_metadata("price", "2", headers=headers)["versions"] == ["1", "2", "3"])

    for what, model, version, arguments, is_answer_binary, predictions in cases():
        result = infer(model, model_version=version, **arguments)
        answer = result.get_response()
        check(what, result.as_numpy("prediction").tolist() == predictions)
        check(f"{what}: version", answer["model_version"] == (version or "1"))
        check(f"{what}: id", answer.get("id") == arguments.get("request_id"))
        check(f"{what}: form", ("parameters" in answer["outputs"][0]) == is_answer_binary)
    waiting = [client.async_infer("house", house(True), headers=dict(headers)) for _ in range(8)]
    check("asynchronous", all(result.get_result().as_numpy("prediction").tolist() == HOUSE for result in waiting))
    asyncio.run(drive_aio(address, headers))

    is_refused("no key", 401, lambda: client.infer("house", house(True)))
    is_refused("absent model", 404, lambda: infer("absent", house(True)))
    is_refused("absent version", 404, lambda: infer("house", house(True), model_version="9"))
    is_refused("missing input", 400, lambda: infer("house", house(True)[:1]))
    is_refused("wrong datatype", 400, lambda: infer("price", [tensor("rooms", np.array(["3"], np.object_))]))
    is_refused("NaN", 400, lambda: infer("price", [tensor("rooms", np.array([np.nan]))]))
    absent = triton.InferRequestedOutput("price")
    is_refused("absent output", 400, lambda: infer("house", house(True), outputs=[absent]))
    classified = triton.InferRequestedOutput("prediction", class_count=2)
    is_refused("classification", 400, lambda: infer("house", house(True), outputs=[classified]))
    for encoding in ["gzip", "deflate"]:
        is_refused(encoding, 415, lambda: infer("house", house(True), request_compression_algorithm=encoding))
    print("all answers are right")


async def drive_aio(address, headers):
    async with triton_aio.InferenceServerClient(address) as client:
        check("asyncio: ready", await client.is_server_ready())
        result = await client.infer("house", house(True), headers=dict(headers))
        check("asyncio: infer", result.as_numpy("prediction").tolist() == HOUSE)


if __name__ == "__main__":
    drive(*sys.argv[1:]) if sys.argv[1:] else record()
