"""Writes the tables that models are judged on, each as CSV, and prints what is to be predicted in them.

python tables.py DIRECTORY [NAME...]
"""

import json
import sys
from pathlib import Path

import numpy as np
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


def made(values, target, task):
    table = pd.DataFrame(values, columns=[f"x{place}" for place in range(values.shape[1])])
    table["target"] = target
    return table, "target", task


def regression(make, **kwargs):
    return lambda: made(*make(random_state=1, **kwargs), "regression")


def classification(make, **kwargs):
    return lambda: made(*make(random_state=1, **kwargs), "classification")


def categories():
    """Many categories, each with an effect of its own; most are rare."""
    random = np.random.default_rng(1)
    group = random.zipf(1.3, size=4000) % 300
    place = random.integers(0, 12, size=4000)
    x = random.normal(size=4000)
    y = random.normal(size=300)[group] * 2 + random.normal(size=12)[place] * x + random.normal(size=4000)
    table = {"group": [f"g{g}" for g in group], "place": [f"p{p}" for p in place], "x": x, "target": y}
    return pd.DataFrame(table), "target", "regression"


def skewed():
    """Amounts with a long tail, whose logarithm is a weighted sum."""
    random = np.random.default_rng(1)
    x = random.normal(size=(3000, 6))
    y = random.gamma(2.0, np.exp(x @ [0.6, -0.4, 0.3, 0, 0, 0]) / 2.0)
    return made(x, y, "regression")


def missing():
    """Two fifths of the values are missing; that one is says something, too."""
    x, y = datasets.make_friedman1(n_samples=3000, n_features=8, noise=1.0, random_state=1)
    random = np.random.default_rng(1)
    hole = random.uniform(size=x.shape) < 0.4
    hole[:, 0] = random.uniform(size=len(x)) < x[:, 0]
    return made(np.where(hole, np.nan, x), y, "regression")


TABLES = {
    "california": california,
    "titanic": titanic,
    "diabetes": bundled(datasets.load_diabetes, "regression"),
    "breast_cancer": bundled(datasets.load_breast_cancer, "classification"),
    "wine": bundled(datasets.load_wine, "classification"),
    "digits": bundled(datasets.load_digits, "classification"),
    "iris": bundled(datasets.load_iris, "classification"),
    "friedman1": regression(datasets.make_friedman1, n_samples=2000, noise=1.0),
    "friedman2": regression(datasets.make_friedman2, n_samples=2000, noise=100.0),
    "friedman3": regression(datasets.make_friedman3, n_samples=2000, noise=0.1),
    "few": regression(datasets.make_regression, n_samples=80, n_features=10, n_informative=4, noise=20.0),
    "blobs": classification(datasets.make_classification, n_samples=3000, n_features=20, n_informative=8, n_classes=3),
    "moons": classification(datasets.make_moons, n_samples=1500, noise=0.3),
    "rare": classification(datasets.make_classification, n_samples=5000, n_features=12, n_informative=5, weights=[0.97]),
    "categories": categories,
    "skewed": skewed,
    "missing": missing,
}

if __name__ == "__main__":
    told = []
    for name in sys.argv[2:] or TABLES:
        table, target, task = TABLES[name]()
        file = Path(sys.argv[1]) / f"{name}.csv"
        table.to_csv(file, index=False)
        told.append({"name": name, "file": str(file), "target": target, "task": task})
    json.dump(told, sys.stdout)
