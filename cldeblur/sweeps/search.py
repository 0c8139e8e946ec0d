"""A search: trials whose values are drawn by Optuna, each an ordinary run of a sweep's directory.

This process alone writes the study's journal. A training reads what it needs in order to stop early from the runs
beside it and knows nothing of Optuna, so that a search works under any launcher, and a journal is never torn
between processes.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import TPESampler
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from cldeblur.config.identity import config_hash
from cldeblur.config.schema import Search as Settings
from cldeblur.errors import Refused
from cldeblur.files import write_bytes
from cldeblur.records import ENDED_WELL, RunRecord, runs_in
from cldeblur.sweeps.axes import Axis, Choice, searched

JOURNAL = "search.jsonl"
STUDY = "search"
IDENTITY, RUN_HASH = "identity", "run_hash"

Launch = Callable[[list[list[str]], int], object]
Identify = Callable[[Sequence[str]], str]


@dataclass(frozen=True)
class Trial:
    """A trial and what became of it.

    Attributes:
        number: counted from 0.
        values: what was drawn, by key, as the run got it.
        record: its run's; None where it has not begun.
    """

    number: int
    values: dict[str, str]
    record: RunRecord | None

    @property
    def status(self) -> str:
        """Its run's status, in the words of a sweep's table."""
        if self.record is None:
            return "not begun"
        return "died" if self.record.status == "running" else self.record.status

    @property
    def psnr(self) -> float | None:
        """Its best validation PSNR in dB; None where it never came so far."""
        best: Mapping[str, Any] = {} if self.record is None else self.record.metrics.get("best", {})
        value: float | None = best.get("value")
        return value


class Search:
    """The search that lives in a sweep's directory.

    Args:
        folder: the directory; `search.jsonl` in it is Optuna's journal of the study.
        words: the overrides of the search, axes included.
        settings: how many trials, and how they are drawn.

    Raises:
        Refused: there is nothing to search over.
    """

    def __init__(self, folder: Path, words: Sequence[str], settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.axes, self._fixed = searched(words)

    def open(self, content: Mapping[str, Any]) -> None:
        """Begin the study, or go on with it.

        Args:
            content: the resolved config at the first ends of all axes.

        Raises:
            Refused: the directory holds another sweep, or a search of something else.
        """
        if not (self.folder / JOURNAL).exists() and any(runs_in(self.folder)):
            raise Refused(f"{self.folder} holds another sweep; name one for this search: run.group=NAME")
        identity = f"{config_hash(content)} {'; '.join(map(str, self.axes))}"
        study = self._study()
        if study.user_attrs.setdefault(IDENTITY, identity) != identity:
            raise Refused(f"{self.folder} holds a search of something else; name one for this: run.group=NAME")
        study.set_user_attr(IDENTITY, identity)

    def forget(self) -> None:
        """Remove what a search leaves of which no trial has begun: its journal, and the trials' empty directories."""
        (self.folder / JOURNAL).unlink()
        for path in self.folder.iterdir():
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()

    def trials(self) -> list[Trial]:
        """Every trial so far, in the order of their numbers."""
        records = self._records()
        return [
            Trial(trial.number, self._values(trial), records.get(trial.user_attrs[RUN_HASH]))
            for trial in _drawn(self._study())
        ]

    def complete(self) -> bool:
        """Whether it has as many trials as it is to have, and none of them is left to finish."""
        trials = self.trials()
        return len(trials) >= self.settings.trials and all(trial.status in ENDED_WELL for trial in trials)

    def run(self, at_once: int, seed: int, identify: Identify, launch: Launch) -> None:
        """Make the trials that are missing; those that an earlier process did not finish come first.

        Args:
            at_once: trials launched together, as far as `settings.startup` allows: more would learn nothing.
            seed: what is drawn is a function of it, of the trial's number and of earlier results.
            identify: gives the hash of the run that overrides ask for.
            launch: runs jobs, given the overrides of each and the first one's number, and returns when they ended.
        """
        study = self._study()

        def ask() -> FrozenTrial:
            return self._ask(study, seed, identify)

        for batch in _batches(study, self.settings.trials, min(at_once, self.settings.startup), ask):
            launch([[*self._fixed, *self._words(trial)] for trial in batch], batch[0].number)
            records = self._records()
            found = [records.get(trial.user_attrs[RUN_HASH]) for trial in batch]
            for trial, record in zip(batch, found, strict=True):
                self._tell(study, trial.number, record)
            if None in found:
                return  # what keeps a run from beginning keeps the next one from it too

    def _ask(self, study: Study, seed: int, identify: Identify) -> FrozenTrial:
        """Draw a new trial's values."""
        number = len(study.get_trials(deepcopy=False))
        # Anew for each trial: a sampler that lived on would draw otherwise after a kill than without one.
        study.sampler = TPESampler(seed=zlib.crc32(f"{seed} {number}".encode()), n_startup_trials=self.settings.startup)
        trial = study.ask({axis.key: _distribution(axis) for axis in self.axes})
        drawn = study.get_trials(deepcopy=False)[number]
        trial.set_user_attr(RUN_HASH, identify([*self._fixed, *self._words(drawn)]))
        return study.get_trials(deepcopy=False)[number]

    def _values(self, trial: FrozenTrial) -> dict[str, str]:
        return {axis.key: axis.value(trial.params[axis.key]) for axis in self.axes}

    def _words(self, trial: FrozenTrial) -> list[str]:
        return [f"{key}={value}" for key, value in self._values(trial).items()]

    def _records(self) -> dict[str, RunRecord]:
        """The records of the runs in the directory, by the hashes of their configs."""
        return {record.config["hash"]: record for _, record in runs_in(self.folder)}

    def _study(self) -> Study:
        """The study in the journal, begun if there is none."""
        path = self.folder / JOURNAL
        _mend(path)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._storage = JournalStorage(JournalFileBackend(str(path)))
        return optuna.create_study(study_name=STUDY, storage=self._storage, direction="maximize", load_if_exists=True)

    def _tell(self, study: Study, number: int, record: RunRecord | None) -> None:
        """Note a trial's result; a run that may yet be finished by the next command has none."""
        if record is None or record.status not in ("completed", "pruned", "diverged"):
            return
        best = record.metrics.get("best", {}).get("value")
        if record.status == "diverged" or best is None:
            study.tell(number, state=TrialState.FAIL)
        elif record.status == "completed":
            study.tell(number, best)
        else:
            self._report(number, record.progress["epochs"], best)
            study.tell(number, state=TrialState.PRUNED)

    def _report(self, number: int, epochs: int, best: float) -> None:
        """Note how far a trial came: for the sampler, those that were stopped later were better."""
        of_study = self._storage.get_study_id_from_name(STUDY)
        identifier = self._storage.get_trial_id_from_study_id_trial_number(of_study, number)
        self._storage.set_trial_intermediate_value(identifier, epochs, best)


def _distribution(axis: Axis) -> BaseDistribution:
    """An axis as Optuna has it."""
    if isinstance(axis, Choice):
        return CategoricalDistribution(axis.values)
    if axis.whole:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


def _batches(study: Study, wanted: int, at_once: int, ask: Callable[[], FrozenTrial]) -> Iterator[list[FrozenTrial]]:
    """The trials to launch together: first those left over, numbers in a row, then new ones."""
    for _, together in groupby(enumerate(_left_over(study)), key=lambda pair: pair[1].number - pair[0]):
        row = [trial for _, trial in together]
        yield from (row[start : start + at_once] for start in range(0, len(row), at_once))
    while (missing := wanted - len(_drawn(study))) > 0:
        yield [ask() for _ in range(min(missing, at_once))]


def _drawn(study: Study) -> list[FrozenTrial]:
    """Trials that got their values; a kill in the middle of drawing leaves one that did not."""
    return [trial for trial in study.get_trials(deepcopy=False) if RUN_HASH in trial.user_attrs]


def _left_over(study: Study) -> list[FrozenTrial]:
    """Trials whose result is not known: interrupted, failed or killed, so that their runs go on where they stopped."""
    return [trial for trial in _drawn(study) if not trial.state.is_finished()]


def _mend(path: Path) -> None:
    """Take away what a kill in the middle of writing left: half a line, and Optuna's own lock."""
    path.with_name(f"{path.name}.lock").unlink(missing_ok=True)
    content = path.read_bytes() if path.exists() else b""
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        write_bytes(path, whole)
