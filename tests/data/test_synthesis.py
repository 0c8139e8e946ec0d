"""Camera shake: kernels, convolution, noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cldeblur.data.randomness import generator
from cldeblur.data.synthesis import CameraShake
from cldeblur.errors import Refused


@given(seed=st.integers(0, 10**6), length=st.floats(0, 60), bend=st.floats(0, 200))
def test_kernels_sum_to_one_and_are_centred(seed: int, length: float, bend: float) -> None:
    kernel = CameraShake((length, length), (0, 360), bend, 0, 2.2).kernel(generator(seed))
    margin = len(kernel) // 2
    offsets = np.arange(len(kernel)) - margin
    assert kernel.shape == (2 * margin + 1, 2 * margin + 1)
    assert kernel.min() >= 0
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    assert offsets @ kernel.sum(axis=0) == pytest.approx(0, abs=1e-3)
    assert offsets @ kernel.sum(axis=1) == pytest.approx(0, abs=1e-3)
    assert margin <= length + 1


def test_a_panning_hand_moves_one_way() -> None:
    panning = CameraShake((20, 20), (-3, 3), 2, 0, 2.2)
    spread = [kernel_spread(panning.kernel(generator(seed))) for seed in range(20)]
    assert all(across > 5 and down < 1 for down, across in spread)
    upright = CameraShake((20, 20), (90, 90), 0, 0, 2.2).kernel(generator(0))
    down, across = kernel_spread(upright)
    # A straight line of length 20: standard deviation 20 / sqrt(12).
    assert down == pytest.approx(5.78, abs=0.1)
    assert across == pytest.approx(0, abs=1e-3)


def test_free_shake_moves_every_way() -> None:
    free = CameraShake((20, 20), (0, 360), 90, 0, 2.2)
    spread = np.array([kernel_spread(free.kernel(generator(seed))) for seed in range(100)])
    assert (spread[:, 0] > spread[:, 1]).mean() == pytest.approx(0.5, abs=0.2)
    assert (spread.min(axis=1) > 1).mean() > 0.5


def kernel_spread(kernel: np.ndarray) -> tuple[float, float]:
    """Standard deviations of a centred kernel, down and across, in pixels."""
    squares = (np.arange(len(kernel)) - len(kernel) // 2) ** 2
    return float(np.sqrt(squares @ kernel.sum(axis=1))), float(np.sqrt(squares @ kernel.sum(axis=0)))


def test_blur_is_a_convolution_in_linear_light() -> None:
    shake = CameraShake((9, 9), (0, 360), 60, 0, 2.2)
    kernel = shake.kernel(generator(3))
    dot = np.zeros((2 * len(kernel) - 1, 2 * len(kernel) - 1, 3), dtype=np.float32)
    dot[len(kernel) - 1, len(kernel) - 1] = 1
    blurred = shake.blur(dot, kernel, generator(0))
    assert np.allclose(blurred**2.2, kernel[..., None], atol=1e-6)


def test_a_flat_picture_stays_flat() -> None:
    shake = CameraShake((9, 9), (0, 360), 60, 0, 2.2)
    kernel = shake.kernel(generator(1))
    side = len(kernel) + 9
    for value in (0.0, 0.3, 1.0):
        blurred = shake.blur(np.full((side, side, 3), value, dtype=np.float32), kernel, generator(0))
        assert blurred.shape == (10, 10, 3)
        assert np.allclose(blurred, value, atol=1e-5)


def test_noise_has_its_size_and_stays_within_range() -> None:
    shake = CameraShake((0, 0), (0, 0), 0, 0.05, 2.2)
    kernel = shake.kernel(generator(0))
    assert kernel.tolist() == [[1.0]]
    grey = shake.blur(np.full((64, 64, 3), 0.5, dtype=np.float32), kernel, generator(0))
    assert grey.dtype == np.float32
    assert grey.std() == pytest.approx(0.05, rel=0.05)
    white = shake.blur(np.ones((64, 64, 3), dtype=np.float32), kernel, generator(0))
    assert white.max() == 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"length": (9, 3)}, "length"),
        ({"length": (-1, 3)}, "length"),
        ({"angle": (1,)}, "angle"),
        ({"bend": -1}, "bend"),
        ({"noise": -0.1}, "noise"),
        ({"gamma": 0}, "gamma"),
    ],
)
def test_senseless_numbers_are_refused(change: dict[str, object], word: str) -> None:
    good: dict[str, object] = {"length": (3, 9), "angle": (0, 9), "bend": 1, "noise": 0, "gamma": 2.2}
    with pytest.raises(Refused, match=rf"data\.source\.blur\.{word} is"):
        CameraShake(**(good | change))  # type: ignore[arg-type]
