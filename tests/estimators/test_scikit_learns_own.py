"""scikit-learn's published tests of its networks, run on these classes."""

import importlib.util
from pathlib import Path

import pytest

pytestmark = pytest.mark.filterwarnings("default")

IMPORT = "from sklearn.neural_network import MLPClassifier, MLPRegressor"
OURS = "from chainrule import MLPClassifier, MLPRegressor"

LEFT_OUT = {
    "test_gradient": "calls a private method for the gradient; gradcheck does that here",
    "test_mlp_partial_fit_after_fit": "wants partial_fit to refuse early stopping, which it has",
}


@pytest.fixture
def global_random_seed():
    return 42


def _tests():
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    source = Path(spec.origin).read_text()
    assert IMPORT in source
    namespace = {"__name__": __name__}
    exec(compile(source.replace(IMPORT, OURS), spec.origin, "exec"), namespace)
    found = {name: value for name, value in namespace.items() if name.startswith("test_")}
    assert set(LEFT_OUT) <= set(found)
    return {name: test for name, test in found.items() if name not in LEFT_OUT}


globals().update(_tests())
