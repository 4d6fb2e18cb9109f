"""The bundled checkpoints, run in the framework that trained them, on photos as the server hands them over."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from zoo import CHECKPOINTS
from zoo.augmentation import to_grey
from zoo.caption.network import CaptionNetwork
from zoo.caption.network import create_network as create_caption_network
from zoo.caption.vocabulary import PAD, START, UNKNOWN, decode_tokens, read_vocabulary
from zoo.sunglasses.network import create_network as create_sunglasses_network

LONGEST_CAPTION = 20
Photos = NDArray[np.uint8]


def load_smiling() -> keras.Model:
    """The trained Keras model."""
    model: keras.Model = keras.models.load_model(CHECKPOINTS / "smiling.h5", compile=False)
    return model


def load_sunglasses() -> nn.Module:
    """The trained network, ready for inference."""
    return _load_weights(create_sunglasses_network(), "sunglasses.pt")


def load_caption() -> CaptionNetwork:
    """The trained network, ready for inference."""
    network = create_caption_network()
    _load_weights(network, "caption.pt")
    return network


@torch.inference_mode()
def predict_smiling(photos: Photos) -> NDArray[np.float32]:
    """Probabilities of smiling, float32 [N], of RGB uint8 [N, 128, 128, 3]."""
    outputs = load_smiling()(_normalise_grey(photos).permute(0, 2, 3, 1), training=False)
    return outputs.numpy()[:, 0]


@torch.inference_mode()
def predict_sunglasses(photos: Photos) -> NDArray[np.float32]:
    """Probabilities of sunglasses, float32 [N], of RGB uint8 [N, 128, 128, 3]."""
    return load_sunglasses()(_normalise_grey(photos)).sigmoid().numpy()[:, 0]


@torch.inference_mode()
def write_captions(photos: Photos) -> list[str]:
    """One sentence for each of RGB uint8 [N, 128, 128, 3]: the likeliest word each time (greedy)."""
    network, vocabulary = load_caption(), read_vocabulary()
    state = network.encode((_normalise_grey(photos) - 0.5) / 0.5)
    tokens = torch.full((len(photos),), vocabulary.index(START))
    never = torch.tensor([vocabulary.index(token) for token in (PAD, START, UNKNOWN)])
    sentence = []
    for _ in range(LONGEST_CAPTION):
        logits, *state = network.step(tokens, *state)
        tokens = logits.index_fill(1, never, float("-inf")).argmax(dim=1)
        sentence.append(tokens)
    return [decode_tokens(row, vocabulary) for row in torch.stack(sentence, dim=1).tolist()]


def _load_weights(network: nn.Module, checkpoint: str) -> nn.Module:
    network.load_state_dict(torch.load(CHECKPOINTS / checkpoint, weights_only=True))
    return network.eval()


def _to_float(photos: Photos) -> Tensor:
    return torch.from_numpy(photos).permute(0, 3, 1, 2).float() / 255


def _normalise_grey(photos: Photos) -> Tensor:
    return to_grey(_to_float(photos))
