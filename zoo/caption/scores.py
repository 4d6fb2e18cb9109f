"""How well sentences describe photos: BLEU (Papineni et al. 2002) and CIDEr-D (Vedantam et al. 2015, arXiv:1411.5726).

A sentence is a list of words; every photo has one candidate and several references.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

Sentence = Sequence[str]
Grams = Counter[tuple[str, ...]]
ORDERS = (1, 2, 3, 4)
SIGMA = 6.0  # words of difference in length that CIDEr-D forgives


def count_grams(sentence: Sentence, order: int) -> Grams:
    return Counter(tuple(sentence[start : start + order]) for start in range(len(sentence) - order + 1))


def bleu(candidates: Sequence[Sentence], references: Sequence[Sequence[Sentence]]) -> list[float]:
    """BLEU-1 to BLEU-4 of the whole corpus, in [0,1]; the reference nearest in length counts for brevity."""
    right, total = Counter[int](), Counter[int]()
    written = wanted = 0
    for candidate, known in zip(candidates, references, strict=True):
        written += len(candidate)
        wanted += min((abs(len(sentence) - len(candidate)), len(sentence)) for sentence in known)[1]
        for order in ORDERS:
            grams, most = count_grams(candidate, order), Counter[tuple[str, ...]]()
            for sentence in known:
                most |= count_grams(sentence, order)
            right[order] += (grams & most).total()
            total[order] += grams.total()
    brevity = min(1.0, math.exp(1 - wanted / max(written, 1)))
    logarithms = [math.log(max(right[order], 1e-9) / max(total[order], 1)) for order in ORDERS]
    return [brevity * math.exp(sum(logarithms[:order]) / order) for order in ORDERS]


class Cider:
    """CIDEr-D against the references of known photos, whose document frequencies it takes."""

    def __init__(self, references: Sequence[Sequence[Sentence]]) -> None:
        documents: Counter[tuple[str, ...]] = Counter()
        for known in references:
            documents.update({gram for sentence in known for order in ORDERS for gram in count_grams(sentence, order)})
        rarest = math.log(len(references))
        self.weights = defaultdict(lambda: rarest, {gram: rarest - math.log(n) for gram, n in documents.items()})
        self.references = [[self._vectors(sentence) for sentence in known] for known in references]

    def score(self, candidate: Sentence, photo: int) -> float:
        """0 to 10; 10 is a candidate that equals all references of the photo."""
        mine = self._vectors(candidate)
        return 10 * sum(similarity(mine, other) for other in self.references[photo]) / len(self.references[photo])

    def _vectors(self, sentence: Sentence) -> tuple[int, list[dict[tuple[str, ...], float]], list[float]]:
        """Length, and per order the weights of its n-grams and their norm."""
        vectors = [
            {gram: count * self.weights[gram] for gram, count in count_grams(sentence, order).items()}
            for order in ORDERS
        ]
        return len(sentence), vectors, [math.sqrt(sum(value**2 for value in vector.values())) for vector in vectors]


def similarity(candidate: tuple, reference: tuple) -> float:
    """Mean over the orders of the clipped cosine, less for another length; in [0,1]."""
    (length, vectors, norms), (other_length, others, other_norms) = candidate, reference
    total = 0.0
    for mine, other, norm, other_norm in zip(vectors, others, norms, other_norms, strict=True):
        if norm and other_norm:
            product = sum(min(value, other[gram]) * other[gram] for gram, value in mine.items() if gram in other)
            total += product / (norm * other_norm)
    return total / len(ORDERS) * math.exp(-((length - other_length) ** 2) / (2 * SIGMA**2))
