"""What becomes of jobs: directories, exit codes, tables. Training itself is replaced."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from cldeblur.cli.main import main
from cldeblur.config.identity import config_hash, method_hash
from cldeblur.config.schema import TrainConfig
from cldeblur.data.fingerprint import data_record
from cldeblur.environment import DIFF_FILE
from cldeblur.errors import Failed
from cldeblur.evaluation.run import make_source
from cldeblur.launching import Launch
from cldeblur.records import RunRecord, read_record
from cldeblur.sweeps.directories import locked

Train = Callable[[TrainConfig, Launch], float | None]
Training = Callable[..., list[Launch]]
PHOTOS = ["train", "data=photos"]
SWEEP = [*PHOTOS, "-m", "hydra/launcher=basic"]


class Diverged(Failed):
    """Stands for the training's own."""


def begun(launch: Launch) -> RunRecord:
    """A run that has written its record."""
    moment = "2026-01-01T00:00:00+00:00"
    hashes = {"hash": config_hash(launch.content), "method_hash": method_hash(launch.content)}
    record = RunRecord(
        *(launch.directory.name, "", "train", "running", moment, moment, [], [], "", hashes, {}, {}, {}),
    )
    record.write(launch.directory)
    return record


def stops(error: BaseException, seed: int | None = None) -> Train:
    """A training that begins, and stops with an error; where a seed is given, only in its run."""

    def train(config: TrainConfig, launch: Launch) -> float | None:
        record = begun(launch)
        if seed in (None, config.seed):
            record.end(launch.directory, "failed", "broken")
            raise error
        record.end(launch.directory, "completed")
        return 30.0

    return train


def files(folder: Path) -> list[str]:
    """All files below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_run_has_a_directory_of_its_own(place: Path, training: Training) -> None:
    launches = training()
    assert main([*PHOTOS, "seed=3", "run.notes='why, and how'"]) == 0
    assert main([*PHOTOS, "experiment=quickstart", "run.root=elsewhere"]) == 0
    plain, quick = launches
    assert re.fullmatch(r"runs/custom/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d-[0-9a-f]{8}/run.json", files(place / ".")[-1])
    assert quick.directory.parent == place / "elsewhere" / "quickstart"
    assert plain.overrides == ["data=photos", "seed=3", "run.notes='why, and how'"]
    assert plain.content["run"]["notes"] == "why, and how"
    assert (plain.task, plain.experiment, plain.sweep, plain.earlier) == ("train", None, None, None)
    assert quick.experiment == "quickstart"


@pytest.mark.parametrize("name", ["a b", "it's", "x=1,y=2", "[1]", "back\\slash", "both\\'", "ü"])
def test_any_directory_may_be_named(name: str, place: Path, training: Training) -> None:
    launches = training()
    assert main([*PHOTOS, f'run.dir="{name}"']) == 0
    assert launches[0].directory == place / name


def test_hydra_leaves_nothing_of_its_own(place: Path, training: Training) -> None:
    training()
    assert main([*PHOTOS, "run.dir=one"]) == 0
    assert main([*SWEEP, "seed=1,2", "run.group=both"]) == 0
    assert {Path(name).name for name in files(place)} - {DIFF_FILE} == {"config.yaml", "run.json", "sweep.json"}


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ValueError("a defect"), 1, "Traceback"),
        (Diverged("the loss is not finite"), 1, "cldeblur: failed: the loss is not finite"),
        (KeyboardInterrupt(), 75, "resume="),
    ],
)
def test_exit_codes(
    error: BaseException, code: int, words: str, training: Training, capfd: pytest.CaptureFixture[str]
) -> None:
    training(stops(error))
    with pytest.raises(SystemExit) as end:
        sys.exit(main([*PHOTOS, "run.dir=one"]))
    assert end.value.code == code
    said = capfd.readouterr().err
    assert words in said
    assert said.splitlines()[-1].startswith("cldeblur: ")
    assert ("Traceback" in said) == (words == "Traceback")


def test_a_finished_run_is_not_done_again(training: Training, capfd: pytest.CaptureFixture[str]) -> None:
    launches = training()
    assert [main([*PHOTOS, "run.dir=one", *words]) for words in ([], [], ["resume=auto"])] == [0, 0, 0]
    assert main([*PHOTOS, "resume=one"]) == 0
    assert capfd.readouterr().out.count("already finished: ") == 3
    assert len(launches) == 1


def test_a_finished_run_on_other_data_is_not_taken_for_this_one(
    place: Path, training: Training, begun: Callable[..., RunRecord], capfd: pytest.CaptureFixture[str]
) -> None:
    def train(config: TrainConfig, launch: Launch) -> None:
        record = begun(config, launch)
        items = make_source(config.data, config.trust).items("train")
        record.data = [data_record("train", config.data.name, str(config.data.root), items, None)]
        record.end(launch.directory, "completed")

    for folder, shade in (("one", 10), ("same", 10), ("other", 200)):
        (place / folder).mkdir()
        for name in ("first", "second"):
            Image.new("RGB", (64, 64), (shade, 0, 0)).save(place / folder / f"{name}.png")
    launches = training(train)
    words = ["train", "data=photos", "data.crop=32", "run.dir=run"]
    assert [main([*words, f"data.root={folder}"]) for folder in ("one", "one", "same", "other")] == [0, 0, 0, 2]
    said = capfd.readouterr()
    assert said.out.count("already finished: ") == 2
    assert said.err == "cldeblur: the train data in other are not those that the run began with\n"
    assert len(launches) == 1


def test_a_stopped_run_goes_on_where_it_was_asked_to(training: Training, capfd: pytest.CaptureFixture[str]) -> None:
    launches = training()
    assert main([*PHOTOS, "run.dir=one"]) == 0
    record = read_record(Path("one"))
    record.end(Path("one"), "interrupted")
    assert main([*PHOTOS, "run.dir=one"]) == 2
    assert "resume=auto" in capfd.readouterr().err
    assert main([*PHOTOS, "run.dir=one", "resume=auto"]) == 0
    assert launches[1].earlier is not None
    assert launches[1].earlier.id == record.id


def test_another_run_is_not_overwritten(training: Training, capfd: pytest.CaptureFixture[str]) -> None:
    launches = training()
    assert main([*PHOTOS, "run.dir=one"]) == 0
    before = Path("one/run.json").read_bytes()
    for words in (["seed=1"], ["seed=1", "resume=auto"]):
        assert main([*PHOTOS, "run.dir=one", *words]) == 2
    assert capfd.readouterr().err.count("one holds another run") == 2
    assert Path("one/run.json").read_bytes() == before
    assert len(launches) == 1


def test_nothing_to_resume_is_said(training: Training, capfd: pytest.CaptureFixture[str]) -> None:
    launches = training()
    assert main([*PHOTOS, "resume=auto"]) == 0
    assert "nothing to resume below runs: starting afresh" in capfd.readouterr().out
    assert len(launches) == 1


def test_a_directory_in_use_is_refused(training: Training, place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    launches = training()
    with locked(place / "one"):
        for _ in range(2):
            assert main([*PHOTOS, "run.dir=one"]) == 2
    assert capfd.readouterr().err.count("another process is working on") == 2
    assert launches == []


def test_a_sweep(place: Path, training: Training, capfd: pytest.CaptureFixture[str]) -> None:
    launches = training()
    words = [*SWEEP, "seed=1,2", "negatives=none,blend", "run.group=mine", "trainer.max_epochs=20"]
    assert main(words) == 0
    folder = place / "runs" / "sweeps" / "mine"
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    assert [name[:-9] for name in names] == [
        f"negatives={negatives},seed={seed}" for negatives in ("blend", "none") for seed in (1, 2)
    ]
    assert [launch.sweep["id"] for launch in launches if launch.sweep] == ["mine"] * 4
    table = [line.split(maxsplit=2) for line in capfd.readouterr().out.splitlines()]
    assert sorted(table[-4:]) == [[name, "completed", "validation 30.00 dB at epoch 1"] for name in names]
    assert main(words) == 0
    assert len(launches) == 4
    assert capfd.readouterr().out.count("already finished") == 4


def test_a_failing_job_stops_no_other(place: Path, training: Training, capfd: pytest.CaptureFixture[str]) -> None:
    launches = training(stops(Diverged("not finite"), seed=1))
    assert main([*SWEEP, "seed=1,2"]) == 1
    assert len(launches) == 2
    rows = capfd.readouterr().out.splitlines()
    assert [row.split()[1:] for row in rows[-2:]] == [["failed", "broken"], ["completed"]]
    assert len(list(place.glob("runs/sweeps/custom/*/run.json"))) == 2


def test_stopping_a_sweep_stops_it(training: Training) -> None:
    launches = training(stops(KeyboardInterrupt()))
    assert main([*SWEEP, "seed=1,2,3"]) == 75
    assert len(launches) == 1


def test_a_sweep_may_stand_in_a_file(place: Path, training: Training) -> None:
    launches = training()
    (place / "mine" / "experiment").mkdir(parents=True)
    text = "# @package _global_\nhydra: {sweeper: {params: {seed: '1,2', negatives: 'none,blurred'}}}\n"
    (place / "mine" / "experiment" / "axes.yaml").write_text(text)
    assert main([*SWEEP, "--config-dir=mine", "experiment=axes"]) == 0
    assert len(launches) == 4
    assert {launch.directory.parent for launch in launches} == {place / "runs" / "sweeps" / "axes"}
    assert {launch.directory.name[:-9] for launch in launches} == {
        f"negatives={negatives},seed={seed}" for negatives in ("none", "blurred") for seed in (1, 2)
    }


def test_a_part_of_the_users_own_is_one_file(place: Path, training: Training) -> None:
    launches = training()
    (place / "mine" / "negatives").mkdir(parents=True)
    (place / "mine" / "negatives" / "shifted.yaml").write_text("_target_: package.Shifted\npixels: 3\n")
    assert main([*PHOTOS, "--config-dir", "mine", "negatives=shifted", "negatives.pixels=4", "trust=[package]"]) == 0
    assert launches[0].content["negatives"] == {"_target_": "package.Shifted", "pixels": 4}
    assert "package" not in sys.modules
