"""Scores of classifiers; `probabilities` FP32 [N], `truth` BOOL [N]."""

import numpy as np


def auc(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Area under the ROC curve: the chance that a positive scores higher than a negative; ties count half."""
    values, ranks = np.unique(probabilities, return_inverse=True)
    counts = np.bincount(ranks, minlength=len(values))
    middles = np.cumsum(counts) - (counts - 1) / 2
    positives, negatives = truth.sum(), (~truth).sum()
    return float((middles[ranks][truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def balanced_accuracy(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Mean of the shares of positives and of negatives that are told rightly."""
    return float((predicted[truth].mean() + (~predicted[~truth]).mean()) / 2)
