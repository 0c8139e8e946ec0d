"""Resolved configs to change and to compare."""

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from cldeblur.sweeps.preflight import jobs

Content = dict[str, Any]
Compose = Callable[..., Content]


@cache
def composed(*words: str) -> Content:
    """What a command line of `cldeblur train` composes."""
    return jobs("train", ["data.root=x", *words])[0].content


@pytest.fixture
def compose() -> Compose:
    """Give `compose(*words)`, a resolved config of `cldeblur train` that a test may change."""
    return lambda *words: deepcopy(composed(*words))
