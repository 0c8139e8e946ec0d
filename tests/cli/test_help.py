"""Help names everything that may be chosen, and answers without loading what it does not need."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cldeblur import __version__
from cldeblur.cli.main import main
from cldeblur.cli.reading import EXAMPLES
from cldeblur.cli.verbs import READERS, VERBS
from cldeblur.config.folder import conf_folder, options
from cldeblur.config.loading import keys
from cldeblur.sweeps.preflight import jobs

HEAVY = {
    "torch",
    "scipy",
    "statsmodels",
    "matplotlib",
    "lightning",
    "hydra",
    "omegaconf",
    "wandb",
    "kornia",
    "skimage",
    "numpy",
    "torchmetrics",
    "PIL",
}
GROUPS = sorted(folder.name for folder in conf_folder().iterdir() if folder.is_dir())
EVALUATION_GROUPS = ("data", "backbone", "protocol")
WORDS = {
    "train": ["data.root=x"],
    "preview": ["data.root=x", "negatives=blend"],
    "evaluate": ["data=folder", "data.root=x", "backbone=identity"],
}
Shown = Callable[..., str]


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Shown:
    """Give `shown(*words)`, what a command that succeeds prints."""

    def run(*words: str) -> str:
        assert main(words) == 0
        output = capsys.readouterr()
        assert output.err == ""
        return output.out

    return run


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_overview_lists_the_verbs(words: list[str], shown: Shown) -> None:
    text = shown(*words)
    assert [verb for verb in (*VERBS, *READERS) if f"\n  {verb} " not in text] == []


def test_version(shown: Shown) -> None:
    assert shown("--version") == f"cldeblur {__version__}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_help_lists_every_group_and_option(verb: str, shown: Shown) -> None:
    listed = shown(verb, "--help").partition("\ngroups ")[2].partition("\nkeys ")[0]
    lines = {line.split()[0]: line for line in listed.splitlines() if line.startswith("  ")}
    for group in EVALUATION_GROUPS if verb == "evaluate" else GROUPS:
        offered = lines[group].replace("*", "").replace(",", "").split()
        assert [option for option in options(group) if option not in offered] == []


@pytest.mark.parametrize("verb", VERBS)
def test_help_lists_every_key_once(verb: str, shown: Shown) -> None:
    text = shown(verb, "--help", "this is not read")
    listed = [line.split()[0] for line in text.partition("\nkeys ")[2].splitlines()[1:] if line.startswith("  ")]
    composed = jobs(verb, WORDS[verb])[0].content
    leaves = [key for key in keys(composed) if not any(other.startswith(f"{key}.") for other in keys(composed))]
    missing = {key for key in leaves if not key.endswith("_target_") and key not in listed}
    assert missing <= {"data.source", "backbone"}
    keys_alone = [key for key in listed if not key.startswith("-")]
    assert len(set(keys_alone)) == len(keys_alone)


@pytest.mark.parametrize("verb", READERS)
def test_help_of_a_verb_that_reads_lists_its_options_and_examples(verb: str, shown: Shown) -> None:
    text = shown(verb, "--help", "this is not read")
    assert text.startswith(f"usage: cldeblur {verb} ")
    assert READERS[verb] in text
    assert [example for example in EXAMPLES[verb] if f"\n  {example}\n" not in text] == []


def test_help_of_compare_names_its_words(shown: Shown) -> None:
    text = shown("compare", "-h")
    assert [word for word in ("SWEEP_DIR", "--baseline KEY=VALUE", "--output DIR") if word not in text] == []


def test_help_marks_the_default_of_each_group(shown: Shown) -> None:
    text = shown("train", "--help")
    assert "mimo_unet*, mimo_unet_plus" in text
    assert "experiment  gopro_cl_mimo_unet, gopro_mimo_unet, quickstart   (none*)" in text


def test_help_of_a_preview_begins_with_its_own_keys(shown: Shown) -> None:
    listed = shown("preview", "--help").partition("\nkeys ")[2].splitlines()[1:5]
    assert [line.split()[0] for line in listed] == ["output", "images", "finished_psnr", "seed"]


def test_help_tells_which_option_has_a_key(shown: Shown) -> None:
    line = next(line for line in shown("train", "--help").splitlines() if "negatives.amount" in line)
    assert line.endswith("(negatives=unsharp)")
    assert "3.0" in line


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["train", "--help"],
        ["evaluate", "-h"],
        ["preview", "-h"],
        ["compare", "-h"],
        ["--version"],
        ["trian"],
    ],
)
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    program = (
        f"import sys; from cldeblur.cli.main import main; main({words});"
        f"print(*sorted({HEAVY} & set(sys.modules)), file=sys.stderr)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stderr.splitlines()[-1] == ""


def test_the_config_fits_on_two_screens(shown: Shown) -> None:
    lines = shown("train", "--cfg", "job").splitlines()
    assert "  root: ???" in lines
    assert len(lines) <= 120


def test_the_config_of_a_run_is_shown_with_its_words(shown: Shown) -> None:
    text = shown("train", "seed=3", "--cfg", "job", "trainer.max_epochs=7", "--package", "trainer", "--resolve")
    assert "max_epochs: 7" in text
    assert "seed" not in text


@pytest.mark.parametrize("words", [["--hydra-help"], ["--info", "defaults"], ["-sc", "install=bash"]])
def test_hydras_own_words_reach_hydra(words: list[str], place: Path) -> None:
    """In a process of its own, because Hydra sets up logging for it."""
    command = [sys.executable, "-m", "cldeblur", "train", *words]
    assert subprocess.run(command, capture_output=True, cwd=place, check=True).stdout
    assert list(place.iterdir()) == []
