"""The ladder of negatives: what is measured, and how it is drawn."""

import io
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from cldeblur.cli.table import ladder_table
from cldeblur.config.schema import PreviewConfig
from cldeblur.contrast.levels.linear import Linear
from cldeblur.contrast.levels.scale import level_of_gain
from cldeblur.contrast.negatives.bank import Bank
from cldeblur.contrast.negatives.blend import Blend
from cldeblur.contrast.negatives.blurred import Blurred
from cldeblur.contrast.negatives.generator import Generator
from cldeblur.contrast.negatives.snapshot import Snapshot
from cldeblur.contrast.negatives.unsharp import Unsharp
from cldeblur.contrast.schedules.adaptive import Adaptive
from cldeblur.contrast.schedules.constant import Constant
from cldeblur.contrast.schedules.interval import EpochInterval
from cldeblur.contrast.schedules.milestones import Milestones
from cldeblur.contrast.schedules.random import Random
from cldeblur.contrast.schedules.reverse import Reverse
from cldeblur.contrast.schedules.schedule import Schedule
from cldeblur.data.batch import Batch
from cldeblur.data.crops import TrainingCrops
from cldeblur.data.loading import LazyLoader
from cldeblur.evaluation.metrics import METRICS
from cldeblur.evaluation.pictures import to_picture
from cldeblur.evaluation.run import make_source
from cldeblur.study.figures.ladder import GAP, MARGIN, ladder_figure
from cldeblur.study.figures.sheet import LINE
from cldeblur.study.ladder import Ladder, consecutive, epochs_of_stages, evenly
from cldeblur.study.preview import finished_network, first_crops, make_ladder
from cldeblur.sweeps.preflight import jobs
from cldeblur.training.negatives import NegativesPlan

PHOTOS = ("data=photos", "data.crop=32", "data.crops_per_image=8", "negatives=blend", "trainer.max_epochs=10")


class Twice(Generator):
    """Two negatives an image, the second one sharp."""

    matched: ClassVar[bool] = True
    count: ClassVar[int] = 2

    def make(self, blurred: Tensor, sharp: Tensor, _level: float, /) -> Tensor:
        return torch.stack([blurred, sharp])


class Network(Generator):
    """Stands for all that need a trained network."""

    uses: ClassVar[frozenset[str]] = frozenset({"network"})
    uses_level: ClassVar[bool] = False

    def make(self, _blurred: Tensor, _sharp: Tensor, _level: float, /) -> Tensor:
        pytest.fail("there is no network yet")


class Deciding(Schedule):
    """Stands for schedules that the training drives."""

    foreseen: ClassVar[bool] = False
    stages = 3

    def stage(self, _epoch: int, /) -> int:
        pytest.fail("nobody knows")


class There(Schedule):
    """Up and down again."""

    stages = 3

    def stage(self, epoch: int, /) -> int:
        return (0, 1, 2, 2, 1, 1)[epoch % 6]


def config(*words: str) -> PreviewConfig:
    (job,) = jobs("preview", [*PHOTOS, *words])
    assert isinstance(job.config, PreviewConfig)
    return job.config


def measured(generator: Generator, schedule: Schedule, *words: str, top: float = 0.4) -> Ladder:
    """The ladder of a run on photographs."""
    chosen = config(*words)
    crops = first_crops(chosen, make_source(chosen.data, []), 4)
    return make_ladder(chosen, NegativesPlan(generator, schedule, Linear(top)), crops, None)


@pytest.fixture(scope="module")
def blend() -> Ladder:
    return measured(Blend(), EpochInterval(None, 3, 10))


def test_the_gain_of_a_blend_is_its_levels_on_every_crop(blend: Ladder) -> None:
    for stage in blend.stages:
        (negatives,) = stage.negatives
        gains = np.subtract(negatives.psnrs, blend.blurred.psnrs)
        assert gains == pytest.approx(np.full(4, -20 * math.log10(1 - stage.level)), abs=1e-4)
        assert stage.gain == pytest.approx(gains.mean(), abs=1e-4)
    assert [stage.level for stage in blend.stages] == [0, 0.2, 0.4]


def test_blurred_and_sharp_are_the_ends(blend: Ladder) -> None:
    assert blend.stages[0].negatives[0].psnrs == blend.blurred.psnrs
    assert blend.stages[0].negatives[0].energies == blend.blurred.energies
    assert blend.sharp.energies == [1, 1, 1, 1]
    assert blend.sharp.energy == 1
    assert np.all(np.asarray(blend.sharp.psnrs) == 100)


def test_unsharp_gains_energy_and_no_psnr() -> None:
    ladder = measured(Unsharp(), EpochInterval(None, 3, 10))
    energies = [stage.negatives[0].energy for stage in ladder.stages]
    assert energies == sorted(energies)
    assert ladder.stages[-1].negatives[0].psnr < ladder.blurred.psnr
    assert any("no effect on Unsharp" in note for note in ladder.notes)


def test_fixed_negatives_have_one_stage_for_all_epochs() -> None:
    ladder = measured(Blurred(), Deciding())
    (stage,) = ladder.stages
    assert (stage.level, stage.epochs, ladder.foreseen, ladder.notes) == (0, [range(10)], True, [])


def test_the_crops_are_the_first_that_the_run_trains_on() -> None:
    chosen = config("seed=3")
    source, data = make_source(chosen.data, []), chosen.data
    crops = TrainingCrops(source, source.items("train"), data.crop, 3, data.flips, data.crops_per_image)
    loader = LazyLoader(crops, data.global_batch, 3, 0, lambda: (0, 0))
    batches: list[Batch] = list(islice(loader, 2))
    found = first_crops(chosen, source, 8)
    assert found.names == list(chain.from_iterable(batch.names for batch in batches))
    assert torch.equal(found.blurred, torch.cat([batch.blurred for batch in batches]))
    assert not torch.equal(found.sharp, first_crops(config("seed=4"), source, 8).sharp)
    assert len(first_crops(chosen, source, 1000).names) == len(crops)


@pytest.mark.parametrize(
    ("schedule", "lengths"),
    [
        (EpochInterval(None, 3, 10), [4, 3, 3]),
        (EpochInterval(4, 3, 10), [4, 4, 2]),
        (EpochInterval(4, 4, 10), [4, 4, 2, 0]),
        (Milestones([1, 9], 10), [1, 8, 1]),
        (Constant(1, 3), [0, 10, 0]),
        (There(), [2, 4, 4]),
        (Reverse(4, 3, 10), [2, 4, 4]),
        (Random(None, 2, 10, 0), [5, 5]),
    ],
)
def test_epochs_of_stages(schedule: Schedule, lengths: list[int]) -> None:
    found = epochs_of_stages(schedule, 10)
    assert [sum(map(len, ranges)) for ranges in found] == lengths
    together = sorted((epoch, stage) for stage, ranges in enumerate(found) for epochs in ranges for epoch in epochs)
    assert together == [(epoch, schedule.stage(epoch)) for epoch in range(10)]


@given(st.sets(st.integers(0, 50)))
def test_consecutive_numbers(numbers: set[int]) -> None:
    ranges = consecutive(sorted(numbers))
    assert [number for numbers in ranges for number in numbers] == sorted(numbers)
    assert all(later.start > earlier.stop for earlier, later in pairwise(ranges))


@given(st.integers(1, 400), st.integers(1, 20))
def test_evenly_chosen(count: int, most: int) -> None:
    places = evenly(count, most)
    assert len(places) == min(count, most)
    assert sorted(set(places)) == places
    assert places[0] == 0
    assert places[-1] == (count - 1 if most > 1 else 0)
    steps = np.diff(places)
    assert len(steps) == 0 or steps.max() - steps.min() <= 1


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A folder with a test split of blurred images at 20 dB and 30 dB."""
    sharp = np.full((40, 40, 3), 128, dtype=np.uint8)
    for name, off in (("train/a", 5), ("train/b", 5), ("test/a", 25.5), ("test/b", 255 / 10**1.5)):
        split, stem = name.split("/")
        for kind, picture in (("sharp", sharp), ("blur", np.rint(sharp + off).astype(np.uint8))):
            path = tmp_path / split / kind / f"{stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(path)
    return tmp_path


def test_a_finished_network_is_compared_with_blurred_test_images(pairs: Path) -> None:
    source = make_source(config("data=folder", f"data.root={pairs}").data, [])
    blurred = np.mean([20 * math.log10(255 / 26), 20 * math.log10(255 / 8)])  # 8 bits make of 25.5 and 8.06 these
    found = finished_network(31, source)
    assert found.gain == pytest.approx(31 - blurred, abs=1e-3)
    assert found.level == pytest.approx(level_of_gain(31 - blurred), abs=1e-4)
    assert found.scored == f"blurred test images: {blurred:.2f} dB"
    assert finished_network(3, source).level == 0


def test_without_a_test_split_it_is_compared_with_validation() -> None:
    source = make_source(config("data.validation=[chelsea]").data, [])
    (item,) = source.items("validation")
    found = finished_network(30, source)
    assert found.scored.startswith("blurred validation images: ")
    assert item.name == "chelsea"


@pytest.mark.parametrize(("psnr", "ahead"), [(2.0, "stage 2 is"), (0.5, "stages 1-2 are"), (5.0, None)])
def test_negatives_ahead_of_the_finished_network_are_named(psnr: float, ahead: str | None) -> None:
    """Blend's stages gain 0, 1.94 and 4.44 dB; the network gains `psnr` over blurred images of 0 dB."""
    chosen = config()
    source = make_source(chosen.data, [])
    finished = replace(finished_network(30, source), gain=psnr)
    plan = NegativesPlan(Blend(), EpochInterval(None, 3, 10), Linear(0.4))
    notes = make_ladder(chosen, plan, first_crops(chosen, source, 2), finished).notes
    warned = [note for note in notes if "wrong way" in note]
    assert warned == (
        [f"{ahead} nearer to sharp than that network, so that the negatives push the wrong way"] if ahead else []
    )


def opened(ladder: Ladder, images: int) -> Any:
    """The figure as an array (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(ladder_figure(ladder, images))).convert("RGB"))


def test_pictures_stand_on_the_figure_pixel_by_pixel(blend: Ladder) -> None:
    figure = opened(blend, 2)
    top = MARGIN + 7 * LINE + GAP
    columns = [blend.blurred, *(stage.negatives[0] for stage in blend.stages), blend.sharp]
    for column, version in enumerate(columns):
        for image in range(2):
            left, upper = MARGIN + column * (256 + GAP), top + image * (256 + 2 * LINE + GAP)
            shown = figure[upper : upper + 256, left : left + 256]
            # Crops of 32 pixels: each is a square of 8.
            assert np.array_equal(shown, version.pictures[image].repeat(8, 0).repeat(8, 1))
    assert figure.shape[1] == 2 * MARGIN + 5 * (256 + GAP) - GAP


def test_a_row_more_for_every_image_and_negative(blend: Ladder) -> None:
    twice = measured(Twice(), EpochInterval(None, 3, 10))
    heights = {
        (len(ladder.stages[0].negatives), images): opened(ladder, images).shape[0]
        for ladder in (blend, twice)
        for images in (1, 2)
    }
    row = 256 + 2 * LINE + GAP
    assert heights[1, 2] - heights[1, 1] == row
    assert heights[2, 1] - heights[1, 1] == row
    assert heights[2, 2] - heights[2, 1] == 2 * row


def test_many_negatives_do_not_outgrow_the_figure(blend: Ladder) -> None:
    (first, *_), several = blend.stages, [stage.negatives[0] for stage in blend.stages] * 7
    ladder = replace(blend, stages=[replace(first, negatives=several)])
    assert opened(ladder, 4).shape[0] == opened(ladder, 3).shape[0] < 2**16


def test_many_stages_stay_readable() -> None:
    ladder = measured(Blend(), EpochInterval(1, 40, 10), top=0.99)
    figure = opened(ladder, 1)
    assert figure.shape[1] <= 2500
    assert "stages 10-39 are never reached" in ladder.notes


def test_what_a_network_makes_is_not_drawn() -> None:
    ladder = measured(Network(), EpochInterval(None, 3, 10))
    assert [stage.negatives for stage in ladder.stages] == [[], [], []]
    assert [stage.length for stage in ladder.stages] == [4, 3, 3]
    assert opened(ladder, 1).size > 0
    assert table(ladder)[4].split() == ["stage", "0", "0.000", "0.00", "0-3", "(4)", "-", "-"]
    assert "Network needs a trained network: its negatives are not drawn" in ladder.notes


def test_of_a_bank_what_can_be_made_is_drawn() -> None:
    bank, alone = (measured(made, EpochInterval(None, 3, 10)) for made in (Bank([Blend(), Snapshot()]), Blend()))
    assert [len(stage.negatives) for stage in bank.stages] == [1, 1, 1]
    for stage, expected in zip(bank.stages, alone.stages, strict=True):
        assert stage.negatives[0].psnrs == expected.negatives[0].psnrs
    assert "Snapshot needs a trained network: its negatives are not drawn" in bank.notes
    assert opened(bank, 1).shape[1] == opened(alone, 1).shape[1]


def test_what_the_training_decides_is_not_told() -> None:
    ladder = measured(Blend(), Adaptive("contrast/push_fraction", 0.5, 0.0, 2, 3))
    assert not ladder.foreseen
    assert opened(ladder, 1).size > 0
    assert all("not known" in line for line in table(ladder)[4:7])
    assert ladder.notes == ["Adaptive lets the training decide when a stage begins: the epochs are not known"]


@pytest.mark.parametrize(("generator", "told"), [(Blend(), True), (Network(), False), (Blurred(), False)])
def test_a_cap_is_told_where_levels_count(generator: Generator, told: bool) -> None:
    schedule = EpochInterval(None, 3, 10)
    plans = [NegativesPlan(generator, schedule, Linear(0.4, cap=cap)) for cap in (None, 0.8)]
    chosen = config()
    crops = first_crops(chosen, make_source(chosen.data, []), 1)
    without, capped = (make_ladder(chosen, plan, crops, None).notes for plan in plans)
    assert [note.partition(":")[0] for note in capped if note not in without] == ["levels.cap=0.8"] * told


def test_the_table_has_a_row_a_version(blend: Ladder) -> None:
    lines = table(blend)
    assert lines[0] == "Blend, EpochInterval with 3 stages over 10 epochs, levels Linear"
    assert lines[1] == "means over the first 4 training crops of photos, 32 x 32 pixels, seed 0"
    assert lines[2].split() == ["level", "gain", "dB", "epochs", "PSNR", "dB", "energy"]
    (negatives,) = blend.stages[1].negatives
    figures = [f"{negatives.psnr:.2f}", f"{negatives.energy:.2f}"]
    assert lines[4 + 1].split() == ["stage", "1", "0.200", "1.94", "4-6", "(3)", *figures]
    assert lines[-1].split() == ["sharp", "1.00"]
    twice = table(measured(Twice(), There()))
    names = [line.partition("  ")[0].strip() for line in twice[4:8]]
    assert names == ["stage 0, 1 of 2", "stage 0, 2 of 2", "stage 1, 1 of 2", "stage 1, 2 of 2"]
    assert "1 … 7 (4)" in twice[6]


def test_a_flat_crop_has_no_relative_energy() -> None:
    """Noise on nothing is no multiple of nothing."""
    chosen = config()
    random = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    flat = Batch(random, torch.full_like(random, 0.5), ["a", "b"], torch.arange(2))
    plan = NegativesPlan(Blend(), EpochInterval(None, 3, 10), Linear(0.4))
    ladder = make_ladder(chosen, plan, flat, None)
    assert np.isnan(ladder.blurred.energies).all()
    assert opened(ladder, 2).size > 0


def test_real_pairs(shared: Any) -> None:
    """A finished MIMO-UNet on GoPro stands at about 0.5; blurred pictures have a quarter of the energy, or so."""
    root = shared("data/gopro")
    chosen = config(
        "data=gopro", f"data.root={root}", "data.validation=[GOPR0374_11_00]", "data.crop=256", "data.crops_per_image=1"
    )
    source = make_source(chosen.data, [])
    assert finished_network(31.73, source).level == pytest.approx(0.5, abs=0.05)
    plan = NegativesPlan(Blend(), EpochInterval(None, 3, 10), Linear(0.37))
    ladder = make_ladder(chosen, plan, first_crops(chosen, source, 16), None)
    assert 0.1 < ladder.blurred.energy < 0.5
    assert ladder.stages[-1].negatives[0].psnr - ladder.blurred.psnr == pytest.approx(4.01, abs=0.01)
    shown = to_picture(first_crops(chosen, source, 1).sharp[0])
    assert np.array_equal(np.asarray(shown), ladder.sharp.pictures[0])


def table(ladder: Ladder) -> Sequence[str]:
    return ladder_table(ladder).splitlines()


def test_psnr_is_the_one_that_results_carry(blend: Ladder) -> None:
    chosen = config()
    crops = first_crops(chosen, make_source(chosen.data, []), 4)
    wanted = [METRICS["psnr"](image, sharp) for image, sharp in zip(crops.blurred, crops.sharp, strict=True)]
    assert blend.blurred.psnrs == wanted
    assert cast(float, blend.blurred.psnr) == pytest.approx(np.mean(wanted))
