"""Test scores of the estimators beside scikit-learn's, on its own small tables.

Both get scikit-learn's default parameters, the same ten splits, standardised columns, and the same
``random_state``: the first weights are the same, the order of the rows in each epoch is not. Prints
the table of docs/differences-from-scikit-learn.md.

    python examples/scores.py
"""

import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import chainrule as cr

SEEDS = range(10)
TABLES = {
    "iris": (load_iris, MLPClassifier, cr.MLPClassifier),
    "wine": (load_wine, MLPClassifier, cr.MLPClassifier),
    "breast cancer": (load_breast_cancer, MLPClassifier, cr.MLPClassifier),
    "digits": (load_digits, MLPClassifier, cr.MLPClassifier),
    "diabetes": (load_diabetes, MLPRegressor, cr.MLPRegressor),
}


def score(estimator, X, y, seed):
    train_X, test_X, train_y, test_y = train_test_split(X, y, random_state=seed)
    model = make_pipeline(StandardScaler(), estimator(random_state=seed))
    return model.fit(train_X, train_y).score(test_X, test_y)


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    print("| table | scikit-learn, ± standard error | chainrule | difference, seed by seed |")
    print("|---|---|---|---|")
    for name, (load, theirs, ours) in TABLES.items():
        X, y = load(return_X_y=True)
        pairs = [(score(theirs, X, y, seed), score(ours, X, y, seed)) for seed in SEEDS]
        them, us = np.array(pairs).T
        print(
            f"| {name} | {them.mean():.4f} ± {error(them):.4f} | {us.mean():.4f} "
            f"| {(us - them).mean():+.4f} ± {error(us - them):.4f} |"
        )


def error(values):
    """The standard error of their mean."""
    return values.std(ddof=1) / np.sqrt(len(values))


if __name__ == "__main__":
    main()
