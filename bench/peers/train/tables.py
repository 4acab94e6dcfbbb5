"""Writes the tables that models are judged on, each as CSV, and prints what is to be predicted in them.

python tables.py DIRECTORY [NAME...]
"""

import json
import sys
from pathlib import Path

import pandas as pd
from sklearn import datasets

ROOT = Path(__file__).resolve().parents[3]


def california():
    return pd.read_csv(ROOT / "demo/california_housing.csv.gz"), "median_house_value", "regression"


def titanic():
    table = pd.read_csv(ROOT / "crates/trainer/tests/data/titanic.csv")
    return table.drop(columns=["Name", "Ticket", "Cabin", "PassengerId"]), "Survived", "classification"


def bundled(load, task):
    return lambda: (load(as_frame=True).frame, "target", task)


TABLES = {
    "california": california,
    "titanic": titanic,
    "diabetes": bundled(datasets.load_diabetes, "regression"),
    "breast_cancer": bundled(datasets.load_breast_cancer, "classification"),
    "wine": bundled(datasets.load_wine, "classification"),
    "digits": bundled(datasets.load_digits, "classification"),
}

if __name__ == "__main__":
    told = []
    for name in sys.argv[2:] or TABLES:
        table, target, task = TABLES[name]()
        file = Path(sys.argv[1]) / f"{name}.csv"
        table.to_csv(file, index=False)
        told.append({"name": name, "file": str(file), "target": target, "task": task})
    json.dump(told, sys.stdout)
