"""Which runs are the same run, and which are of the same method."""

import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cldeblur.config.identity import canonical, code_fingerprint, config_hash, file_hash, method_hash

Content = dict[str, Any]
Compose = Callable[..., Content]
BLEND = "negatives=blend"


def pair(compose: Compose, *words: str, chosen: str = BLEND) -> tuple[Content, Content]:
    """A config, and the same with some words more."""
    return compose(chosen), compose(chosen, *words)


@pytest.mark.parametrize(
    "word",
    [
        *("run.root=elsewhere", "run.dir=mine", "run.name=mine", "run.group=mine", "run.tags=[a]", "run.notes=why"),
        *("logger=csv", "logger.mode=offline", "data.root=y", "data.workers=0", "resume=auto", "trust=[mine]"),
    ],
)
def test_places_and_words_do_not_count(word: str, compose: Compose) -> None:
    one, other = pair(compose, word)
    assert config_hash(one) == config_hash(other)
    assert method_hash(one) == method_hash(other)


@pytest.mark.parametrize(
    "word",
    [
        *("data.crop=128", "data.validation=[GOPR0374]", "data=folder", "backbone=mimo_unet_small", "detect=skip"),
        *("loss.frequency_weight=0.2", "optimizer.lr=1e-3", "trainer.max_epochs=3", "trainer.devices=2"),
        *("negatives=unsharp", "schedule.stages=4", "levels.top=0.3", "objective=ratio", "features=aecr"),
        *(
            "contrast.gradient_ratio=0.2",
            "initial_weights=best.ckpt",
            "protocol=rounded",
            "data.source.blurred=blur_gamma",
        ),
    ],
)
def test_what_changes_the_result_changes_both_hashes(word: str, compose: Compose) -> None:
    one, other = pair(compose, word)
    assert config_hash(one) != config_hash(other)
    assert method_hash(one) != method_hash(other)


def test_a_seed_is_another_run_of_the_same_method(compose: Compose) -> None:
    one, other = pair(compose, "seed=1")
    assert config_hash(one) != config_hash(other)
    assert method_hash(one) == method_hash(other)


def test_a_hash_is_sha256_in_hex(compose: Compose) -> None:
    assert re.fullmatch("[0-9a-f]{64}", config_hash(compose()))
    assert config_hash({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@pytest.mark.parametrize(
    "word",
    ["objective=ratio", "features=aecr", "schedule=constant", "levels.top=0.2", "contrast.max_ratio=null"],
)
def test_without_negatives_nothing_contrastive_counts(word: str, compose: Compose) -> None:
    one, other = pair(compose, word, chosen="negatives=none")
    assert config_hash(one) == config_hash(other)


@pytest.mark.parametrize(
    ("word", "counts"),
    [("schedule.stages=4", False), ("levels=gains", False), ("objective=ratio", True), ("features=aecr", True)],
)
def test_with_fixed_negatives_schedule_and_levels_do_not_count(word: str, counts: bool, compose: Compose) -> None:
    one, other = pair(compose, word, chosen="negatives=blurred")
    assert (config_hash(one) != config_hash(other)) == counts


@pytest.mark.parametrize(
    ("option", "counts"),
    [*((option, False) for option in ("blend", "unsharp", "snapshot")), *((name, True) for name in ("reblur", "bank"))],
)
def test_what_levels_mean_counts_where_they_can_be_matched(option: str, counts: bool, compose: Compose) -> None:
    one, other = pair(compose, "levels.match=raw", chosen=f"negatives={option}")
    assert (config_hash(one) != config_hash(other)) == counts
    assert config_hash(one) != config_hash(compose(f"negatives={option}", "levels.top=0.2"))


@pytest.mark.parametrize(
    ("option", "counts"), [("blend", True), ("unsharp", True), ("bank", True), ("snapshot", False)]
)
def test_a_cap_counts_where_levels_do(option: str, counts: bool, compose: Compose) -> None:
    one, other = pair(compose, "levels.cap=0.8", chosen=f"negatives={option}")
    assert (config_hash(one) != config_hash(other)) == counts


@pytest.mark.parametrize(
    ("negatives", "objective", "counts"),
    [
        ("blend", "cldeblur.contrast.objectives.ratio.Ratio", False),
        ("bank", "cldeblur.contrast.objectives.ratio.Ratio", True),
        ("blend", "mine.Formula", True),
    ],
)
def test_how_negatives_combine_counts_where_there_are_several(
    negatives: str, objective: str, counts: bool, compose: Compose
) -> None:
    """Of a formula from elsewhere nobody knows what its keys mean."""
    one, other = (compose(f"negatives={negatives}") for _ in range(2))
    one["objective"] = {"_target_": objective, "combine": "mean"}
    other["objective"] = {"_target_": objective, "combine": "sum"}
    assert (config_hash(one) != config_hash(other)) == counts


def test_a_curve_from_elsewhere_counts_in_full(compose: Compose) -> None:
    one, other = pair(compose, "levels.match=raw")
    assert config_hash(one) == config_hash(other)
    for content in (one, other):
        content["levels"]["_target_"] = "mine.Curve"
    assert config_hash(one) != config_hash(other)


def test_without_a_look_at_negatives_they_do_not_count(compose: Compose) -> None:
    blend, bank, push = (
        config_hash(compose(*words))
        for words in ((BLEND, "objective=pull"), ("negatives=bank", "objective=pull"), (BLEND, "objective=push"))
    )
    assert blend == bank != push


@pytest.mark.parametrize(("key", "word"), [("features", "features.weights"), ("initial_weights", "initial_weights")])
def test_weights_count_by_their_content(key: str, word: str, compose: Compose, tmp_path: Path) -> None:
    first, copy, other = (tmp_path / name for name in ("first.pth", "copy.pth", "other.pth"))
    first.write_bytes(b"weights")
    copy.write_bytes(b"weights")
    other.write_bytes(b"other weights")
    hashes = [config_hash(compose(BLEND, f"{word}={path}")) for path in (first, copy, other)]
    assert hashes[0] == hashes[1] != hashes[2]
    assert file_hash(first) in str(canonical(compose(BLEND, f"{word}={copy}"))[key])


def test_a_file_of_the_name_of_a_word_does_not_count(
    compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = config_hash(compose(BLEND, "features.weights=random"))
    (tmp_path / "random").write_text("no weights")
    monkeypatch.chdir(tmp_path)
    assert config_hash(compose(BLEND, "features.weights=random")) == before


def test_a_config_is_not_changed_by_being_hashed(compose: Compose) -> None:
    content = compose(BLEND)
    config_hash(content)
    assert content == compose(BLEND)


VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
SECTIONS = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(st.dictionaries(st.text(), SECTIONS, max_size=4), st.randoms())
def test_the_order_of_keys_does_not_count(section: Content, random: Random) -> None:
    shuffled = list(section.items())
    random.shuffle(shuffled)
    assert config_hash({"own": section}) == config_hash({"own": dict(shuffled)})


@given(st.integers(min_value=0), st.integers(min_value=0))
def test_every_seed_has_a_hash_of_its_own(first: int, second: int) -> None:
    one, other = {"seed": first, "detect": "stop"}, {"detect": "stop", "seed": second}
    assert (config_hash(one) == config_hash(other)) == (first == second)
    assert method_hash(one) == method_hash(other)


def test_the_code_fingerprint_covers_every_python_file(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("a.py", "inner/b.py", "notes.txt"):
        (tmp_path / name).write_text(name)
    before = code_fingerprint(tmp_path)
    assert list(before) == ["a.py", "inner/b.py"]
    (tmp_path / "notes.txt").write_text("changed")
    assert code_fingerprint(tmp_path) == before
    (tmp_path / "inner" / "b.py").write_text("changed")
    after = code_fingerprint(tmp_path)
    assert [name for name in before if before[name] != after[name]] == ["inner/b.py"]
