"""A protocol scores as its words say."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from cldeblur.errors import Refused
from cldeblur.evaluation.metrics import METRICS
from cldeblur.evaluation.protocol import Protocol

CONF = Path(__file__).resolve().parents[2] / "conf" / "protocol"


def option(name: str) -> dict[str, Any]:
    """The content of a protocol's file without its target."""
    content: dict[str, Any] = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    assert content.pop("_target_") == "cldeblur.evaluation.protocol.Protocol"
    return content


@pytest.mark.parametrize("name", ["cldeblur", "rounded"])
def test_a_file_names_every_key_and_itself(name: str) -> None:
    content = option(name)
    assert list(content) == [field.name for field in fields(Protocol)]
    assert Protocol(**content).name == name


def test_the_rounded_protocol_has_every_metric() -> None:
    assert set(option("rounded")["metrics"]) == set(METRICS)


def test_rounding_costs_what_it_must() -> None:
    generator = torch.Generator().manual_seed(0)
    sharp = torch.randint(26, 230, (3, 64, 64), generator=generator) / 255
    image = sharp + 0.01 * torch.randn(3, 64, 64, generator=generator)
    exact = Protocol("exact", ["psnr"]).score(image, sharp)["psnr"]
    rounded = Protocol("rounded", ["psnr"], rounding=True).score(image, sharp)["psnr"]
    by_hand = METRICS["psnr"]((image.double() * 255).round() / 255, (sharp.double() * 255).round() / 255)
    # 10 log10(1 + 1/(12 MSE)), MSE in grey levels.
    expected = 10 * torch.log10(torch.tensor(1 + 1 / (12 * (0.01 * 255) ** 2))).item()
    assert rounded == by_hand
    assert exact - rounded == pytest.approx(expected, abs=0.01)


def test_what_is_8_bit_already_scores_the_same_under_both() -> None:
    generator = torch.Generator().manual_seed(0)
    image, sharp = (torch.randint(0, 256, (3, 16, 16), generator=generator) / 255 for _ in range(2))
    exact = Protocol("exact", list(METRICS)).score(image, sharp)
    assert Protocol("rounded", list(METRICS), rounding=True).score(image, sharp) == pytest.approx(exact, abs=1e-6)


def test_definitions_say_all_that_a_reader_must_know() -> None:
    definitions = Protocol("any", ["ssim_3d", "psnr"], rounding=True).metric_definitions()
    assert list(definitions) == ["ssim_3d", "psnr"]
    for words in definitions.values():
        for needed in ("data range 1", "RGB", "whole image", "reflect", "rounded to 8 bits", "mean over images"):
            assert needed in words
    assert "not rounded" in Protocol("any", ["psnr"]).metric_definitions()["psnr"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metrics": ["psnr", "ssim_skimage_gaus"]}, r"'protocol.metrics'; did you mean 'ssim_skimage_gauss'\?"),
        ({"metrics": ["xyz"]}, "there are psnr, ssim_skimage_gauss"),
        ({"padding": "reflct"}, r"'protocol.padding'; did you mean 'reflect'\?"),
    ],
)
def test_what_does_not_exist_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        Protocol(**{"name": "any", "metrics": ["psnr"], **changes})
