"""State dicts as training scripts save them: inside of a checkpoint, and with prefixes that wrappers gave their names.

An averaged copy (`ema`) is taken where there is one: it is what its authors score.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch

# Where a checkpoint's weights lie, by the name of the member, in the order in which they are looked for.
WRAPPERS = (
    *("ema", "model_ema", "ema_state_dict", "state_dict_ema", "params_ema"),
    *("state_dict", "model_state_dict", "model_state", "model_weights", "model", "module", "net", "network"),
    *("weights", "params", "best_state", "best_model", "generator", "checkpoint"),
)
PREFIXES = {"module", "model", "_orig_mod", "net", "network"}  # words that say nothing of which network it is
COMPILED = "_orig_mod."  # torch.compile puts it in front of every module that it wraps, so also in the middle
Tensors = dict[str, torch.Tensor]


def unwrap(loaded: Any) -> tuple[Any, list[str]]:
    """The state dict (or module) in what `torch.save` wrote, and the names of the members that it lies in.

    `loaded` itself where it holds none.
    """
    if isinstance(loaded, Mapping) and not is_state(loaded):
        for name in WRAPPERS:
            inner, path = unwrap(loaded.get(name))
            if is_state(inner) or isinstance(inner, torch.nn.Module):
                return inner, [name, *path]
        # A version or an epoch may lie beside bare weights.
        bare = {name: value for name, value in loaded.items() if torch.is_tensor(value)}
        if any("." in str(name) for name in bare):
            return bare, []
    return loaded, []


def is_state(loaded: Any) -> bool:
    """Whether these are weights by name, and nothing else."""
    return isinstance(loaded, Mapping) and bool(loaded) and all(map(torch.is_tensor, loaded.values()))


def strip(state: Mapping[str, torch.Tensor], known: Iterable[str]) -> tuple[Tensors, str, int]:
    """The weights under the names of the network, what was taken off these, and how many others lay beside them.

    `known` are the network's own names. Nothing is stripped where some of them are in the checkpoint as they are.

    Raises:
        ValueError: the weights of two networks fit alike, and their names do not say which is meant.
    """
    names = set(known)
    compiled = COMPILED if any(COMPILED in name for name in state.keys() - names) else ""
    state = {name if name in names else name.replace(COMPILED, ""): tensor for name, tensor in state.items()}
    counts = Counter(prefix for name in state for prefix, rest in _cut(name) if rest in names)
    if not counts or "" in counts:
        return state, compiled, 0
    prefix, *others = sorted(counts, key=lambda each: (*_rank(each, counts), -len(each)), reverse=True)
    if others and _rank(others[0], counts) == _rank(prefix, counts) and not others[0].startswith(prefix):
        raise ValueError(
            f"it holds weights under {prefix} and under {others[0]} alike; save those that are meant alone"
        )
    kept = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
    return kept, compiled + prefix, len(state) - len(kept)


def _rank(prefix: str, counts: Mapping[str, int]) -> tuple[int, bool, bool]:
    """How many names fit behind a prefix, whether it stands for an averaged copy, and whether it says nothing."""
    words = prefix.split(".")[:-1]
    return counts[prefix], any("ema" in word.split("_") for word in words), PREFIXES.issuperset(words)


def _cut(name: str) -> Iterator[tuple[str, str]]:
    """Every way to cut a name into a prefix that ends with a dot, or none, and the rest."""
    parts = name.split(".")
    for index in range(len(parts)):
        yield "".join(f"{part}." for part in parts[:index]), ".".join(parts[index:])
