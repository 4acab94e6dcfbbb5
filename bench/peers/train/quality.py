"""Fits scikit-learn, LightGBM and XGBoost at their defaults to the training rows of a table, and judges them and the
predictions of Volary on the held-out rows: one code for all.

python quality.py TABLE TARGET TASK FRACTION SEED SCORED

SCORED is the whole table as `volary child` scored it. The rows are split as docs/reference/training.md says.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from xgboost import XGBClassifier, XGBRegressor

ROOT = Path(__file__).resolve().parents[3]
sys.path.append(str(ROOT / "crates/trainer/tests/sklearn"))
from compare import split  # noqa: E402


def linear(model):
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    texts = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (texts, make_column_selector(dtype_exclude="number")),
    )
    return make_pipeline(columns, model)


def few_categories(table):
    """Scikit-learn's takes no column of more than 255 categories: such a one is numbered."""
    table = table.copy()
    for name in table.select_dtypes("category").columns:
        if len(table[name].cat.categories) > 255:
            codes = table[name].cat.codes
            table[name] = codes.where(codes >= 0).astype(float)
    return table


def histograms(model):
    return make_pipeline(FunctionTransformer(few_categories), model)


MODELS = {
    "regression": {
        "hist_gradient_boosting": lambda: histograms(HistGradientBoostingRegressor(random_state=0)),
        "lightgbm": lambda: LGBMRegressor(verbose=-1),
        "xgboost": lambda: XGBRegressor(enable_categorical=True),
        "linear": lambda: linear(LinearRegression()),
    },
    "classification": {
        "hist_gradient_boosting": lambda: histograms(HistGradientBoostingClassifier(random_state=0)),
        "lightgbm": lambda: LGBMClassifier(verbose=-1),
        "xgboost": lambda: XGBClassifier(enable_categorical=True),
        "linear": lambda: linear(LogisticRegression(max_iter=1000)),
    },
}


def judge(actual, predicted, classes):
    """Of a classification `predicted` has a column of probabilities for each class."""
    if classes is None:
        return {"rmse": root_mean_squared_error(actual, predicted)}
    if len(classes) == 2:
        auc = roc_auc_score(actual, predicted[:, 1])
    else:
        auc = roc_auc_score(actual, predicted, multi_class="ovr", labels=range(len(classes)))
    return {"log_loss": log_loss(actual, predicted, labels=range(len(classes))), "roc_auc": auc}


def main(file, target, task, fraction, seed, scored):
    table = pd.read_csv(file)
    train, test = split(len(table), float(fraction), int(seed))
    features = table.drop(columns=[target])
    for name in features.columns:
        if not pd.api.types.is_numeric_dtype(features[name]):
            seen = sorted(features[name].iloc[train].dropna().unique())
            features[name] = features[name].astype(pd.CategoricalDtype(seen))
    actual, classes = table[target].to_numpy(), None
    if task == "classification":
        classes, actual = np.unique(actual, return_inverse=True)

    told = pd.read_parquet(scored)
    if classes is None:
        predicted = told["prediction"].to_numpy()
    else:
        predicted = told[[f"probability_{name}" for name in classes]].to_numpy()
    judged = {"volary": judge(actual[test], predicted[test], classes)}
    seconds = {}
    for name, make in MODELS[task].items():
        started = time.perf_counter()
        model = make().fit(features.iloc[train], actual[train])
        seconds[name] = time.perf_counter() - started
        predict = model.predict if classes is None else model.predict_proba
        judged[name] = judge(actual[test], predict(features.iloc[test]), classes)
    json.dump({"train_rows": len(train), "test_rows": len(test), "metrics": judged, "fit_seconds": seconds}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
