"""Arms are called by what they have otherwise, and a baseline is found by any of its keys."""

from typing import Any

import pytest

from cldeblur.errors import Refused
from cldeblur.study.arms import Arm, choose_baseline
from cldeblur.study.naming import Method, names

BLEND = {"_target_": "cldeblur.contrast.negatives.blend.Blend"}
UNSHARP = {"_target_": "cldeblur.contrast.negatives.unsharp.Unsharp", "amount": 3.0}
NONE = {"_target_": None}
VGG = "cldeblur.contrast.features.VGG19"


def method(*typed: str, **content: Any) -> Method:
    """A method with these words and this config."""
    return Method(content, typed, hash="0123456789abcdef")


def arm(name: str, **facts: str) -> Arm:
    return Arm(name, (), {key.replace("__", "."): value for key, value in facts.items()})


def test_an_option_is_a_name() -> None:
    assert names([method(negatives=NONE), method(negatives=BLEND), method(negatives=UNSHARP)]) == [
        "negatives=none",
        "negatives=blend",
        "negatives=unsharp",
    ]


def test_what_all_have_and_what_only_some_have_is_not_named() -> None:
    with_levels = {"negatives": BLEND, "levels": {"top": 0.37}, "trainer": {"max_epochs": 9}}
    found = names([method(negatives=NONE, trainer={"max_epochs": 9}), method(**with_levels)])
    assert found == ["negatives=none", "negatives=blend"]


def test_methods_of_one_option_are_told_apart_by_their_keys() -> None:
    found = names(
        [
            method(negatives=NONE),
            method(negatives=UNSHARP, levels={"top": 0.3}),
            method(negatives={**UNSHARP, "amount": 5.0}, levels={"top": 0.3}),
            method(negatives=BLEND, levels={"top": 0.5}),
        ]
    )
    assert found == [
        "negatives=none",
        "negatives=unsharp,negatives.amount=3.0,levels.top=0.3",
        "negatives=unsharp,negatives.amount=5.0,levels.top=0.3",
        "negatives=blend,levels.top=0.5",
    ]


def test_the_typed_option_says_more_than_the_class() -> None:
    light = {"_target_": VGG, "taps": ["relu1_1"], "weights": None}
    deep = {"_target_": VGG, "taps": ["relu1_1", "relu5_1"], "weights": None}
    assert names([method("features=light", features=light), method("+features='aecr'", features=deep)]) == [
        "features=light",
        "features=aecr",
    ]
    assert names([method(features=light), method(features=deep)]) == [
        "features.taps=[relu1_1]",
        "features.taps=[relu1_1,relu5_1]",
    ]


def test_an_option_that_has_the_effect_of_another_is_named_as_that() -> None:
    """`objective=pull` looks at no negatives: whatever was typed, its content has the blurred images."""
    ratio, pull = ({"_target_": f"cldeblur.contrast.objectives.{name}"} for name in ("ratio.Ratio", "pull.Pull"))
    blurred = {"_target_": "cldeblur.contrast.negatives.blurred.Blurred"}
    found = names(
        [
            method("negatives=none", negatives=NONE),
            method("negatives=blend", "objective=ratio", negatives=BLEND, objective=ratio),
            method("negatives=blend", "objective=pull", negatives=blurred, objective=pull),
        ]
    )
    assert found == ["negatives=none", "negatives=blend,objective=ratio", "negatives=blurred,objective=pull"]


def test_a_class_of_the_users_own_is_named_by_itself() -> None:
    found = names([method(negatives=BLEND), method(negatives={"_target_": "mine.negatives.Shifted", "by": 2})])
    assert found == ["negatives=blend", "negatives=Shifted"]


@pytest.mark.parametrize(("value", "word"), [(True, "true"), (None, "null"), (1e-4, "0.0001"), ([BLEND], "[Blend]")])
def test_values_are_written_as_they_are_typed(value: object, word: str) -> None:
    assert names([method(trainer={"key": value}), method(trainer={"key": 7})]) == [
        f"trainer.key={word}",
        "trainer.key=7",
    ]


def test_methods_without_a_difference_to_name_have_their_hash() -> None:
    assert names([method(seed=1), method(seed=1, later={"key": 1})]) == ["arm-01234567"] * 2


ARMS = [
    arm("negatives=none", negatives="none"),
    arm("negatives=blend,levels.top=0.3", negatives="blend", levels__top="0.3"),
    arm("negatives=blend,levels.top=0.5", negatives="blend", levels__top="0.5", features__taps="[a,b]"),
]


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (None, 0),
        ("negatives=none", 0),
        ("levels.top=0.5", 2),
        ("levels.top=5e-1", 2),
        ("negatives=blend,levels.top=0.3", 1),
        ("negatives=blend,features.taps=[a,b]", 2),
    ],
)
def test_a_baseline_is_chosen_by_any_key(words: str | None, place: int) -> None:
    assert choose_baseline(ARMS, words) is ARMS[place]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("negatives=blend", "matches 2 arms: negatives=blend,levels.top=0.3; negatives=blend,levels.top=0.5"),
        ("negatives=blurred", "matches no arm; there are negatives=none; "),
        ("levels.tpo=0.3", "no arm has a key 'levels.tpo'; did you mean 'levels.top'"),
        ("none", "cannot read 'none'"),
        ("negatives=", "cannot read 'negatives='"),
    ],
)
def test_a_baseline_that_is_not_one_arm_is_refused(words: str, sentence: str) -> None:
    with pytest.raises(Refused) as caught:
        choose_baseline(ARMS, words)
    assert sentence in str(caught.value)


def test_without_negatives_none_a_baseline_must_be_named() -> None:
    with pytest.raises(Refused, match="without --baseline the arm negatives=none is taken, which matches no arm"):
        choose_baseline(ARMS[1:], None)
