"""The command for a search: what it says, its exit codes, and that it goes on. Training itself is replaced."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cldeblur.cli.main import main
from cldeblur.config.identity import config_hash, method_hash
from cldeblur.config.schema import TrainConfig
from cldeblur.errors import Refused
from cldeblur.launching import Launch
from cldeblur.records import RunRecord, read_sweep

Training = Callable[..., list[Launch]]
SEARCH = ["train", "data=photos", "-m", "hydra/launcher=basic", "sweep=search", "negatives=blend", "search.trials=4"]
TOP = "levels.top=interval(0.1,0.6)"
FOLDER = Path("runs/sweeps/custom-search")


def reach(config: TrainConfig, launch: Launch) -> float:
    """A training that is best at levels.top=0.3, and takes an hour."""
    value = 30 - (config.levels["top"] - 0.3) ** 2
    record = launch.earlier or started(launch)
    record.metrics, record.cost = {"best": {"value": value, "epoch": 1}}, {"wall_s": 3600.0}
    record.end(launch.directory, "completed")
    return value


def started(launch: Launch) -> RunRecord:
    """A run that has begun."""
    hashes = {"hash": config_hash(launch.content), "method_hash": method_hash(launch.content)}
    moment = "2026-01-01T00:00:00+00:00"
    name = launch.directory.name
    record = RunRecord(name, name, "train", "running", moment, moment, [], [], "", hashes, {}, {}, {})
    record.write(launch.directory)
    return record


def test_a_search(training: Training, capfd: pytest.CaptureFixture[str]) -> None:
    launches = training(reach)
    words = [*SEARCH, TOP, "seed=3"]
    assert main(words) == 0
    said = capfd.readouterr().out
    assert f"search in {FOLDER}: 4 trials\n  levels.top: real numbers from 0.1 to 0.6\nhow long that takes is" in said
    tops = [launch.content["levels"]["top"] for launch in launches]
    assert len(set(tops)) == 4
    assert [launch.directory.name[:-9] for launch in launches] == [f"levels.top={top}" for top in tops]
    assert [launch.sweep and launch.sweep["job"] for launch in launches] == [0, 1, 2, 3]
    assert {launch.content["run"]["group"] for launch in launches} == {"custom-search"}
    best = min(range(4), key=lambda number: abs(tops[number] - 0.3))
    assert f"best: trial {best}, levels.top={tops[best]}, {30 - (tops[best] - 0.3) ** 2:.3f} dB\nChosen by" in said
    assert read_sweep(FOLDER).status == "completed"
    assert main(words) == 0
    assert "4 trials; 4 are complete, 0 were stopped early" in (said := capfd.readouterr().out)
    assert "nothing is left to do" in said
    assert main([*words, "search.trials=6"]) == 0
    assert "about 2.0 h for the 2 that are left, 1 at once" in capfd.readouterr().out
    assert len(launches) == 6


def test_an_interrupted_search_goes_on(training: Training, capfd: pytest.CaptureFixture[str]) -> None:
    def stop_once(config: TrainConfig, launch: Launch) -> float:
        if launch.sweep and launch.sweep["job"] == 1 and launch.earlier is None:
            started(launch).end(launch.directory, "interrupted")
            raise KeyboardInterrupt
        return reach(config, launch)

    launches = training(stop_once)
    assert main([*SEARCH, TOP]) == 75
    said = capfd.readouterr().out
    assert said.splitlines()[-1] == "interrupted; the same command goes on with it"
    assert [line.split()[-1] for line in said.splitlines() if line.startswith("  ")][-2:] == [
        *("completed", "interrupted")
    ]
    assert read_sweep(FOLDER).status == "interrupted"
    assert main([*SEARCH, TOP]) == 0
    assert [launch.sweep and launch.sweep["job"] for launch in launches] == [0, 1, 1, 2, 3]
    assert launches[1].directory == launches[2].directory
    assert launches[2].earlier is not None


def test_a_failing_trial_is_told_and_made_again(training: Training, capfd: pytest.CaptureFixture[str]) -> None:
    def fail_once(config: TrainConfig, launch: Launch) -> float:
        if launch.sweep and launch.sweep["job"] == 1 and launch.earlier is None:
            started(launch).end(launch.directory, "failed", "the disk is full")
            raise OSError("the disk is full")
        return reach(config, launch)

    launches = training(fail_once)
    assert main([*SEARCH, TOP]) == 1
    assert "failed" in capfd.readouterr().out.splitlines()[-6]
    assert len(launches) == 4
    assert main([*SEARCH, TOP]) == 0
    assert len(launches) == 5


def test_a_search_of_which_nothing_begins_is_refused(
    place: Path, training: Training, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(_config: TrainConfig, _launch: Launch) -> float:
        raise Refused("levels.top is too high")

    launches = training(refuse)
    assert main([*SEARCH, TOP]) == 2
    assert capfd.readouterr().err.splitlines() == ["cldeblur: levels.top is too high"]
    assert len(launches) == 1
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([*SEARCH, "seed=1"], "a search has no interval to search"),
        ([*SEARCH, TOP, "seed=1,2"], "give it one seed"),
        ([*SEARCH, "levels.tpo=interval(0.1,0.6)"], "no key 'levels.tpo'; did you mean 'levels.top'?"),
        ([*SEARCH, TOP, "contrast.gradient_ratio=interval(-1,0.2)"], "contrast.gradient_ratio must be a finite number"),
        ([*SEARCH, TOP, "search.trials=0"], "search.trials must be at least 1; it is 0"),
        ([*SEARCH, TOP, "search.prune_from=1.5"], "search.prune_from is a share between 0 and 1; it is 1.5"),
        ([*SEARCH, TOP, "search.trails=9"], "no key 'search.trails'; did you mean 'search.trials'?"),
        ([*SEARCH, TOP, "run.dir=one"], "run.dir names one run's directory"),
        (["train", "data=photos", "-m", TOP], f"{TOP} is for a search; add sweep=search"),
        (["train", "data=photos", "sweep=search"], "sweep=search stands for several runs; add -m"),
        (["train", "data=photos", TOP], f"{TOP} gives several values; add -m"),
    ],
)
def test_refused(words: list[str], sentence: str, refused: Callable[..., str]) -> None:
    assert sentence in refused(*words)


def test_optuna_is_asked_for_by_name(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cldeblur.cli.searching.find_spec", lambda _name: None)
    assert "pip install 'cldeblur[search]'" in refused(*SEARCH, TOP)


def test_the_directory_of_another_sweep_stays_as_it_is(
    place: Path, training: Training, capfd: pytest.CaptureFixture[str]
) -> None:
    launches = training(reach)
    assert main(["train", "data=photos", "-m", "hydra/launcher=basic", "seed=1,2", "run.group=mine"]) == 0
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    assert main([*SEARCH, TOP, "run.group=mine"]) == 2
    assert "holds another sweep; name one for this search" in capfd.readouterr().err
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
    assert len(launches) == 2


def test_a_search_may_stand_in_a_file(place: Path, training: Training) -> None:
    launches = training(reach)
    (place / "mine" / "sweep").mkdir(parents=True)
    (place / "mine" / "sweep" / "own.yaml").write_text(
        "# @package _global_\ndefaults: [search]\n"
        "hydra: {sweeper: {params: {levels.top: 'interval(0.1,0.6)', negatives: 'blend,unsharp'}}}\n"
    )
    words = ["train", "data=photos", "-m", "hydra/launcher=basic", "--config-dir=mine", "sweep=own"]
    assert main([*words, "search.trials=3", "negatives=blend"]) == 0
    assert len(launches) == 3
    assert {launch.content["negatives"]["_target_"].rpartition(".")[2] for launch in launches} == {"Blend"}


def test_a_ready_sweep(training: Training, capfd: pytest.CaptureFixture[str]) -> None:
    """The baseline and fixed negatives depend on no schedule, and are trained once a seed."""
    launches = training(reach)
    words = ["train", "data=photos", "-m", "hydra/launcher=basic", "sweep=schedule", "schedule=interval,constant"]
    assert main([*words, "seed=1"]) == 0
    said = capfd.readouterr().out
    assert "sweep in runs/sweeps/custom-schedule: 4 runs, none of them done already" in said
    assert "how long that takes is said once the first steps are done" in said
    chosen = [launch.content["negatives"]["_target_"] for launch in launches]
    assert [str(name).rpartition(".")[2] for name in chosen] == ["None", "Blurred", "Blend", "Blend"]
    assert main([*words, "seed=1,2"]) == 0
    said = capfd.readouterr().out
    assert "custom-schedule: 8 runs, 4 of them done already" in said
    assert "about 4.0 h for the 4 runs that are left" in said
    assert len(launches) == 8
