"""Banks: which negatives they hold, and what is refused."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cldeblur.config.targets import build
from cldeblur.contrast.negatives.bank import Bank
from cldeblur.contrast.negatives.blend import Blend
from cldeblur.contrast.negatives.blurred import Blurred
from cldeblur.contrast.negatives.snapshot import Snapshot
from cldeblur.contrast.negatives.unsharp import Unsharp
from cldeblur.errors import Refused

LADDER = [0.0, 0.2, 0.4, 0.4, 0.6]
BANK = "cldeblur.contrast.negatives.bank.Bank"
BLEND = {"_target_": "cldeblur.contrast.negatives.blend.Blend"}
Images = tuple[Tensor, Tensor, Tensor]


@pytest.mark.parametrize(
    ("level", "levels"),
    [(0.0, [0, 0, 0]), (0.2, [0.2, 0, 0]), (0.4, [0.4, 0.2, 0]), (0.6, [0.6, 0.4, 0.2]), (0.5, [0.5, 0.4, 0.2])],
)
def test_lower_levels_are_the_ladders(images: Images, level: float, levels: list[float]) -> None:
    _, blurred, sharp = images
    bank = Bank([Blend()], earlier=2)
    bank.take_levels(LADDER, "psnr")
    assert bank.count == 3
    assert torch.equal(bank(blurred, sharp, level), torch.cat([Blend()(blurred, sharp, own) for own in levels]))


def test_generators_come_one_after_the_other(images: Images) -> None:
    _, blurred, sharp = images
    bank = Bank([Unsharp(), Blurred(), Bank([Blend(), Blurred()])], earlier=1)
    bank.take_levels([0.0, 0.3], "psnr")
    assert bank.count == 2 + 1 + 2 * 2
    unsharp, blend = Unsharp()(blurred, sharp, 0.3)[0], Blend()(blurred, sharp, 0.3)[0]
    expected = [unsharp, blurred, blurred, blend, blurred, blurred, blurred]
    assert torch.equal(bank(blurred, sharp, 0.3), torch.stack(expected))
    assert [type(maker) for maker in bank.makers] == [Unsharp, Unsharp, Blurred, Blend, Blurred, Blend, Blurred]
    assert bank.uses == {"sharp"}


def test_what_does_not_use_the_level_is_there_once() -> None:
    assert Bank([Blurred(), Snapshot()], earlier=3).count == 2
    assert not Bank([Blurred(), Snapshot()]).uses_level


def test_stages_reach_every_generator(images: Images) -> None:
    _, blurred, sharp = images
    bank = Bank([Blurred(), Bank([Snapshot()]), Snapshot()])
    networks = [nn.Conv2d(3, 3, 1).double() for _ in range(3)]
    for stage, network in enumerate(networks):
        bank.enter(stage, network)
    expected = networks[1](blurred).detach().clamp(0, 1)
    torch.testing.assert_close(bank(blurred, sharp, 0.3), torch.stack([blurred, expected, expected]))
    other = Bank([Blurred(), Bank([Snapshot()]), Snapshot()])
    other.load_stage_state(bank.stage_state(), nn.Conv2d(3, 3, 1).double())
    assert torch.equal(other(blurred, sharp, 0.3), bank(blurred, sharp, 0.3))


@pytest.mark.parametrize(
    ("node", "sentence"),
    [
        ({"generators": []}, r"negatives.generators is empty"),
        ({"generators": [BLEND], "earlier": -1}, r"negatives.earlier"),
        ({"generators": [BLEND], "earlier": 0.5}, r"negatives.earlier"),
        ({"generators": [{"sigma": 1.5}]}, r"negatives.generators\[0\] is no generator"),
        ({"generators": [BLEND, {**BLEND, "amount": 1}]}, r"no key 'negatives.generators\[1\].amount'"),
        ({"generators": [{"_target_": "torch.nn.Identity"}]}, r"negatives.generators\[0\]._target_ .* not trusted"),
        ({"generators": [{"_target_": "cldeblur.contrast.negatives.unsharp.Unsharp", "sigma": 0}]}, "negatives.sigma"),
    ],
)
def test_mistakes_are_refused(node: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        build("negatives", {"_target_": BANK, **node})
