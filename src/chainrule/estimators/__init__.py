"""scikit-learn estimators: they check what they are given, and hand it to the trainer."""
