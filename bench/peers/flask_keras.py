"""The classic: Flask's own server and Keras `predict`, loaded at start, one image at a time.

It knows the attributes only. The sunglasses network is not Keras', so the smiling network stands in for it: as much
work, and the wrong answer.
"""

import io
import os
import threading

import keras
import numpy as np
from flask import Flask, request
from PIL import Image

app = Flask(__name__)
model = keras.saving.load_model(os.environ["BENCH_KERAS"], compile=False)
one_at_a_time = threading.Lock()


@app.post("/")
def predict() -> dict:
    image = Image.open(io.BytesIO(request.get_data(cache=False))).convert("L").resize(model.input_shape[2:0:-1])
    pixels = np.asarray(image, dtype=np.float32)[None, :, :, None] / 255
    with one_at_a_time:
        smiling, sunglasses = (float(model.predict(pixels, verbose=0)[0, -1]) for _ in range(2))
    return {"prob_smiling": smiling, "prob_sunglasses": sunglasses}


if __name__ == "__main__":
    app.run(port=int(os.environ["PORT"]), threaded=True)
