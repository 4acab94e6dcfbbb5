"""Ray Serve with one replica."""

import numpy as np
from linear import fit
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, max_ongoing_requests=100)
class Linear:
    def __init__(self) -> None:
        self.model = fit()

    async def __call__(self, request: Request) -> dict[str, float]:
        features = (await request.json())["features"]
        return {"prediction": float(self.model.predict(np.array([features]))[0])}


app = Linear.bind()
