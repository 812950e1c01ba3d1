"""Whatever the parameters are, a fit ends in predictions, or in a sentence that says what is wrong.

CHAINRULE_COMBINATIONS says how many are drawn; ``make soak`` draws ten thousand for each estimator.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.estimators.combinations import cases, outcome

EXAMPLES = int(os.environ.get("CHAINRULE_COMBINATIONS", "300"))


@pytest.mark.parametrize("estimator", ["MLPClassifier", "MLPRegressor"])
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_fit_ends_in_predictions_or_in_a_sentence(estimator, data):
    outcome(data.draw(cases(estimator)))
