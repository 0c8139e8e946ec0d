"""Every option of the contrastive groups, so that a new file in `conf/` brings its own tests."""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage
import torch
from omegaconf import OmegaConf

from cldeblur.config.targets import build, chosen
from cldeblur.contrast.features import VGG19
from cldeblur.contrast.levels.curve import LevelCurve
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.objectives.objective import Objective
from cldeblur.contrast.schedules.schedule import Schedule
from cldeblur.contrast.weights import CONVOLUTIONS
from cldeblur.data.synthesis import CameraShake

CONF = Path(__file__).parents[2] / "conf"


def options(group: str) -> list[Any]:
    """The nodes of a group that build something."""
    paths = sorted((CONF / group).glob("*.yaml"))
    nodes = {path.stem: dict(OmegaConf.load(path)) for path in paths}
    return [pytest.param(node, id=name) for name, node in nodes.items() if chosen(node)]


@pytest.fixture(scope="session", params=options("negatives"))
def generator(request: pytest.FixtureRequest) -> Generator:
    found: Generator = build("negatives", request.param)
    return found


@pytest.fixture(scope="session", params=options("schedule"))
def make_schedule(request: pytest.FixtureRequest) -> Callable[..., Schedule]:
    """Give `make_schedule(max_epochs, seed, **values)`; values are taken by those options that have their keys."""

    def make(max_epochs: int = 3000, seed: int = 0, **values: object) -> Schedule:
        node = {**request.param, **{key: value for key, value in values.items() if key in request.param}}
        found: Schedule = build("schedule", node, max_epochs=max_epochs, seed=seed)
        return found

    return make


@pytest.fixture
def schedule(make_schedule: Callable[..., Schedule]) -> Schedule:
    """A schedule as shipped."""
    return make_schedule()


@pytest.fixture(scope="session", params=options("levels"))
def curve(request: pytest.FixtureRequest) -> LevelCurve:
    found: LevelCurve = build("levels", request.param)
    return found


@pytest.fixture(scope="session", params=options("objective"))
def objective_node(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(request.param)


@pytest.fixture(scope="session")
def objective(objective_node: dict[str, Any]) -> Objective:
    found: Objective = build("objective", objective_node, tap_weights=[0.25, 1.0])
    return found


@pytest.fixture(scope="session", params=options("features"))
def feature_options(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(request.param)


@pytest.fixture(scope="session")
def features() -> VGG19:
    """Two taps of a stand-in VGG19, in float64 so that equal means equal."""
    return VGG19(["relu1_1", "relu2_1"], "random").double()


@pytest.fixture(scope="session")
def images() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Restored, blurred and sharp images (3, 3, 24, 20), float64; blurred is a box-filtered sharp."""
    sharp = torch.rand(3, 3, 24, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    blurred = torch.nn.functional.avg_pool2d(sharp, 5, stride=1, padding=2, count_include_pad=False)
    return 0.6 * blurred + 0.4 * sharp, blurred, sharp


@pytest.fixture(scope="session")
def formula_images() -> Callable[[str], tuple[torch.Tensor, torch.Tensor]]:
    """Give `formula_images("2x3x32x48")`, input and target images of the golden values, float64."""

    def make(shape: str) -> tuple[torch.Tensor, torch.Tensor]:
        axes = [torch.arange(int(n), dtype=torch.float64) for n in shape.split("x")]
        b, c, i, j = torch.meshgrid(*axes, indexing="ij")
        coarse = (0.11 * i + 0.07 * j + 1.3 * c + 0.5 * b).sin()
        return 0.5 + 0.5 * coarse, 0.5 + 0.35 * coarse + 0.15 * (0.71 * i - 0.53 * j + 0.4 * c).sin()

    return make


@pytest.fixture(scope="session")
def formula_features() -> VGG19:
    """AECR-Net's taps with the golden values' weights, float64, its input not normalised."""
    taps = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
    features = VGG19(taps, "random", mean=[0, 0, 0], std=[1, 1, 1]).double()
    for name, parameter in features.layers.named_parameters():
        layer, _, kind = name.partition(".")
        k = torch.arange(parameter.numel())
        word = f"{CONVOLUTIONS[layer].place}.{kind}"
        waves = (2 * torch.pi * ((k * k + 37 * k + zlib.crc32(word.encode())) % 1009).double() / 1009).sin()
        scale = 1 / parameter[0].numel() ** 0.5 if parameter.ndim > 1 else 0.1
        parameter.data = (scale * waves).reshape(parameter.shape)
    return features


def crops() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Blurred and sharp (3, 256, 256): each photograph shaken until its blurred image is at 25.6 dB."""
    data = skimage.data
    pictures = [(data.astronaut(), 40, 60), (data.chelsea(), 22, 60), (data.coffee(), 20, 20), (data.rocket(), 30, 150)]
    for seed, (picture, top, left) in enumerate(pictures):
        sharp = (picture / 255).astype(np.float32)
        short, long = 0.0, 60.0
        for _ in range(12):
            length = (short + long) / 2
            random = np.random.default_rng(seed)
            shake = CameraShake((length, length), (0, 360), 60, 0, 2.2)
            kernel = shake.kernel(random)
            margin = len(kernel) // 2
            padded = np.pad(sharp, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")
            window = padded[top : top + 256 + 2 * margin, left : left + 256 + 2 * margin]
            pair = [
                torch.from_numpy(image).permute(2, 0, 1).contiguous()
                for image in (shake.blur(window, kernel, random), sharp[top : top + 256, left : left + 256])
            ]
            is_sharper = -10 * (pair[0] - pair[1]).square().mean().log10() > 25.6
            short, long = (length, long) if is_sharper else (short, length)
        yield pair[0], pair[1]


@pytest.fixture(scope="session")
def photographs() -> tuple[torch.Tensor, torch.Tensor]:
    """Blurred and sharp (4, 3, 256, 256)."""
    blurred, sharp = zip(*crops(), strict=True)
    return torch.stack(blurred), torch.stack(sharp)
