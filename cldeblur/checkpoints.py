"""Reading weights: our checkpoints, and those of public projects."""

import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from cldeblur.config.identity import file_hash
from cldeblur.errors import Refused
from cldeblur.records import read_record

CONTAINERS = ("state_dict", "model", "params_ema", "params", "network")
OURS = "network."
PREFIXES = (OURS, "module.")
DESCRIPTION = "cldeblur"
MOST_NAMED = 5


def load_published(network: nn.Module, path: str | Path) -> None:
    """Load the weights of a checkpoint into a network, all of them.

    It may be one of ours, one of the public MIMO-UNet project (`{'model': …}`), or a bare state dict; names may
    begin with `module.`.

    Raises:
        Refused: the file is not to be had or holds no weights, or keys are missing, unexpected or of another shape.
    """
    path = Path(path)
    weights = network_weights(read_checkpoint(path))
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    problems = {
        "missing": sorted(wanted.keys() - given.keys()),
        "unexpected": sorted(given.keys() - wanted.keys()),
        "of another shape": [
            f"{name} {given[name]} for {wanted[name]}"
            for name in wanted
            if name in given and given[name] != wanted[name]
        ],
    }
    if any(problems.values()):
        words = "; ".join(_named(what, names) for what, names in problems.items() if names)
        raise Refused(f"{path} does not fit the network {type(network).__name__}: {words}")
    network.load_state_dict(weights)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint file, on the CPU; no code in it is run.

    Raises:
        Refused: there is no such file, or it is no checkpoint.
    """
    if not path.is_file():
        raise Refused(f"there is no checkpoint {path}")
    try:
        content = _read(path)
    except Exception as error:
        # A damaged file or one of another kind makes the restricted unpickler raise almost anything.
        raise Refused(f"{path} cannot be read as a checkpoint: {_reason(error)}") from error
    if not isinstance(content, dict):
        raise Refused(f"{path} holds a {type(content).__name__}, and no checkpoint")
    return content


def network_weights(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """A network's state dict, out of whatever a checkpoint wraps around it: dicts, and a prefix of all names."""
    content = checkpoint
    for name in CONTAINERS:
        if isinstance(content.get(name), Mapping):
            content = content[name]
    weights = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if DESCRIPTION in checkpoint:
        # Ours may hold weights of other parts too: of a loss with a network of its own, say.
        return {name.removeprefix(OURS): tensor for name, tensor in weights.items() if name.startswith(OURS)}
    for prefix in PREFIXES:
        if weights and all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
    return weights


def our_description(checkpoint: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a checkpoint of ours says of itself (version, hash, how to rebuild the network); None for any other."""
    description = checkpoint.get(DESCRIPTION)
    return dict(description) if isinstance(description, Mapping) else None


def origin(path: Path) -> dict[str, Any]:
    """Where weights come from, for a record: `ckpt`, `sha256`, and the `run_id` where they lie in a run's directory."""
    try:
        run_id: str | None = read_record(path.resolve().parent.parent).id
    except Refused:
        run_id = None
    return {"ckpt": str(path), "sha256": file_hash(path), "run_id": run_id}


def _read(path: Path) -> object:
    """The content of a checkpoint file, without what torch warns of in a file that it then refuses."""
    if path.suffix == ".safetensors":
        return load_file(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(path, map_location="cpu", weights_only=True)


def _reason(error: Exception) -> str:
    """Why a file cannot be read. Torch's own words are of no help, and advise to run the code in the file."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    found = re.search(r"GLOBAL ([\w.]+)", str(error)) if isinstance(error, pickle.UnpicklingError) else None
    return f"it holds {found[1]}, not just tensors and plain data" if found else "it is damaged or of another kind"


def _named(what: str, names: list[str]) -> str:
    """Some keys, and how many more there are."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{what}: {', '.join(names[:MOST_NAMED])}{more}"
