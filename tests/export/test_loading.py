"""What is no model is refused in a sentence, by both exports, before anything is written."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier
from tests.export.networks import network

import chainrule as cr

TAKEN = "takes a model of a table or a Network, not "
NET = network([cr.Dense(2)])


class Module:
    """What a module of PyTorch is known by."""

    def state_dict(self):
        return {}


REFUSED = {
    "a text": (("net.safetensors", "out"), TAKEN + "a path; cr.load_model and cr.load read what"),
    "a path": ((Path("run"), "out"), TAKEN + "a path; cr.load_model and cr.load read what"),
    "of scikit-learn": (
        (MLPClassifier(), "out"), TAKEN + "MLPClassifier; cr.Network.from_sklearn makes one",
    ),
    "our estimator": (
        (cr.MLPRegressor(), "out"), TAKEN + "MLPRegressor; cr.Network.from_sklearn makes one",
    ),
    "of PyTorch": ((Module(), "out"), TAKEN + "Module; cr.Network.from_torch makes one"),
    "a class": ((cr.MLPClassifier, "out"), TAKEN + "the class MLPClassifier$"),
    "an array": ((np.zeros(3), "out"), TAKEN + "ndarray$"),
    "nothing": ((None, "out"), TAKEN + "NoneType$"),
    "swapped": (("out", NET), "takes the model first and then the path"),
    "no path": ((NET, 3), "writes to a path, not to int"),
    "a table of a network": ((NET, "out", "table.csv"), "a network has no columns"),
}  # fmt: skip


@pytest.mark.parametrize("export", ["export_onnx", "export_torch"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_model_is_refused(name, export, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as error:
        getattr(cr, export)(*arguments)
    assert "a network has" in message or str(error.value).startswith(f"{export} ")
    assert list(tmp_path.iterdir()) == []
