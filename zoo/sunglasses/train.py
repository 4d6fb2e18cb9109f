"""Trains the sunglasses network: `python -m zoo.sunglasses.train --faces FOLDER`."""

import torch
from torch import Tensor
from torch.nn import functional

from zoo import CHECKPOINTS
from zoo.sunglasses.network import create_network
from zoo.training import Batch, draw_batches, parse_arguments, prepare, smooth, train


def main() -> None:
    """Trains and writes the state dict."""
    arguments = parse_arguments(__doc__, steps=1500, checkpoint=CHECKPOINTS / "sunglasses.pt")
    faces = prepare(arguments)
    labels = torch.tensor([face.sunglasses for face in faces])
    network = create_network()

    def compute_loss(batch: Batch) -> Tensor:
        target = smooth(labels[batch.indices])
        return functional.binary_cross_entropy_with_logits(network(batch.pictures)[:, 0], target)

    batches = draw_batches(arguments.faces, faces, grey=True, seed=arguments.seed)
    trained = train(network, compute_loss, batches, arguments.steps)
    torch.save(trained.state_dict(), arguments.output)


if __name__ == "__main__":
    main()
