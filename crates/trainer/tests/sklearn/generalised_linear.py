"""Makes generalised_linear.json: what scikit-learn says about the runs that tests/it/generalised_linear.rs trains.

    venv/bin/python crates/trainer/tests/sklearn/generalised_linear.py

With the environment, the split and the encoding of compare.py. As docs/reference/algorithms.md says, every encoded column is
standardised over the training rows, and `alpha` is the penalty times the mean of the target to the power of 2 - power.
"""

import json

import pandas as pd
from sklearn.linear_model import GammaRegressor, PoissonRegressor, TweedieRegressor

from compare import CASES, HERE, encode, split

PENALTY = 0.001
MODELS = {"poisson": (1, PoissonRegressor), "gamma": (2, GammaRegressor), "tweedie": (1.5, TweedieRegressor)}


def solver(power, model, unit):
    """`unit` is that of the deviance: the target's mean to the power of 2 - power."""
    settings = dict(alpha=PENALTY * unit, solver="newton-cholesky", tol=1e-12 * unit, max_iter=1000)
    return model(power=power, link="log", **settings) if model is TweedieRegressor else model(**settings)


def fitted(file, target, fraction, seed, power, model):
    table = pd.read_csv(file)
    y = table[target].to_numpy(dtype=float)
    train, test = split(len(table), fraction, seed)
    matrix, _ = encode(table, train, [name for name in table.columns if name != target])
    seen = matrix.iloc[train]
    means, spreads = seen.mean(), seen.std(ddof=0)
    scaled = (matrix - means) / spreads
    found = solver(power, model, y[train].mean() ** (2 - power)).fit(scaled.iloc[train], y[train])
    coefficients = found.coef_ / spreads
    predictions = found.predict(scaled.iloc[test])
    return dict(
        intercept=found.intercept_ - (coefficients * means).sum(),
        coefficients=dict(coefficients),
        predictions=list(predictions[:: max(1, len(predictions) // 100)]),
        predictions_sum=predictions.sum(),
    )


if __name__ == "__main__":
    expected = {
        name: {algorithm: fitted(**case, power=power, model=model) for algorithm, (power, model) in MODELS.items()}
        for name, case in CASES.items()
        if name == "california_housing"
    }
    # Some paid nothing, which no gamma distribution has.
    expected["titanic"] = {
        algorithm: fitted(**CASES["titanic"], power=power, model=model)
        for algorithm, (power, model) in MODELS.items()
        if algorithm != "gamma"
    }
    (HERE / "generalised_linear.json").write_text(json.dumps(expected, indent=1) + "\n")
