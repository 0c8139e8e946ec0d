"""A word that does not exist is refused with the nearest that does, before anything is loaded or made."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cldeblur.cli.main import main
from cldeblur.config.typos import edits, nearest

# Every key that users and their scripts rely on, with what has to be chosen for it to exist.
KEYS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(["seed", "resume", "initial_weights", "detect", "trust"], ()),
    **dict.fromkeys([f"data.{name}" for name in ("root", "crop", "global_batch", "workers", "validation")], ()),
    "loss.frequency_weight": (),
    **dict.fromkeys([f"contrast.{name}" for name in ("gradient_ratio", "weight", "warmup_epochs", "max_ratio")], ()),
    **dict.fromkeys([f"features.{name}" for name in ("weights", "taps", "tap_weights")], ()),
    "schedule.interval": (),
    "schedule.stages": (),
    "schedule.stage": ("schedule=constant",),
    "levels.top": (),
    "levels.gains": ("levels=gains",),
    "levels.match": ("levels=gains",),
    "optimizer.lr": (),
    **dict.fromkeys(
        [
            f"trainer.{name}"
            for name in (
                *("max_epochs", "precision", "devices", "num_nodes", "accumulate", "gradient_clip", "ema"),
                *("deterministic", "validate_every", "fast_dev_run"),
            )
        ],
        (),
    ),
    **dict.fromkeys([f"run.{name}" for name in ("root", "dir", "name", "group", "tags", "notes")], ()),
}
Refused = Callable[..., str]


def misspelt(key: str) -> Iterator[str]:
    """Every spelling of a key with one letter dropped, doubled, or swapped with its neighbour."""
    for place, letter in enumerate(key):
        if letter == ".":
            continue
        after = key[place + 1 :]
        yield key[:place] + after
        yield key[:place] + letter + letter + after
        if after and after[0] not in (letter, "."):
            yield key[:place] + after[0] + letter + after[1:]


def samples(key: str) -> list[str]:
    """A few of the misspellings: dropped, doubled and swapped, at different places of the last word."""
    tail = key.rpartition(".")[0] and key.rpartition(".")[0] + "."
    word = key.removeprefix(tail)
    middle, end = len(word) // 2, len(word) - 1
    found = [word[:middle] + word[middle + 1 :], word + word[-1], word[: end - 1] + word[end] + word[end - 1]]
    return [tail + spelling for spelling in found if tail + spelling not in KEYS and spelling]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_suggested_for_every_misspelling_of_it(key: str) -> None:
    known = [other for other in KEYS if KEYS[other] in ((), KEYS[key])]
    for spelling in misspelt(key):
        if spelling not in KEYS:
            assert nearest(spelling, known) == key


@pytest.mark.parametrize("key", KEYS)
def test_a_misspelt_key_is_refused(key: str, refused: Refused) -> None:
    for spelling in samples(key):
        assert f"no key '{spelling}'; did you mean '{key}'?" in refused("train", *KEYS[key], f"{spelling}=1")


@pytest.mark.parametrize("key", ["seed", "data.crop", "schedule.stage", "run.dir", "trainer.ema"])
@pytest.mark.parametrize("sign", ["+", "++", "~"])
def test_a_prefix_hides_no_typo(key: str, sign: str, refused: Refused) -> None:
    value = "" if sign == "~" else "=1"
    spelling = next(misspelt(key))
    assert f"'{key}'" in refused("train", *KEYS[key], f"{sign}{spelling}{value}")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["trian"], "train"),
        (["evalute", "data=gopro"], "evaluate"),
        (["train", "negatvies=blend"], "negatives"),
        (["train", "+negatvies=blend"], "negatives"),
        (["train", "negatives=blurrd"], "negatives=blurred"),
        (["train", "experiment=quickstrat"], "experiment=quickstart"),
        (["train", "trainer=gpuu"], "trainer=gpu"),
        (["train", "hydra/laucher=joblib"], "hydra/launcher"),
        (["train", "hydra/launcher=joblob"], "hydra/launcher=joblib"),
        (["train", "data=photos", "data.source.blur.lenght=[1,2]"], "data.source.blur.length"),
        (["train", "optimizer.scheduler.gama=1"], "optimizer.scheduler.gamma"),
        (["train", "negatives.amuont=1"], "negatives.amount"),
        (["train", "schedule.milestnes=[1]"], "schedule.milestones"),
        (["train", "crop=64"], "data.crop"),
        (["train", "--cfg", "job", "data.corp=64"], "data.crop"),
        (["evaluate", "data=foldr", "backbone=identity"], "data=folder"),
        (["evaluate", "data=folder", "data.root=x", "chekpoint=x"], "checkpoint"),
        (["preveiw", "data=gopro"], "preview"),
        (["preview", "negatvies=blend"], "negatives"),
        (["preview", "negatives=blurrd"], "negatives=blurred"),
        (["preview", "experiment=quickstart", "finishd_psnr=31"], "finished_psnr"),
        (["preview", "experiment=quickstart", "schedule.stagse=3"], "schedule.stages"),
        (["preview", "experiment=quickstrat"], "experiment=quickstart"),
        (["train", "-m", "data.root=x", "sede=1,2"], "seed"),
        (["train", "-m", "data.root=x", "seed=1,2", "+trainer.max_epoch=1,2"], "trainer.max_epochs"),
        (["train", "-m", "data.root=x", "negatives=none,blured"], "negatives=blurred"),
        (["train", "-m", "data.root=x", "schedule=interval,constant", "schedule.intervl=1,2"], "schedule.interval"),
    ],
)
def test_the_nearest_is_named(words: list[str], meant: str, refused: Refused) -> None:
    assert f"did you mean '{meant}'" in refused(*words)


def test_another_option_that_has_the_key_is_named(refused: Refused) -> None:
    sentence = "no key 'negatives.amount' with negatives=blend; negatives=unsharp has it"
    assert refused("train", "negatives=blend", "negatives.amount=1") == sentence
    words = ("train", "-m", "schedule=interval,constant", "schedule.interval=1")
    assert refused(*words) == "no key 'schedule.interval' with schedule=constant; schedule=interval has it"
    assert refused("train", "negatives.amoun=1").endswith("did you mean 'negatives.amount'? negatives=unsharp has it")


@pytest.mark.parametrize("words", [["nothing.like.it=1"], ["+data.source.nothing_like_it=1"], ["data.pack=x"]])
def test_where_nothing_is_near_nothing_is_suggested(words: list[str], refused: Refused) -> None:
    assert refused("train", "data.root=x", *words) == f"no key '{words[0].lstrip('+').partition('=')[0]}'"


@pytest.mark.parametrize(
    ("content", "meant"),
    [
        ("sede: 1", "seed"),
        ("schedule: {stagess: 4}", "schedule.stages"),
        ("run: {nme: mine}", "run.name"),
        ("data: {source: {blurr: blur_gamma}}", "data.source.blurred"),
        ("defaults: [{override /negatvies: blend}]", "negatives"),
        ("defaults: [{override /negatives: bled}]", "negatives=blend"),
        ("defaults: [{override /negatives: unsharp}]\nnegatives: {amuont: 1}", "negatives.amount"),
        ("hydra: {sweeper: {params: {sede: '1,2'}}}", "seed"),
    ],
)
def test_an_experiment_of_the_users_own_is_checked(content: str, meant: str, place: Path, refused: Refused) -> None:
    write(place / "mine" / "experiment" / "own.yaml", f"# @package _global_\n{content}\n")
    words = ["-m"] if "sweeper" in content else []
    sentence = refused("train", *words, "--config-dir", "mine", "data.root=x", "experiment=own")
    assert f"did you mean '{meant}'?" in sentence


@pytest.mark.parametrize(
    ("path", "content", "meant"),
    [
        (
            "negatives/own.yaml",
            "{_target_: cldeblur.contrast.negatives.unsharp.Unsharp, amuont: 1}",
            "negatives.amount",
        ),
        ("data/own.yaml", "{name: own, source: {}, root: x, validaton: [], crop: 64}", "data.validation"),
    ],
)
def test_an_option_of_the_users_own_is_checked(
    path: str, content: str, meant: str, place: Path, refused: Refused
) -> None:
    write(place / "mine" / path, content)
    choice = path.removesuffix(".yaml").replace("/", "=")
    assert f"did you mean '{meant}'?" in refused("train", "--config-dir=mine", "++data.root=.", choice)


def test_a_file_that_is_no_yaml_is_named_with_its_line(place: Path, refused: Refused) -> None:
    write(place / "mine" / "experiment" / "own.yaml", "# @package _global_\nseed: [1\n")
    sentence = refused("train", "--config-dir=mine", "experiment=own")
    assert "own.yaml, line 3, is no YAML" in sentence


def test_a_typo_is_refused_without_torch(place: Path) -> None:
    program = (
        "import sys; from cldeblur.cli.main import main; code = main(['train', 'data.corp=1']);"
        "sys.exit(code if 'torch' not in sys.modules else 99)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=place, check=False)
    assert answer.returncode == 2
    assert answer.stderr == "cldeblur: no key 'data.corp'; did you mean 'data.crop'?\n"
    assert answer.stdout == ""


def test_a_developer_may_see_where_a_refusal_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ValueError, match=r"data\.crop"):
        main(["train", "data.corp=1"])


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ("crop", "crop", 0),
        ("crop", "corp", 1),
        ("crop", "crp", 1),
        ("crop", "cropp", 1),
        ("", "abc", 3),
        ("ca", "abc", 3),
    ],
)
def test_distance_between_words(first: str, second: str, distance: int) -> None:
    """The last pair is what tells optimal string alignment (3) from Damerau's own distance (2)."""
    assert edits(first, second) == edits(second, first) == distance


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
