"""The laws of the house: who may import whom, what is declared, and that the tools that check it bite."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "cldeblur"
# A room may import those before it; rooms on one line do not know one another.
FLOORS = (
    ("errors",),
    ("files",),
    ("records", "history"),
    ("environment",),
    ("config",),
    ("launching", "stopping"),
    ("data", "networks", "losses", "contrast"),
    ("checkpoints",),
    ("evaluation",),
    ("training",),
    ("sweeps", "study"),
    ("cli",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
PLAIN = FLOORS[6]
LIBRARIES = {
    "lightning": {"training"},
    "hydra": {"cli", "sweeps", "config"},
    "omegaconf": {"cli", "sweeps", "config"},
    "optuna": {"sweeps"},
    "submitit": {"sweeps"},
    "statsmodels": {"study"},
}
WITHOUT_TORCH = (
    *("errors", "files", "records", "history", "environment"),
    *("config", "launching", "sweeps", "study", "cli"),
)
DISTRIBUTIONS = {"hydra": "hydra-core", "PIL": "pillow", "skimage": "scikit-image", "yaml": "pyyaml"}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    """The room of a file: its folder below the package, or the file itself."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever it does so."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_of_ours(path: Path) -> set[str]:
    """Rooms that a file knows, its own left out; `cldeblur.__version__` belongs to none."""
    names = [name.split(".") for name in imports(path)]
    known = {name[1] for name in names if name[0] == "cldeblur" and len(name) > 1 and name[1] in FLOOR}
    return known - {room_of(path)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_room_knows_only_rooms_below_it(path: Path) -> None:
    room = room_of(path)
    if room.startswith("__"):
        return  # the door: __init__ and __main__ stand before all rooms
    assert {other for other in rooms_of_ours(path) if FLOOR[other] >= FLOOR[room]} == set()


@pytest.mark.parametrize("room", PLAIN)
def test_of_the_config_the_plain_rooms_know_the_spelling_alone(room: str) -> None:
    found = {name for path in FILES if room_of(path) == room for name in imports(path)}
    assert {name for name in found if name.startswith("cldeblur.config") and "config.typos" not in name} == set()


@pytest.mark.parametrize("library", LIBRARIES)
def test_one_library_one_room(library: str) -> None:
    users = {room_of(path) for path in FILES for name in imports(path) if name.split(".")[0] == library}
    assert users
    assert users <= LIBRARIES[library]


def test_weights_and_biases_is_known_in_one_file() -> None:
    users = {
        path
        for path in FILES
        for name in imports(path)
        if name.split(".")[0] == "wandb" or name.endswith("WandbLogger")
    }
    assert len(users) == 1


def test_figures_alone_draw() -> None:
    users = {path.parent for path in FILES for name in imports(path) if name.split(".")[0] == "matplotlib"}
    assert users == {PACKAGE / "study" / "figures"}


def test_the_package_knows_no_experiments_and_no_tests() -> None:
    tops = {name.split(".")[0] for path in FILES for name in imports(path)}
    assert tops.isdisjoint({"experiments", "tests", "conf", "shared"})


def test_what_prints_help_and_refusals_imports_no_torch() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in FILES
        if room_of(path) in (*WITHOUT_TORCH, "__init__")
    ]
    program = (
        f"import sys, importlib; [importlib.import_module(name) for name in {modules}]; print('torch' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"


def test_every_package_that_is_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [word for name, words in project["optional-dependencies"].items() if name != "dev" for word in words]
    declared, offered = (
        {re.split(r"[<>=!\[; ]", word)[0].lower() for word in words} for words in (project["dependencies"], extras)
    )
    tops = {name.split(".")[0] for path in FILES for name in imports(path)}
    foreign = tops - set(sys.stdlib_module_names) - {"cldeblur"}
    wanted = {DISTRIBUTIONS.get(name, name).lower() for name in foreign}
    assert wanted - declared - offered == set()
    assert declared - wanted == set(), "nothing is declared that is not used"


@pytest.mark.parametrize("name", ["__init__.py"])
def test_a_room_opens_with_one_line(name: str) -> None:
    for path in FILES:
        if path.name == name and path.parent != PACKAGE:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert len(tree.body) == 1, path
            assert ast.get_docstring(tree)


VIOLATIONS = {
    "D103": "def name() -> None:\n    pass\n",
    "D100": "x = 1\n",
    "ANN001": 'def name(x) -> None:\n    """Say."""\n',
    "ANN201": 'def name():\n    """Say."""\n',
    "C901": "def name(x: int) -> None:\n" + "".join(f"    if x == {n}:\n        x += {n}\n" for n in range(12)),
    "PLR0912": "def name(x: int) -> None:\n" + "".join(f"    if x == {n}:\n        x += {n}\n" for n in range(12)),
    "PLR0915": "def name(x: int) -> None:\n" + "    x += 1\n" * 40,
    "PLR0913": "def name(" + ", ".join(f"x{n}: int" for n in range(12)) + ") -> None:\n    pass\n",
    "PLR0911": "def name(x: int) -> int:\n" + "".join(f"    if x == {n}:\n        return {n}\n" for n in range(8)),
    "TID252": "from . import other\n",
    "F401": "import os\n",
    "S301": "import pickle\npickle.loads(b'')\n",
    "T201": "print(1)\n",
    "E501": f"x = '{'x' * 130}'\n",
}


@pytest.mark.parametrize("code", VIOLATIONS)
def test_ruff_finds_what_is_planted(code: str, tmp_path: Path) -> None:
    found = tool(tmp_path, VIOLATIONS[code], "ruff", "check", f"--config={ROOT / 'pyproject.toml'}", "--no-cache")
    assert f"{code} " in found


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("def name(x):\n    return x\n", "no-untyped-def"),
        ("def name() -> int:\n    return 'a'\n", "return-value"),
        ("x: list = []\n", "type-arg"),
    ],
)
def test_mypy_finds_what_is_planted(text: str, code: str, tmp_path: Path) -> None:
    words = ["--config-file", str(ROOT / "pyproject.toml"), f"--cache-dir={tmp_path / 'cache'}"]
    assert f"[{code}]" in tool(tmp_path, text, "mypy", *words)


def tool(folder: Path, text: str, *words: str) -> str:
    """What a tool that must fail says about a file."""
    path = folder / "planted.py"
    path.write_text(text)
    answer = subprocess.run([sys.executable, "-m", *words, str(path)], capture_output=True, text=True, check=False)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    return answer.stdout


def test_the_check_runs_these_tools() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\ncheck:")[2].partition("\n\n")[0]
    assert all(words in recipe for words in ("ruff check .", "ruff format --check .", "mypy"))
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["strict"] is True
