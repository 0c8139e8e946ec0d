"""What cannot work is refused in one sentence, and leaves nothing behind."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cldeblur.cli.main import main
from cldeblur.records import RECORD_FILE

Refused = Callable[..., str]
DATA = "data.root=x"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "data.root"),
        (["data=folder"], "data.root"),
        ([DATA, "~negatives"], "negatives"),
        ([DATA, "~data.crop"], "data.crop"),
        ([DATA, "seed=abc"], "seed"),
        ([DATA, "seed=1.5"], "seed"),
        ([DATA, "seed="], "seed"),
        ([DATA, "trainer.ema=much"], "trainer.ema"),
        ([DATA, "data.validation=GOPR0386"], "data.validation"),
        ([DATA, "trust=mine"], "trust"),
        ([DATA, "contrast=none"], "contrast"),
        ([DATA, "run=mine"], "run"),
        ([DATA, "run.root=${nowhere}"], "run.root"),
        ([DATA, "run.root=${nothing:1}"], "run.root"),
        ([DATA, "negatives=null"], "negatives"),
        ([DATA, "negatives="], "negatives="),
        ([DATA, "experiment"], "experiment"),
        ([DATA, "seed=[1"], "seed"),
        ([DATA, "hydra.nothing.such=1"], "hydra.nothing.such"),
    ],
)
def test_bad_values(words: list[str], named: str, refused: Refused) -> None:
    assert named in refused("train", *words)


@pytest.mark.parametrize("verb", ["train", "evaluate"])
def test_several_values_need_a_sweep(verb: str, refused: Refused) -> None:
    assert "-m" in refused(verb, "data=photos", "run.notes=a,b")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["-m", DATA, "seed=1,2", "run.dir=mine"], "run.dir"),
        (["-m", DATA, "run.dir=one,two"], "run.dir"),
        (["-m", DATA, "seed=1,2", "resume=mine"], "resume"),
        ([DATA, "run.dir=one", "resume=two"], "run.dir=one and resume=two"),
        ([DATA, "hydra.run.dir=mine"], "give run.dir"),
        (["-m", DATA, "hydra.sweep.dir=mine", "seed=1,2"], "run.group"),
        (["-m", DATA, "hydra.launcher.n_jobs=1,2"], "hydra.launcher.n_jobs"),
        ([DATA, "hydra.mode=MULTIRUN"], "-m"),
        (["-m", "--cfg", "job", DATA], "--cfg"),
        (["--run", "--multirun", DATA], "--multirun"),
        (["--resolve", DATA], "--resolve"),
        (["--config-path", "mine", DATA], "--config-path"),
        (["--config-dir", "mine", DATA], "--config-dir mine is not a folder"),
        (["--config-dir"], "--config-dir"),
        (["--config-name", "mine"], "mine"),
        (["--nothing"], "--nothing"),
        (["--cfg", "jbo"], "jbo"),
    ],
)
def test_words_that_contradict_each_other(words: list[str], named: str, refused: Refused) -> None:
    assert named in refused("train", *words)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "data"),
        (["data=gopro"], "data.root"),
        (["data=photos"], "checkpoint"),
        (["data=photos", "checkpoint=x", "accelerator=abacus"], "accelerator"),
        (["data=photos", "checkpoint=x", "data.workers=-1"], "data.workers"),
    ],
)
def test_an_evaluation_that_cannot_be(words: list[str], named: str, refused: Refused) -> None:
    assert named in refused("evaluate", *words)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([DATA], "data.root"),
        ([DATA, "run.dir=deep/below/here"], "data.root"),
        (["data=photos", "initial_weights=nothing.ckpt"], "nothing.ckpt"),
        (["data=photos", "resume=nothing"], "nothing: there is no run"),
        (["data=photos", "data.source._target_=os.system"], "os.system"),
        (["data=photos", "backbone._target_=cldeblur.networks.nothing.Here"], "cldeblur.networks.nothing"),
    ],
)
def test_what_only_the_job_finds_out_leaves_nothing_either(words: list[str], named: str, refused: Refused) -> None:
    assert named in refused("train", *words)


def test_an_empty_folder_of_the_users_stays(place: Path, refused: Refused) -> None:
    (place / "runs").mkdir()
    (place / "mine").mkdir()
    refused("train", DATA)
    refused("train", DATA, "run.dir=mine")
    assert place.is_dir()


def test_a_sweep_of_which_no_job_begins_is_refused(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "-m", DATA, "seed=1,2"]) == 2
    assert capfd.readouterr().err.splitlines() == ["cldeblur: data.root is x; there is no such folder"] * 2
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{}", '{"schema": 99}', "{"])
def test_a_damaged_record_is_refused(content: str, place: Path, refused: Refused) -> None:
    (place / "mine").mkdir()
    (place / "mine" / RECORD_FILE).write_text(content)
    assert RECORD_FILE in refused("train", "data=photos", "run.dir=mine")


def test_a_folder_with_other_things_is_refused(place: Path, refused: Refused) -> None:
    (place / "mine").mkdir()
    (place / "mine" / "thesis.tex").write_text("")
    assert "mine is not empty" in refused("train", "data=photos", "run.dir=mine")


def test_an_interrupt_before_work_begins(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def interrupt(_content: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("cldeblur.sweeps.plan.config_hash", interrupt)
    assert main(["train", "-m", "experiment=quickstart", "seed=1,2"]) == 75
    assert capfd.readouterr().err == "cldeblur: interrupted\n"
    assert not Path("runs").exists()
