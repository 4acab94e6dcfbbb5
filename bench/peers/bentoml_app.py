"""BentoML with one worker."""

import bentoml
import numpy as np
from linear import fit


@bentoml.service(workers=1, metrics={"enabled": True})
class Linear:
    def __init__(self) -> None:
        self.model = fit()

    @bentoml.api
    def predict(self, features: list[float]) -> float:
        return float(self.model.predict(np.array([features]))[0])
