"""The package as a user installs it: a wheel that carries its config files and works anywhere."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cldeblur import __version__

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the checkout, built by the backend that is installed here."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", f"--wheel-dir={folder}"]
    command = [sys.executable, "-m", "pip", "wheel", *options, str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the wheel is unpacked."""
    folder = tmp_path_factory.mktemp("installed")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def run(installed: Path, place: Path, *words: str) -> str:
    """What `python -m cldeblur` prints, with the wheel's package before any other."""
    command = [sys.executable, "-P", "-m", "cldeblur", *words]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=place, env=environment).stdout


def test_a_wheel_holds_the_package_and_its_config_files_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    folders = ("cldeblur", "hydra_plugins")
    sources = {path.relative_to(ROOT).as_posix() for folder in folders for path in (ROOT / folder).rglob("*.py")}
    options = {f"cldeblur/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert names == sources | options | {"cldeblur/py.typed"}
    assert wheel.name.startswith(f"cldeblur-{__version__}-py3")


def test_an_installed_package_works_elsewhere(installed: Path, tmp_path: Path) -> None:
    assert "objective   batch_ratio, bounded_ratio*, curricular" in run(installed, tmp_path, "train", "--help")
    shown = run(installed, tmp_path, "train", "--cfg", "job", "experiment=quickstart")
    assert "_target_: cldeblur.data.photos.Photos" in shown
    assert str(installed) in run(installed, tmp_path, "train", "--info", "searchpath", "experiment=quickstart")
    assert list(tmp_path.iterdir()) == []


def test_the_command_is_declared(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        points = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
        assert "cldeblur = cldeblur.cli.main:main" in archive.read(points).decode()
        metadata = archive.read(points.replace("entry_points.txt", "METADATA")).decode()
    assert "Requires-Dist: torch" in metadata
    assert "License-Expression: Apache-2.0" in metadata
