"""The model that every Python peer serves: scikit-learn's linear regression on eight numbers."""

import numpy as np
from sklearn.linear_model import LinearRegression

WEIGHTS = np.arange(1, 9)


def fit() -> LinearRegression:
    random = np.random.default_rng(0)
    x = random.normal(size=(2000, 8))
    return LinearRegression().fit(x, x @ WEIGHTS + random.normal(size=2000))
