"""Weights come from wherever they were published; what cannot be used is refused in one sentence."""

import io
import os
import pickle
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn

from cldeblur.checkpoints import load_published, network_weights, our_description, read_checkpoint
from cldeblur.errors import Refused
from cldeblur.networks.identity import Identity
from cldeblur.networks.mimo_unet import MIMOUNet

Weights = dict[str, Tensor]


def small(seed: int = 0) -> MIMOUNet:
    """A small network with random weights."""
    torch.manual_seed(seed)
    return MIMOUNet(channels=4, blocks=1)


def prefixed(prefix: str, weights: Weights) -> Weights:
    """The same weights under longer names."""
    return {f"{prefix}{name}": tensor for name, tensor in weights.items()}


def trained(weights: Weights) -> dict[str, Any]:
    """What the public project writes while it trains: optimiser and scheduler are there too."""
    network = small(1)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [500, 1000], 0.5)
    sum(output.sum() for output in network(torch.rand(1, 3, 8, 8))).backward()
    optimizer.step()
    scheduler.step()
    return {"model": weights, "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(), "epoch": 3}


def ours(weights: Weights) -> dict[str, Any]:
    """A checkpoint of our own, of a run whose loss has weights too."""
    return {
        "state_dict": prefixed("network.", weights) | {"loss.features.weight": torch.ones(3)},
        "current_model_state": {name: tensor + 1 for name, tensor in prefixed("network.", weights).items()},
        "epoch": 5,
        "cldeblur": {"version": "1", "backbone": {"_target_": "cldeblur.networks.mimo_unet.MIMOUNet"}},
    }


FORMS: dict[str, Callable[[Weights], Mapping[str, Any]]] = {
    "bare": lambda weights: weights,
    "ordered": OrderedDict,
    "model": lambda weights: {"model": weights},
    "model, while training": trained,
    "model of several devices": lambda weights: {"model": prefixed("module.", weights)},
    "bare of several devices": lambda weights: prefixed("module.", weights),
    "state_dict": lambda weights: {"state_dict": weights, "epoch": 1},
    "params": lambda weights: {"params": weights},
    "averaged beside raw": lambda weights: {"params": prefixed("raw.", weights), "params_ema": weights},
    "ours": ours,
    "ours without more": lambda weights: {"state_dict": prefixed("network.", weights)},
}


def assert_same(network: nn.Module, weights: Weights) -> None:
    """Every tensor is equal, and there is no other."""
    state = network.state_dict()
    assert state.keys() == weights.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in weights.items())


def refusal(network: nn.Module, path: Path) -> str:
    """The one sentence that a checkpoint is refused with."""
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(Refused) as caught:
        load_published(network, path)
    assert_same(network, before)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "pickle of old"])
@pytest.mark.parametrize("form", FORMS)
def test_weights_are_found_in_every_form(form: str, zipped: bool, tmp_path: Path) -> None:
    source, target = small(1), small(2)
    path = tmp_path / "weights.pkl"
    torch.save(FORMS[form](source.state_dict()), path, _use_new_zipfile_serialization=zipped)
    load_published(target, path)
    assert_same(target, source.state_dict())


@pytest.mark.parametrize("prefix", ["", "module.", "network."])
def test_safetensors_are_read(prefix: str, tmp_path: Path) -> None:
    source, target = small(1), small(2)
    save_file(prefixed(prefix, source.state_dict()), tmp_path / "weights.safetensors")
    load_published(target, str(tmp_path / "weights.safetensors"))
    assert_same(target, source.state_dict())


def test_weights_take_the_type_of_the_network(tmp_path: Path) -> None:
    source, target = small(1), small(2).double()
    torch.save(source.state_dict(), tmp_path / "weights.pth")
    load_published(target, tmp_path / "weights.pth")
    assert_same(target, source.double().state_dict())


def test_a_checkpoint_of_ours_without_weights_fits_a_network_without(tmp_path: Path) -> None:
    torch.save({"state_dict": {}, "cldeblur": {}}, tmp_path / "identity.ckpt")
    load_published(Identity(), tmp_path / "identity.ckpt")


def test_keys_that_differ_are_named_five_of_each_kind(tmp_path: Path) -> None:
    network = small()
    weights = network.state_dict()
    names = sorted(weights)
    for name in names[:7]:
        del weights[name]
    weights |= {"head.weight": torch.zeros(1), "head.bias": torch.zeros(1)}
    weights[names[7]] = torch.zeros(2, 9)
    torch.save({"model": weights}, tmp_path / "other.pkl")
    sentence = refusal(network, tmp_path / "other.pkl")
    wanted = tuple(network.state_dict()[names[7]].shape)
    assert sentence == (
        f"{tmp_path / 'other.pkl'} does not fit the network MIMOUNet: missing: {', '.join(names[:5])} and 2 more; "
        f"unexpected: head.bias, head.weight; of another shape: {names[7]} (2, 9) for {wanted}"
    )


@pytest.mark.parametrize("other", [MIMOUNet(8, 1), MIMOUNet(4, 2)], ids=["wider", "deeper"])
def test_weights_of_another_network_are_refused(other: MIMOUNet, tmp_path: Path) -> None:
    torch.save({"model": other.state_dict()}, tmp_path / "other.pkl")
    assert "does not fit the network MIMOUNet" in refusal(small(), tmp_path / "other.pkl")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refusal(small(), tmp_path / "gone.ckpt") == f"there is no checkpoint {tmp_path / 'gone.ckpt'}"
    assert refusal(small(), tmp_path) == f"there is no checkpoint {tmp_path}"


def archive() -> bytes:
    """A zip that torch did not write."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("readme.txt", "no tensors here")
    return content.getvalue()


NO_CHECKPOINTS = {
    "empty": b"",
    "text": b"hello, this is text\n" * 10,
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "zip": archive(),
    "new pickle": pickle.dumps({"model": 1.5}, protocol=4),
}


@pytest.mark.parametrize("ending", ["pkl", "safetensors"])
@pytest.mark.parametrize("kind", NO_CHECKPOINTS)
def test_other_files_are_refused(kind: str, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"file.{ending}"
    path.write_bytes(NO_CHECKPOINTS[kind])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        sentence = refusal(small(), path)
    assert sentence == f"{path} cannot be read as a checkpoint: it is damaged or of another kind"
    assert said == []


@settings(max_examples=60, deadline=None)
@given(start=st.sampled_from([b"", b"\x80\x02", b"\x80\x04", b"PK\x03\x04"]), content=st.binary(max_size=80))
def test_noise_is_refused(start: bytes, content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("noise") / "noise.ckpt"
    path.write_bytes(start + content)
    with pytest.raises(Refused, match=r"noise\.ckpt"):
        read_checkpoint(path)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
def test_half_written_checkpoints_are_refused(share: float, zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "cut.ckpt"
    torch.save({"model": small().state_dict()}, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert "cannot be read as a checkpoint" in refusal(small(), path)


@pytest.mark.parametrize("content", [torch.zeros(3), [torch.zeros(3)], 5])
def test_what_is_no_dict_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "tensor.pt")
    assert f"holds a {type(content).__name__}, and no checkpoint" in refusal(small(), tmp_path / "tensor.pt")


class Code:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_not_run(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "evil.pkl"
    torch.save({"model": Code(tmp_path / "made")}, path, _use_new_zipfile_serialization=zipped)
    sentence = refusal(small(), path)
    assert "mkdir, not just tensors and plain data" in sentence
    assert "weights_only" not in sentence
    assert not (tmp_path / "made").exists()


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "mine.ckpt"
    path.touch()
    monkeypatch.setattr(torch, "load", deny)
    assert refusal(small(), path) == f"{path} cannot be read as a checkpoint: Permission denied"


def test_keys_that_are_no_words_are_not_weights_of_ours(tmp_path: Path) -> None:
    torch.save({0: torch.zeros(1)}, tmp_path / "numbers.pt")
    assert "unexpected: 0" in refusal(small(), tmp_path / "numbers.pt")


def test_our_description_comes_back_and_others_have_none(tmp_path: Path) -> None:
    checkpoint = ours(small().state_dict())
    torch.save(checkpoint, tmp_path / "best.ckpt")
    assert our_description(read_checkpoint(tmp_path / "best.ckpt")) == checkpoint["cldeblur"]
    assert our_description({"model": {}}) is None


def test_a_prefix_that_not_all_names_have_is_theirs() -> None:
    weights = {"a.weight": torch.ones(2), "module.b": torch.zeros(1)}
    assert network_weights({"model": weights, "epoch": 7}) == weights
    assert network_weights({"cldeblur": {}, "network.module.b": weights["module.b"]}).keys() == {"module.b"}
