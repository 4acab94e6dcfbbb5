"""Writes payloads.json: what MLflow's own client sends, and what MLflow's own scoring server answers to it.

    pip install mlflow-skinny==3.17.2 pandas==3.1.1 numpy==2.4.6 scipy fastapi uvicorn
    python payloads.py > payloads.json

The bodies come from `dump_input_data`, which `ScoringServerClient.invoke` sends, and from the pandas calls of MLflow's
documentation. The answers come from `scoring_server.invocations` over a model with the signature and the formula of the
model `house` in `served.rs`. `mlflow` is false where MLflow itself does not take a body; its answer was then worked out
by hand: a list in the signature's order is taken by Volary for models of several inputs, too. A value that does not fit
the signature is a BAD_REQUEST or an INVALID_PARAMETER_VALUE to MLflow, depending on where it stumbles over it; to Volary
it is always the latter, which has the same status.
"""

import json
import logging
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.pyfunc import scoring_server
from mlflow.types import ColSpec, Schema
from mlflow.utils.proto_json_utils import dump_input_data

SCHEMA = Schema(
    [
        ColSpec("long", "rooms"),
        ColSpec("double", "area", required=False),
        ColSpec("string", "place"),
        ColSpec("boolean", "flag", required=False),
    ]
)


class House(mlflow.pyfunc.PythonModel):
    """10 + 2 rooms + area + 1000 near the bay (-5 in an unknown place) + 1000 with the flag; what is missing adds 0."""

    def predict(self, context, model_input, params=None):
        nothing = pd.Series([None] * len(model_input), index=model_input.index)
        area = model_input.get("area", nothing).astype(float).fillna(0.0)
        place = model_input["place"].map(lambda name: {"INLAND": 0.0, "NEAR BAY": 1000.0}.get(name, -5.0))
        flag = model_input.get("flag", nothing).map(lambda flag: 1000.0 if flag is True or flag == 1 else 0.0)
        return (10.0 + 2.0 * model_input["rooms"] + area + place + flag).to_numpy(dtype=float)


def model():
    path = tempfile.mkdtemp() + "/house"
    mlflow.pyfunc.save_model(
        path, python_model=House(), signature=ModelSignature(inputs=SCHEMA), pip_requirements=[]
    )
    return mlflow.pyfunc.load_model(path)


HOUSE = model()


def ask(body, content_type):
    """Status, and predictions or MLflow's error code."""
    try:
        answer = scoring_server.invocations(body, content_type, HOUSE, SCHEMA)
    except MlflowException as error:
        return error.get_http_status_code(), error.error_code
    if answer.status != 200:
        return answer.status, None
    return 200, json.loads(answer.response)["predictions"]


JSON = "application/json"
CSV = "text/csv"

plain = pd.DataFrame(
    {"rooms": [3, 4], "area": [1.5, 250.25], "place": ["INLAND", "NEAR BAY"], "flag": [True, False]}
)
gaps = pd.DataFrame(
    {"rooms": [3, 4, 5], "area": [1.5, None, np.nan], "place": ["INLAND", "NEAR BAY", "MOON"]}
)
odd = pd.DataFrame(
    {"place": ['NEAR "BAY", NaN', "Zürich\n2", "\\"], "rooms": [-1, 0, 2**40], "area": [1e-7, -0.0, 1e12]},
    index=["a", "b", "c"],
)
wide = pd.DataFrame({"rooms": range(200), "place": ["INLAND", "NEAR BAY"] * 100})

answered = [
    ("the client with a data frame", JSON, dump_input_data(plain)),
    ("the client with a data frame that has gaps, which it writes as NaN", JSON, dump_input_data(gaps)),
    ("the client with an index of names and texts of all kinds", JSON, dump_input_data(odd)),
    ("the client with 200 rows", JSON, dump_input_data(wide)),
    ("the client with empty params", JSON, dump_input_data(plain, params={})),
    ("the client with a list of records", JSON, dump_input_data(plain.to_dict(orient="records"))),
    ("the client with instances", JSON, dump_input_data(plain.to_dict(orient="records"), inputs_key="instances")),
    ("split, by pandas", JSON, '{"dataframe_split": %s}' % gaps.to_json(orient="split")),
    ("split without an index", JSON, '{"dataframe_split": %s}' % plain.to_json(orient="split", index=False)),
    ("records", JSON, json.dumps({"dataframe_records": gaps.to_dict(orient="records")})),
    ("records, by pandas", JSON, '{"dataframe_records": %s}' % gaps.to_json(orient="records")),
    ("inputs as columns", JSON, json.dumps({"inputs": plain.to_dict(orient="list")})),
    ("inputs as one row", JSON, json.dumps({"inputs": {"rooms": 3, "place": "NEAR BAY"}})),
    ("a charset", "application/json; charset=utf-8", dump_input_data(plain)),
    ("CSV", CSV, plain.to_csv(index=False)),
    ("CSV with gaps", CSV, gaps.to_csv(index=False)),
    ("CSV with quotes", CSV, odd.to_csv(index=False)),
    ("CSV with a charset and line ends of Windows", "text/csv; charset=UTF-8", plain.to_csv(index=False, lineterminator="\r\n")),
]
by_hand = [
    ("the client with an array", JSON, dump_input_data(plain.to_numpy(dtype=object)), [1017.5, 1268.25]),
    ("instances as lists", JSON, json.dumps({"instances": [[3, 1.5, "INLAND", True]]}), [1017.5]),
]
UNFIT = "INVALID_PARAMETER_VALUE"
refused = [
    ("records before MLflow 2", JSON, plain.to_json(orient="records")),
    ("split before MLflow 2", JSON, plain.to_json(orient="split")),
    ("the notation in the content type, before MLflow 2", "application/json; format=pandas-split", plain.to_json(orient="split")),
    ("the notation in the content type, before MLflow 2", "application/json-numpy-split", plain.to_json(orient="split")),
    ("another charset", "application/json; charset=latin-1", dump_input_data(plain)),
    ("another content type", "text/plain", dump_input_data(plain)),
    ("no JSON", JSON, "rooms,place"),
    ("no object", JSON, "3"),
    ("no notation", JSON, json.dumps({"rooms": 3, "place": "INLAND"})),
    ("two notations", JSON, json.dumps({"inputs": {"rooms": [3]}, "instances": [[3]]})),
    ("records that are none", JSON, json.dumps({"dataframe_records": {"rooms": 3}})),
    ("split that is none", JSON, json.dumps({"dataframe_split": [[3]]})),
    ("split with other members", JSON, json.dumps({"dataframe_split": {"columns": ["rooms"], "data": [[3]], "rows": 1}})),
    ("split with a short row", JSON, json.dumps({"dataframe_split": {"columns": ["rooms", "place"], "data": [[3]]}})),
    ("a missing column", JSON, json.dumps({"dataframe_split": {"columns": ["rooms"], "data": [[3]]}})),
    ("a text for a number", JSON, json.dumps({"dataframe_records": [{"rooms": "many", "place": "INLAND"}]}), UNFIT),
    ("a gap where none may be", JSON, dump_input_data(plain.assign(rooms=[3.0, None])), UNFIT),
    ("CSV without a needed column", CSV, plain[["rooms"]].to_csv(index=False)),
    ("CSV with a text for a number", CSV, "rooms,place\nmany,INLAND\n", UNFIT),
    ("CSV of nothing", CSV, ""),
]

cases = []
for what, content_type, body in answered:
    status, predictions = ask(body, content_type)
    assert status == 200, (what, status, predictions)
    cases.append(dict(what=what, mlflow=True, content_type=content_type, body=body, status=200, predictions=predictions))
for what, content_type, body, predictions in by_hand:
    status, code = ask(body, content_type)
    print(what, status, code, file=sys.stderr)
    cases.append(dict(what=what, mlflow=status == 200, content_type=content_type, body=body, status=200, predictions=predictions))
for what, content_type, body, *ours in refused:
    status, code = ask(body, content_type)
    assert status in (400, 415), (what, status, code)
    # MLflow's 415 is plain text without a code.
    code = ours[0] if ours else code or "BAD_REQUEST"
    cases.append(dict(what=what, mlflow=True, content_type=content_type, body=body, status=status, error_code=code))
json.dump(cases, sys.stdout, indent=1, ensure_ascii=False)
print()
