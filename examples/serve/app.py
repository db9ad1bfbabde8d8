"""Serves an exported model: POST a picture's bytes to /predict, get the probability of each class.

pip install fastapi uvicorn pillow keras tensorflow
MODEL=handed_over uvicorn app:app
curl --data-binary @cell.png http://127.0.0.1:8000/predict
"""

import io
import json
import os
from pathlib import Path

import keras
import numpy as np
from fastapi import FastAPI, HTTPException, Request
from PIL import Image, UnidentifiedImageError

folder = Path(os.environ.get("MODEL", "model"))
model = keras.saving.load_model(folder / "model.keras", compile=False)
class_names = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["class_names"]
_, height, width, _ = model.input_shape
app = FastAPI(title="bcauto")


@app.post("/predict")
async def predict(request: Request) -> dict[str, float]:
    """Return the probability of each class for the picture in the request's body."""
    try:
        picture = Image.open(io.BytesIO(await request.body())).convert("RGB")
    except UnidentifiedImageError:
        raise HTTPException(415, "the body must be a picture, such as PNG or JPEG") from None
    pixels = np.asarray(picture.resize((width, height)), np.uint8)
    [found] = model.predict(pixels[None], verbose=0).tolist()
    return dict(zip(class_names, found, strict=True))
