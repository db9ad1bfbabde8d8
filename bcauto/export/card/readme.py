"""The README of an export: how to load what lies in its folder."""

from __future__ import annotations

from bcauto.export.card.subject import Subject
from bcauto.export.formats.names import FORMATS

__all__ = ["readme"]

_KERAS = """
import keras

model = keras.saving.load_model("model.keras", compile=False)
probabilities = model.predict(pictures)
"""
_ONNX = """
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
[probabilities] = session.run(None, {"image": pictures.astype(np.float32)})
"""
_LITERT = """
import numpy as np
from ai_edge_litert.interpreter import Interpreter

serve = Interpreter("FILE").get_signature_runner()
one = pictures[:1].astype(np.float32)  # a picture at a time
[probabilities] = serve(image=one).values()
"""
_SAVED_MODEL = """
import numpy as np
import tensorflow as tf

model = tf.saved_model.load("saved_model")
probabilities = model.serve(pictures.astype(np.float32)).numpy()
"""
_SNIPPETS = {
    "keras": _KERAS,
    "onnx": _ONNX,
    "litert": _LITERT.replace("FILE", FORMATS["litert"].file),
    "litert-int8": _LITERT.replace("FILE", FORMATS["litert-int8"].file),
    "savedmodel": _SAVED_MODEL,
}
_SUBMISSION = (
    "`submission.zip` is a submission to Codabench, to be uploaded as it is. Its `model.py` gives "
    "labels, and needs TensorFlow 2.17 or later."
)


def readme(subject: Subject) -> str:
    """Return ``README.md``: what the model takes, and how each format is loaded."""
    height, width = subject.data.image_size
    lines = [
        f"# {subject.opened.folder.name}",
        "",
        f"`pictures` are (n, {height}, {width}, 3), RGB, 0 to 255. `MODEL_CARD.md` says what the "
        "model is for and what it scored, `manifest.json` all numbers and the classes by index.",
    ]
    for name in [each.format for each in subject.formats] or ["keras"]:
        if name == "codabench":
            lines += ["", _SUBMISSION]
        else:
            lines += ["", f"{FORMATS[name].runtime}:", "", f"```python{_SNIPPETS[name]}```"]
    lines += [
        "",
        "bcauto reads and resizes pictures of any kind: `bcauto predict FOLDER PICTURES`.",
    ]
    return "\n".join(lines) + "\n"
