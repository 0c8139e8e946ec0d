"""Scoring a network: who is scored, by what, and that nothing is left changed."""

import pytest
import torch
from torch import Tensor, nn

from cldeblur.data.batch import Batch
from cldeblur.evaluation.evaluate import ImageResult, evaluate
from cldeblur.evaluation.metrics import METRICS
from cldeblur.evaluation.protocol import Protocol

PROTOCOL = Protocol("test", ["psnr", "ssim_skimage_gauss"])


def batch(*names: str, seed: int = 0, size: int = 12) -> Batch:
    """Pairs of random images, the blurred ones off by a little."""
    generator = torch.Generator().manual_seed(seed)
    sharp = 0.1 + 0.8 * torch.rand(len(names), 3, size, size, generator=generator)
    blurred = sharp + 0.1 * (torch.rand(sharp.shape, generator=generator) - 0.5)
    return Batch(blurred, sharp, list(names), torch.arange(len(names)))


class Halfway(nn.Module):
    """Knows the sharp images, and goes half of the way to them."""

    def __init__(self, batches: list[Batch]) -> None:
        super().__init__()
        self.pairs = iter(batches)

    def forward(self, blurred: Tensor) -> Tensor:
        return (blurred + next(self.pairs).sharp) / 2


def test_each_image_is_scored_beside_its_own_sharp_one() -> None:
    batches = [batch("a/1", "a/2"), batch("b/1", seed=1, size=15)]
    results = evaluate(Halfway(batches), batches, PROTOCOL, "cpu")
    assert [(result.name, result.sequence) for result in results] == [("a/1", "a"), ("a/2", "a"), ("b/1", "b")]
    for result in results:
        gain = result.values["psnr"] - result.blurred["psnr"]
        assert gain == pytest.approx(6.0206, abs=1e-3)
        assert result.seconds > 0
    second = batches[0]
    assert results[1].blurred["psnr"] == METRICS["psnr"](second.blurred[1], second.sharp[1])


def test_the_caller_sees_every_image_as_it_is_done() -> None:
    seen: list[tuple[ImageResult, Tensor]] = []
    batches = [batch("one"), batch("deep/er/two", seed=1)]
    results = evaluate(nn.Identity(), batches, PROTOCOL, "cpu", lambda *pair: seen.append(pair))
    assert [result for result, _ in seen] == results
    assert [result.sequence for result in results] == ["", "deep/er"]
    for (_, restored), given in zip(seen, batches, strict=True):
        assert torch.equal(restored, given.blurred[0].clamp(0, 1))


def test_the_network_is_in_evaluation_mode_and_then_as_it_was() -> None:
    network = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm2d(3)).train()
    network[1].eval()
    before = [module.training for module in network.modules()]
    results = evaluate(network, [batch("one")], PROTOCOL, "cpu")
    assert results[0].values == pytest.approx(results[0].blurred, abs=0.01)
    assert [module.training for module in network.modules()] == before == [True, True, False]


def test_the_mode_comes_back_after_an_error_too() -> None:
    network = nn.Sequential(nn.Conv2d(7, 3, 1)).train()
    with pytest.raises(RuntimeError):
        evaluate(network, [batch("one")], PROTOCOL, "cpu")
    assert network[0].training


@pytest.mark.parametrize("progress", [True, False])
def test_progress_goes_to_standard_error_alone(progress: bool, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(nn.Identity(), [batch("one"), batch("two")], PROTOCOL, "cpu", progress=progress)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert ("2/2" in captured.err) == progress
