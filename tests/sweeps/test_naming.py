"""Names of directories: readable, safe, and different where runs differ."""

import re
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from cldeblur.config.identity import config_hash
from cldeblur.sweeps.naming import LONGEST_NAME, job_folder, new_run_directory, quoted

CONTENT: dict[str, Any] = {"seed": 1}
PRINTABLE = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1)


@given(st.text())
def test_any_words_make_a_safe_name(differs: str) -> None:
    name = job_folder(differs, CONTENT)
    assert re.fullmatch(r"[A-Za-z0-9=,.+_-]+-[0-9a-f]{8}", name)
    assert len(name) <= LONGEST_NAME + 9
    assert name.endswith(config_hash(CONTENT)[:8])


def test_a_name_says_what_differs() -> None:
    name = job_folder("negatives=blend,seed=1,data.validation=[a,b]", CONTENT)
    assert name.startswith("negatives=blend,seed=1,data.validation=_a,b-")
    assert job_folder("", CONTENT).startswith("job-")


def test_runs_that_differ_have_different_names() -> None:
    assert job_folder("x" * 500, CONTENT) != job_folder("x" * 500, {"seed": 2})


@given(PRINTABLE)
def test_a_quoted_text_is_read_back_as_it_was(text: str) -> None:
    override = OverridesParser.create().parse_override(f"run.dir={quoted(text)}")
    assert override.value() == text


def test_a_new_directory_is_never_an_old_one(tmp_path: Path) -> None:
    first = new_run_directory(str(tmp_path), "custom", CONTENT)
    first.mkdir(parents=True)
    assert not new_run_directory(str(tmp_path), "custom", CONTENT).exists()
