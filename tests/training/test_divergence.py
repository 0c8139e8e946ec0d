"""A loss that is not finite stops the run with a sentence, or costs one step."""

from typing import Any

import pytest
import torch

from cldeblur.records import read_record

EPOCHS = ("trainer.max_epochs=2", "optimizer.lr=1e-2")


def test_stop(train: Any, broken_at: Any, weights: Any, seen: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    good = train("good", "trainer.max_epochs=1", "optimizer.lr=1e-2")
    seen.clear()
    broken_at(6)
    directory = train("run", *EPOCHS, code=1)
    record = read_record(directory)
    names = ", ".join(seen[-1][2])
    sentence = f"epoch 1, step 6: the loss is not finite (term: frequency; images: {names})"
    assert (record.status, record.exit_reason) == ("diverged", sentence)
    assert f"cldeblur: failed: {sentence}" in capsys.readouterr().err
    torch.testing.assert_close(weights(directory), weights(good), rtol=0, atol=0)
    assert record.progress == read_record(good).progress


@pytest.mark.parametrize("negatives", ["none", "blend"])
def test_skip(negatives: str, train: Any, broken_at: Any, weights: Any) -> None:
    broken_at(2, 5)
    directory = train("run", *EPOCHS, f"negatives={negatives}", "detect=skip", "trainer.ema=0.9")
    record = read_record(directory)
    assert record.status == "completed"
    assert (directory / "log.txt").read_text().count("this step is left out") == 2
    assert all(torch.isfinite(tensor).all() for tensor in weights(directory).values())
    assert record.metrics["final"]["train/loss"] > 0


@pytest.mark.parametrize("broken", [(0,), (1,), (0, 1)])
def test_step_is_left_out_whole(broken: tuple[int, ...], train: Any, broken_at: Any, weights: Any) -> None:
    words = ("data.global_batch=8", "trainer.accumulate=2", "detect=skip")
    untouched = weights(train("untouched", *words, "optimizer.lr=0"))
    broken_at(*broken)
    torch.testing.assert_close(weights(train("run", *words)), untouched, rtol=0, atol=0)


def test_epoch_without_a_step(train: Any, broken_at: Any) -> None:
    broken_at(*range(4))
    record = read_record(train("run", "negatives=blend", "schedule.interval=1", *EPOCHS, "detect=skip"))
    assert record.status == "completed"
    assert record.metrics["final"]["train/loss"] > 0
