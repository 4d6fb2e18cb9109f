"""From what others say about a face to one number: logistic regressions in which both classes weigh the same."""

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits


def calibrate(answers: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Logits FP32 [N] by logistic regression of BOOL labels [N] on FP32 answers [N,K]."""
    weights, bias = regress(answers, labels)
    return answers @ weights + bias


def regress(answers: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights FP32 [K] and bias of the logistic regression of targets [N], true from a half on, on answers [N,K]."""
    mean, spread = answers.mean(axis=0), answers.std(axis=0)
    scaled = (answers - mean) / spread
    inputs = torch.from_numpy(np.column_stack([scaled, np.ones(len(answers))]).astype(np.float32))
    truth = torch.from_numpy(targets.astype(np.float32))
    positive = truth > 0.5
    balance = torch.where(positive, 0.5 / positive.float().mean(), 0.5 / (~positive).float().mean())
    weights = torch.zeros(inputs.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=100)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = binary_cross_entropy_with_logits(inputs @ weights, truth, balance)
        (value + 1e-2 * weights[:-1].square().sum()).backward()
        return value

    optimizer.step(loss)
    found = weights.detach().numpy()
    slopes = found[:-1] / spread
    return slopes.astype(np.float32), float(found[-1] - slopes @ mean)
