"""Whatever the parameters are, a fit ends in predictions, or in a sentence that says what is wrong.

``make soak`` draws ten thousand for each estimator.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.estimators.combinations import cases, outcome


@pytest.mark.parametrize("estimator", ["MLPClassifier", "MLPRegressor"])
@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_fit_ends_in_predictions_or_in_a_sentence(estimator, data):
    outcome(data.draw(cases(estimator)))
