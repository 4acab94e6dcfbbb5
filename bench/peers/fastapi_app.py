"""FastAPI, uvicorn and scikit-learn, as tutorials have it."""

import numpy as np
from fastapi import FastAPI
from linear import fit
from pydantic import BaseModel

app = FastAPI()
model = fit()


class Row(BaseModel):
    features: list[float]


@app.post("/predict")
async def predict(row: Row) -> dict[str, float]:
    return {"prediction": float(model.predict(np.array([row.features]))[0])}
