"""The classic: Flask's own server and Keras `predict`, loaded at start, one image at a time.

It knows one classifier only, which looks at the whole photo.
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
        return {"prob_smiling": float(model.predict(pixels, verbose=0)[0, -1])}


if __name__ == "__main__":
    app.run(port=int(os.environ["PORT"]), threaded=True)
