"""VGG19: the right layers, the right weights, frozen."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import skimage
import torch
from safetensors.torch import save_file
from torch import Tensor

from cldeblur.contrast.features import TAPS, VGG19
from cldeblur.contrast.weights import CONVOLUTIONS, IMAGENET_MEAN, IMAGENET_STD
from cldeblur.errors import Refused

ASTRONAUT = skimage.data.astronaut()  # type: ignore[no-untyped-call]
RELU_1 = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
Golden = Callable[[str], Any]
Entries = dict[str, Tensor]
FormulaImages = Callable[[str], tuple[Tensor, Tensor]]


@pytest.mark.parametrize("case", ["1x3x64x64", "2x3x32x48"])
def test_taps_are_the_layers_they_are_called(
    golden: Golden, formula_features: VGG19, formula_images: FormulaImages, case: str
) -> None:
    found = formula_features(formula_images(case)[0])
    for tap, activation in zip(RELU_1, found, strict=True):
        expected = golden("vgg_formula_values")["cases"][case]["taps"][tap]
        assert list(activation.shape) == expected["shape"]
        assert activation.sum().item() == pytest.approx(expected["sum"], rel=1e-10)
        chosen = activation.flatten()[expected["flat_index"]]
        torch.testing.assert_close(chosen, chosen.new_tensor(expected["values"]), rtol=1e-10, atol=1e-12)


def test_real_weights_give_the_golden_activations(shared: Callable[[str], Path]) -> None:
    path = shared("weights/vgg19_oxford_conv1_1-conv5_1.safetensors")
    expected = json.loads(shared("weights/golden_vgg19.json").read_text())
    features = VGG19(RELU_1, str(path))
    crop = torch.from_numpy(ASTRONAUT[224:288, 224:288] / 255).permute(2, 0, 1)[None].float()
    for tap, activation in zip(RELU_1, features(crop), strict=True):
        layer = expected["layers"][tap]
        assert activation.mean().item() == pytest.approx(layer["mean"], rel=1e-3)
        probes = activation.flatten()[layer["probe_index"]]
        torch.testing.assert_close(probes, torch.tensor(layer["probe_value"]), rtol=1e-3, atol=0)
    assert features.description["sha256"] == expected["file_sha256"]
    assert features.description["std"] == pytest.approx([1 / 255] * 3)


def test_activations_of_the_stand_in_neither_vanish_nor_explode() -> None:
    features = VGG19(TAPS, "random")
    picture = torch.from_numpy(ASTRONAUT[:96, 150:246] / 255).permute(2, 0, 1)[None].float()
    spreads = [activation.std().item() for activation in features(picture)]
    assert 1 / 3 < min(spreads) <= max(spreads) < 3
    assert "stand-in" in str(features.description["note"])


def test_it_draws_nothing_from_the_global_random_state() -> None:
    before = torch.get_rng_state()
    first, second = VGG19(["relu1_1"], "random"), VGG19(["relu1_1"], "random")
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first.state_dict()["layers.conv1_1.weight"], second.state_dict()["layers.conv1_1.weight"])


def test_taps_come_in_the_order_asked_for() -> None:
    image = torch.rand(1, 3, 16, 16)
    deep, shallow = VGG19(["relu2_2", "relu1_1"], "random")(image)
    assert deep.shape == (1, 128, 8, 8)
    assert shallow.shape == (1, 64, 16, 16)
    assert torch.equal(shallow, VGG19(["relu1_1"], "random")(image)[0])


def test_it_stays_frozen_in_eval_mode_and_in_float32() -> None:
    features = VGG19(["relu2_1"], "random").train()
    assert not any(module.training for module in features.modules())
    assert not any(parameter.requires_grad for parameter in features.parameters())
    image = torch.rand(1, 3, 16, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (under_autocast,) = features(image)
    assert under_autocast.dtype == torch.float32
    assert torch.equal(under_autocast, features(image)[0])


def test_shipped_options_name_as_many_weights_as_taps(feature_options: dict[str, Any]) -> None:
    options = {key: value for key, value in feature_options.items() if key not in ("_target_", "tap_weights")}
    features = VGG19(**{**options, "weights": "random"})
    assert len(features.taps) == len(feature_options["tap_weights"])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"taps": ["relu3_11"]}, "relu3_11.*did you mean 'relu3_1'"),
        ({"taps": []}, "features.taps"),
        ({"weights": "imagenett"}, "features.weights.*did you mean 'imagenet'"),
        ({"weights": "nowhere/vgg.pth"}, "nowhere/vgg.pth"),
        ({"mean": [0.5, 0.5]}, "features.mean"),
        ({"std": [0.5, 0.5, 0]}, "features.std"),
    ],
)
def test_mistakes_are_refused_by_name(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        VGG19(**{"taps": ["relu1_1"], "weights": "random", **values})


def entries(style: str, blocks: int) -> Entries:
    """Weights of the first convolutions as a file of either kind names them."""
    found: Entries = {}
    for name, (place, inputs, outputs) in list(CONVOLUTIONS.items())[:blocks]:
        key = f"features.{place}" if style == "torchvision" else name
        found[f"{key}.weight"] = torch.rand(outputs, inputs, 3, 3) / 100
        found[f"{key}.bias"] = torch.zeros(outputs)
    return found


def test_both_kinds_of_file_load_each_with_its_normalisation(tmp_path: Path) -> None:
    torchvision = entries("torchvision", 2)
    torch.save({**torchvision, "classifier.0.weight": torch.zeros(1)}, tmp_path / "a.pth")
    features = VGG19(["relu1_2"], str(tmp_path / "a.pth"))
    assert torch.equal(features.state_dict()["layers.conv1_2.weight"], torchvision["features.2.weight"])
    assert features.description["mean"] == list(IMAGENET_MEAN)

    half = {key: value.half() for key, value in entries("oxford", 2).items()}
    save_file(half, tmp_path / "b.safetensors", {"mean": "[0.5, 0.4, 0.3]", "std": "[0.1, 0.1, 0.1]"})
    features = VGG19(["relu1_2"], str(tmp_path / "b.safetensors"), std=[1, 1, 1])
    assert features.state_dict()["layers.conv1_1.weight"].dtype == torch.float32
    assert features.description["mean"] == [0.5, 0.4, 0.3]
    assert features.description["std"] == [1, 1, 1], "what is stated comes before what the file says"


def test_files_that_do_not_do_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "vgg.pth"
    path.write_bytes(b"not weights")
    with pytest.raises(Refused, match=r"vgg.pth, which cannot be read"):
        VGG19(["relu1_1"], str(path))
    for content, sentence in [
        ([1, 2], "no dictionary"),
        ({"other": torch.zeros(1)}, "neither features.0.weight"),
        ({"conv1_1.weight": torch.zeros(1), "conv1_1.bias": torch.zeros(64)}, "conv1_1 has not the shape"),
        (entries("oxford", 2), "state features.mean"),
    ]:
        torch.save(content, path)
        with pytest.raises(Refused, match=sentence):
            VGG19(["relu1_1"], str(path))
    torch.save(entries("torchvision", 3), path)
    with pytest.raises(Refused, match=r"relu3_1, but .*vgg.pth ends at relu2_1"):
        VGG19(["relu3_1", "relu1_1"], str(path))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Path]:
    """An empty cache of torch's."""
    before = torch.hub.get_dir()
    torch.hub.set_dir(tmp_path)
    yield tmp_path / "checkpoints" / "vgg19-dcbb9e9d.pth"
    torch.hub.set_dir(before)


def test_imagenet_weights_are_fetched_once(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = []

    def fetch(url: str, target: str, hash_prefix: str) -> None:
        fetched.append((url, hash_prefix))
        torch.save(entries("torchvision", 1), target)

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    features = [VGG19(["relu1_1"]) for _ in range(2)]
    assert fetched == [("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", "dcbb9e9d")]
    assert features[1].description["weights"] == "imagenet"
    assert features[1].description["std"] == list(IMAGENET_STD)
    assert hub.is_file()


def test_without_a_network_it_is_said_where_to_put_the_file(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise URLError("no route")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(Refused) as refusal:
        VGG19(["relu1_1"])
    assert str(hub) in str(refusal.value)
    assert "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth" in str(refusal.value)
