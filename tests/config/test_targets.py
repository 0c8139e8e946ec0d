"""What a config may build: classes of trusted packages, with the keys that they take."""

import sys
from pathlib import Path
from typing import Any

import pytest

from cldeblur.config.targets import build, check_targets, chosen
from cldeblur.errors import Refused

PACKAGE = """
import torch
from pathlib import Path
class Sharp:
    def __init__(self, amount: float = 1.0, inner: object = None, max_epochs: int = 0) -> None:
        if amount < 0:
            raise ValueError(f"amount must not be negative; it is {amount}")
        self.amount, self.inner, self.max_epochs = amount, inner, max_epochs
class Open:
    def __init__(self, **settings: float) -> None:
        self.settings = settings
class Strict:
    def __init__(self, amount: float) -> None: ...
def function(amount: float) -> None: ...
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package of the user's own, importable as `mine`."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("")
    (tmp_path / "mine" / "negatives.py").write_text(PACKAGE)
    (tmp_path / "mine" / "broken.py").write_text("raise RuntimeError('not today')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "mine"]:
        monkeypatch.delitem(sys.modules, name)
    return "mine"


def refusal(node: dict[str, Any], *trust: str) -> str:
    """The sentence with which a node is refused, before anything of it is built."""
    with pytest.raises(Refused) as caught:
        check_targets("negatives", node, trust)
    with pytest.raises(Refused, match=r".") as again:
        build("negatives", node, trust)
    assert str(caught.value) == str(again.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "target",
    [
        *("os.system", "builtins.eval", "subprocess.Popen", "pathlib.Path", "torch.load", "torch.nn.Linear"),
        *(
            "torch.optim.sgd.torch.load",
            "torch.optim.torch.nn.Linear",
            "cldeblur.records.Path",
            "cldeblur.records.json",
        ),
        *("cldeblur.environment.subprocess.Popen", "lightning.pytorch.Trainer", "cldeblurred.Class", "Class", ""),
        *("cldeblur.load", "cldeblur.config.identity.config_hash", "torch.optim.lr_scheduler.warnings.warn"),
        *("lightning.pytorch.callbacks.os.system", "torch.optim", "cldeblur.nothing.Here", "cldeblur.records.Nothing"),
        *("mine.negatives.Sharp", "mine.negatives.function"),
    ],
)
def test_what_is_not_trusted_is_refused(target: str, package: str) -> None:
    assert package
    assert f"negatives._target_ names {target}" in refusal({"_target_": target})


@pytest.mark.parametrize("target", [3, ["os.system"], True])
def test_a_target_is_a_name(target: object) -> None:
    assert "negatives._target_" in refusal({"_target_": target})


@pytest.mark.parametrize(
    "node",
    [
        {"inner": {"_target_": "os.system", "command": "true"}},
        {"inner": [{"_target_": "os.system", "command": "true"}]},
        {"inner": {"deep": [{"deeper": {"_target_": "os.system"}}]}},
    ],
)
def test_nested_nodes_are_held_to_the_same(node: dict[str, Any], package: str) -> None:
    sentence = refusal({"_target_": "mine.negatives.Sharp", **node}, package)
    assert sentence.startswith("negatives.inner")
    assert "names os.system, which is not trusted; if it is yours, add trust=[os]" in sentence


@pytest.mark.parametrize("target", ["mine.negatives.function", "mine.negatives.torch.load", "mine.negatives.Path"])
def test_trust_in_a_package_is_trust_in_its_classes_alone(target: str, package: str) -> None:
    assert target in refusal({"_target_": target}, package)


def test_a_package_that_is_not_trusted_is_not_even_imported(package: str) -> None:
    refusal({"_target_": "mine.negatives.Sharp"}, "min", "other")
    assert package not in sys.modules


def test_a_module_that_breaks_is_named(package: str) -> None:
    assert refusal({"_target_": "mine.broken.Sharp"}, package).endswith("which cannot be imported: not today")


def test_a_trusted_class_is_built_with_its_own_nodes(package: str) -> None:
    node = {"_target_": "mine.negatives.Sharp", "amount": 2.0}
    built = build("negatives", {**node, "inner": [node, {"list": [1, 2]}]}, [package])
    assert built.amount == 2.0
    assert built.inner[0].amount == 2.0
    assert built.inner[1] == {"list": [1, 2]}
    assert type(built.inner[1]["list"]) is list


def test_a_class_is_given_what_it_takes_of_what_is_offered(package: str) -> None:
    built = build("negatives", {"_target_": "mine.negatives.Sharp"}, [package], max_epochs=7, folder="not taken")
    assert built.max_epochs == 7


@pytest.mark.parametrize(
    ("node", "sentence"),
    [
        ({"amuont": 1}, "no key 'negatives.amuont'; did you mean 'negatives.amount'?"),
        ({"inner": {"_target_": "mine.negatives.Sharp", "x": 1}}, "no key 'negatives.inner.x'"),
    ],
)
def test_a_key_that_the_class_does_not_take_is_refused(node: dict[str, Any], sentence: str, package: str) -> None:
    assert refusal({"_target_": "mine.negatives.Sharp", **node}, package) == sentence


def test_an_error_of_the_class_names_the_key(package: str) -> None:
    with pytest.raises(Refused, match=r"^negatives: amount must not be negative; it is -1$"):
        build("negatives", {"_target_": "mine.negatives.Sharp", "amount": -1}, [package])


def test_a_missing_parameter_names_the_key(package: str) -> None:
    with pytest.raises(Refused, match=r"^negatives: .*'amount'"):
        build("negatives", {"_target_": "mine.negatives.Strict"}, [package])


@pytest.mark.parametrize(("node", "answer"), [({"_target_": None}, False), ({}, False), ({"_target_": "a.B"}, True)])
def test_a_node_may_choose_nothing(node: dict[str, Any], answer: bool) -> None:
    assert chosen(node) == answer


def test_a_class_that_takes_any_key_is_given_every_key(package: str) -> None:
    made = build("negatives", {"_target_": f"{package}.negatives.Open", "amount": 2.0, "width": 3.0}, [package])
    assert made.settings == {"amount": 2.0, "width": 3.0}
