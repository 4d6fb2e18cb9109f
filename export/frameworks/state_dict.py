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
    *("state_dict", "model_state_dict", "model_state", "model", "module", "net", "network", "weights", "params"),
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
    return loaded, []


def is_state(loaded: Any) -> bool:
    """Whether these are weights by name, and nothing else."""
    return isinstance(loaded, Mapping) and bool(loaded) and all(map(torch.is_tensor, loaded.values()))


def strip(state: Mapping[str, torch.Tensor], known: Iterable[str]) -> tuple[Tensors, str, int]:
    """The weights under the names of the network, what was taken off these, and how many others lay beside them.

    `known` are the network's own names. Nothing is stripped where some of them are in the checkpoint as they are.
    """
    names = set(known)
    compiled = COMPILED if any(COMPILED in name for name in state.keys() - names) else ""
    state = {name if name in names else name.replace(COMPILED, ""): tensor for name, tensor in state.items()}
    counts = Counter(prefix for name in state for prefix, rest in _cut(name) if rest in names)
    if not counts or "" in counts:
        return state, compiled, 0
    prefix = max(counts, key=lambda each: (counts[each], PREFIXES.issuperset(each.split(".")[:-1]), -len(each)))
    kept = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
    return kept, compiled + prefix, len(state) - len(kept)


def _cut(name: str) -> Iterator[tuple[str, str]]:
    """Every way to cut a name into a prefix that ends with a dot, or none, and the rest."""
    parts = name.split(".")
    for index in range(len(parts)):
        yield "".join(f"{part}." for part in parts[:index]), ".".join(parts[index:])
