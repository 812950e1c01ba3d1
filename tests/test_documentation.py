"""What a reader is told: public names, registries and their sources."""

import dataclasses
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import chainrule
import chainrule as cr
from chainrule.activations import activations
from chainrule.glass.notation import base
from chainrule.initializers import initializers
from chainrule.layers import LAYERS
from chainrule.losses import losses
from chainrule.metrics import metrics
from chainrule.optimizers import OPTIMIZERS

PUBLIC = [name for name in cr.__all__ if name != "__version__"]
MODULES = [
    module.name for module in pkgutil.walk_packages(chainrule.__path__, "chainrule.")
    if not module.name.endswith("__main__")
]  # fmt: skip
KERNELS = {
    kernel.name: kernel
    for kernel in [
        *(e.forward for e in activations),
        *(e.backward for e in activations if e.trainable),
        *(k for e in losses for forms in (e.forms, *e.natural.values())
          for f in forms.values() for k in (f.value, f.gradient)),
        *(c.kernel for c in OPTIMIZERS.values()),
    ]
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_a_docstring_of_its_own(name):
    value = getattr(cr, name)
    text = inspect.getdoc(value)
    assert text
    assert not text.startswith(f"{name}("), "that is the one that dataclasses write"
    assert text.splitlines()[0].endswith((".", ":"))


@pytest.mark.parametrize("page", ["README.md", "docs/differences-from-scikit-learn.md"])
@pytest.mark.parametrize("way", ["Network.from_sklearn(", "Network.from_torch(", ".to_sklearn("])
def test_the_ways_from_and_to_other_libraries_are_told(way, page):
    assert way in (Path(__file__).parents[1] / page).read_text(encoding="utf-8")
    assert hasattr(cr.Network, way.strip("(").rpartition(".")[2])


def test_every_page_is_in_the_list_of_the_readme():
    root = Path(__file__).parents[1]
    listed = (root / "README.md").read_text(encoding="utf-8").partition("## More")[2]
    for page in (root / "docs").glob("*.md"):
        assert f"- [docs/{page.name}](docs/{page.name}): " in listed


def test_the_house_is_as_it_is_told():
    root = Path(__file__).parents[1]
    told = (root / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## To add")[0]
    for place in (root / "src" / "chainrule").iterdir():
        if not place.name.startswith(("_", "py.typed")):
            assert place.name.removesuffix("/") in told, place.name
    glass = root / "src" / "chainrule" / "glass"
    words = told.partition("In `glass/`")[2].split()
    named = [word.rstrip("/") for word in words if word.endswith((".py", "/"))]
    assert all((glass / name).exists() for name in named), named


def test_the_notation_that_one_is_shown_to_add_is_found(monkeypatch):
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code = text.partition("## To add a notation")[2].partition("```python")[2].partition("```")[0]
    monkeypatch.setattr(base, "NOTATIONS", known := dict(base.NOTATIONS))
    exec(code, {"__name__": "primer"})
    (name,) = set(known) - {"bracket", "signal", "theta"}
    net = cr.Network([cr.Dense(1, "tanh")], "mse", inputs=1, seed=0)
    shown = cr.walkthrough(net, [1.0], [0.5], notation=name).text()
    assert "H¹ = tanh(S¹)" in shown


@pytest.mark.parametrize("name", ["train", "trace", "gradcheck", "save", "open_recording"])
def test_every_public_function_with_options_says_what_they_are(name):
    function = getattr(cr, name)
    text = inspect.getdoc(function)
    for part in ("Args:", "Raises:", ">>>"):
        assert part in text
    for parameter in inspect.signature(function).parameters:
        assert parameter in text.split("Raises:")[0], parameter


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is_for(name):
    text = importlib.import_module(name).__doc__
    assert text
    assert text.strip().splitlines()[0].endswith((".", ":", ",")) or "\n" in text


def test_public_names_are_listed_and_nothing_else_is_found():
    assert sorted(cr.__all__) == dir(cr)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        cr.nonsense  # noqa: B018


@pytest.mark.parametrize("entry", [*activations, *losses, *initializers, *metrics],
                         ids=lambda e: e.name)  # fmt: skip
def test_every_entry_has_a_name_that_is_found(entry):
    for registry in (activations, losses, initializers, metrics):
        if entry in list(registry):
            assert registry[entry.name] is entry


@pytest.mark.parametrize("entry", [*activations, *losses], ids=lambda e: e.name)
def test_every_function_has_a_source(entry):
    assert entry.source


@pytest.mark.parametrize("entry", [*activations, *losses], ids=lambda e: e.name)
def test_every_function_says_when_to_use_it(entry):
    assert entry.use.endswith(".")
    assert entry.use.count(". ") <= 2, "three sentences are enough"


@pytest.mark.parametrize("entry", list(initializers), ids=lambda e: e.name)
def test_every_initializer_states_its_rule(entry):
    assert entry.rule
    scaled = entry.name.startswith(("glorot", "he", "lecun"))
    assert entry.source or not scaled


@pytest.mark.parametrize(
    "optimizer", list(dict.fromkeys(OPTIMIZERS.values())), ids=lambda c: c.name
)
def test_every_optimizer_explains_its_hyperparameters(optimizer):
    text = inspect.getdoc(optimizer)
    assert optimizer.source
    for field in dataclasses.fields(optimizer):
        assert f"{field.name}:" in text
    assert ">>>" in text


@pytest.mark.parametrize("layer", list(LAYERS.values()), ids=lambda c: c.kind)
def test_every_layer_explains_its_options(layer):
    text = inspect.getdoc(layer)
    for field in dataclasses.fields(layer):
        assert f"{field.name}:" in text
    assert "Source:" in text


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=list(KERNELS))
def test_every_kernel_has_an_equation_in_its_operands(kernel):
    for equation in kernel.equations:
        assert equation.text().startswith(f"{equation.target} ")
        assert equation.target in kernel.operands
