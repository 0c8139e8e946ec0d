"""What every test may use: golden values and, where they exist, real files beside the checkout."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Any]:
    """Give `golden("name")`, the content of tests/golden/name.json."""
    return lambda name: json.loads((ROOT / "tests" / "golden" / f"{name}.json").read_text())


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Give `shared("data/gopro")`, a path in the folder beside the checkout, or skip the test."""

    def find(name: str) -> Path:
        path = ROOT.parent / "shared" / name
        if not path.exists():
            pytest.skip(f"needs ../shared/{name}, which is not here")
        return path

    return find
