"""Beam search as export puts it into the network: sums of log-probabilities, finished beams stay in the race."""

import torch
from torch import Tensor

from zoo.caption.network import CaptionNetwork


@torch.inference_mode()
def search(network: CaptionNetwork, features: Tensor, start: int, end: int, width: int = 3, length: int = 20) -> Tensor:
    """The best beam's ids INT64 [N,length] of encoder maps [N,1280,H,W]; behind the end there are only end tokens."""
    count = len(features)
    h, c, written, *picture = (tensor.repeat_interleave(width, 0) for tensor in network.begin_writing(features))
    tokens = torch.full((count * width,), start)
    scores = torch.tensor([0.0] + [-1e9] * (width - 1)).repeat(count, 1)
    sequences = torch.empty(count, width, 0, dtype=torch.int64)
    finished = torch.zeros(count, width, dtype=torch.bool)
    for _ in range(length):
        logits, h, c, written, *_ = network.step(tokens, h, c, written, *picture)
        steps = logits.log_softmax(1).unflatten(0, (count, width))
        only_end = torch.full_like(steps, -1e9).index_fill(2, torch.tensor(end), 0)
        steps = torch.where(finished[..., None], only_end, steps)
        scores, best = (scores[..., None] + steps).flatten(1).topk(width)
        beam, chosen = best // logits.shape[1], best % logits.shape[1]
        rows = (beam + torch.arange(count)[:, None] * width).flatten()
        h, c, written, tokens = h[rows], c[rows], written[rows], chosen.flatten()
        sequences = torch.cat([sequences.flatten(0, 1)[rows].view(count, width, -1), chosen[..., None]], dim=2)
        finished = chosen == end
        if finished.all():
            break
    return torch.nn.functional.pad(sequences[:, 0], (0, length - sequences.shape[2]), value=end)
