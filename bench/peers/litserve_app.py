"""LitServe with one worker."""

import sys

import litserve
import numpy as np
from linear import fit


class Linear(litserve.LitAPI):
    def setup(self, device):
        self.model = fit()

    def decode_request(self, request):
        return request["features"]

    def predict(self, features):
        return self.model.predict(np.array([features]))

    def encode_response(self, prediction):
        return {"prediction": float(prediction[0])}


if __name__ == "__main__":
    server = litserve.LitServer(Linear(), accelerator="cpu", workers_per_device=1)
    server.run(port=int(sys.argv[1]), generate_client_file=False, num_api_servers=1)
