"""Where the weights of VGG19 come from, and the input normalisation that belongs to them."""

import hashlib
import json
import math
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from cldeblur.config.typos import did_you_mean
from cldeblur.errors import Refused

URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
HASH_PREFIX = "dcbb9e9d"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
WORDS = ("imagenet", "random")
BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
UNREADABLE = (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError, SafetensorError)

Channels = tuple[float, ...]


class Convolution(NamedTuple):
    """A 3x3 convolution of VGG19: its place in torchvision's `features`, and its channels in and out."""

    place: int
    inputs: int
    outputs: int


def _convolutions() -> dict[str, Convolution]:
    """The 16 convolutions of configuration E (Simonyan and Zisserman, 2015), by name, shallow to deep."""
    found: dict[str, Convolution] = {}
    place, inputs = 0, 3
    for block, (outputs, count) in enumerate(BLOCKS, 1):
        for number in range(1, count + 1):
            found[f"conv{block}_{number}"] = Convolution(place, inputs, outputs)
            place, inputs = place + 2, outputs
        place += 1
    return found


CONVOLUTIONS = _convolutions()


@dataclass(frozen=True)
class Weights:
    """Weights of VGG19 and what has to be known about them.

    Attributes:
        tensors: `conv1_1.weight` (out, in, 3, 3) and `conv1_1.bias` (out,) and so on, float32; not always
            down to conv5_4.
        mean: of R, G and B, taken off images in [0, 1].
        std: of R, G and B, by which the images are divided then.
        source: `imagenet`, `random`, or the path of the file.
        sha256: of the file, in hex; None for random weights.
        note: what a reader of results must know about them; None where there is nothing.
    """

    tensors: dict[str, Tensor]
    mean: Channels
    std: Channels
    source: str
    sha256: str | None = None
    note: str | None = None


def find_weights(source: str, mean: Sequence[float] | None = None, std: Sequence[float] | None = None) -> Weights:
    """Find the weights that a word or a path names.

    Args:
        source: `imagenet` (torchvision's file, downloaded once into torch's cache), `random` (a stand-in that
            needs no file), or the path of a `.pth` or `.safetensors` file.
        mean: three numbers for R, G, B instead of the file's own; None: the file's own.
        std: likewise.

    Raises:
        Refused: the file is not there, cannot be fetched or read, does not fit, or its normalisation is
            unknown.
    """
    stated = (_channels("mean", mean), _channels("std", std))
    if source == "random":
        note = "random weights: a stand-in for trying things out, not features of a trained VGG19"
        return Weights(_random_tensors(), stated[0] or IMAGENET_MEAN, stated[1] or IMAGENET_STD, source, note=note)
    path = _downloaded() if source == "imagenet" else Path(source)
    if not path.is_file():
        raise Refused(f"features.weights names {source}, which is no file{did_you_mean(source, WORDS)}")
    entries, known = _read(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Weights(_tensors(path, entries), *_normalisation(path, entries, known, stated), source, digest)


def _channels(name: str, values: Sequence[float] | None) -> Channels | None:
    """Three finite numbers, those of `std` above 0."""
    if values is None:
        return None
    usable = len(values) == 3 and all(math.isfinite(value) for value in values)
    if not usable or (name == "std" and min(values) <= 0):
        raise Refused(f"features.{name} must be three numbers, for R, G and B{' above 0' * (name == 'std')}: {values}")
    return tuple(float(value) for value in values)


def _random_tensors() -> dict[str, Tensor]:
    """Weights drawn with a fixed seed, of He's variance, so that no layer's activations vanish or explode."""
    generator = torch.Generator().manual_seed(0)
    tensors: dict[str, Tensor] = {}
    for name, (_, inputs, outputs) in CONVOLUTIONS.items():
        weight = torch.randn(outputs, inputs, 3, 3, generator=generator)
        tensors[f"{name}.weight"] = weight * math.sqrt(2 / (9 * inputs))
        tensors[f"{name}.bias"] = torch.zeros(outputs)
    return tensors


def _downloaded() -> Path:
    """The file of torchvision in torch's cache, fetched if it is not there yet."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / URL.rpartition("/")[2]
    # Not torch.hub's own loader: its errors name neither the file nor where to put it.
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(URL, str(path), hash_prefix=HASH_PREFIX)
        except (OSError, RuntimeError) as error:
            raise Refused(
                f"features.weights=imagenet needs {path.name}, and {URL} could not be fetched ({error}); "
                f"put the file at {path}, or set features.weights to a file that you have"
            ) from error
    return path


def _read(path: Path) -> tuple[dict[str, Tensor], Mapping[str, str]]:
    """Tensors of a file by their key, and its metadata, which only safetensors files have."""
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                keys, metadata = file.keys(), file.metadata() or {}
                return {key: file.get_tensor(key) for key in keys}, metadata
        entries = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        reason = str(error).partition("\n")[0]
        raise Refused(f"features.weights names {path}, which cannot be read as weights: {reason}") from error
    if not isinstance(entries, dict):
        raise Refused(f"features.weights names {path}, which holds no dictionary of weights")
    return entries, {}


def _tensors(path: Path, entries: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those weights of VGG19 that a file has, under Oxford's names, from the first layer on without a gap."""
    tensors: dict[str, Tensor] = {}
    for name, convolution in CONVOLUTIONS.items():
        keys = (name, f"features.{convolution.place}")
        key = next((key for key in keys if {f"{key}.weight", f"{key}.bias"} <= entries.keys()), None)
        # What lies behind a gap cannot be reached.
        if key is None:
            break
        weight, bias = entries[f"{key}.weight"], entries[f"{key}.bias"]
        if weight.shape != (convolution.outputs, convolution.inputs, 3, 3) or bias.shape != (convolution.outputs,):
            raise Refused(f"features.weights names {path}, whose {key} has not the shape of VGG19's {name}")
        tensors |= {f"{name}.weight": weight.float(), f"{name}.bias": bias.float()}
    if not tensors:
        raise Refused(
            f"features.weights names {path}, which has neither features.0.weight (torchvision) nor conv1_1.weight"
        )
    return tensors


def _normalisation(
    path: Path,
    entries: Mapping[str, Tensor],
    metadata: Mapping[str, str],
    stated: tuple[Channels | None, Channels | None],
) -> tuple[Channels, Channels]:
    """Mean and std: what the user states, else what the file says, else what its kind implies."""
    implied = (IMAGENET_MEAN, IMAGENET_STD) if "features.0.weight" in entries else (None, None)
    found = []
    for name, own, usual in zip(("mean", "std"), stated, implied, strict=True):
        written = _channels(name, json.loads(metadata[name])) if name in metadata else None
        values = own or written or usual
        if values is None:
            raise Refused(f"{path} does not say how its input is normalised: state features.{name}")
        found.append(values)
    return found[0], found[1]
