"""Feed-forward neural networks whose backpropagation can be read, run fast, and looked into."""

import importlib
from typing import Any

__version__ = "0.1.0"

_WHERE = {
    "chainrule.network": ("Network",),
    "chainrule.layers": (
        "AlphaDropout", "BatchNorm", "Dense", "Dropout", "Embedding", "GaussianNoise", "LayerNorm",
        "PReLU", "Residual", "Scale",
    ),
    "chainrule.optimizers": (
        "AMSGrad", "Adagrad", "Adam", "AdamHat", "AdamW", "GradientDescent", "Lion", "Momentum",
        "NAdam", "Nesterov", "RMSprop",
    ),
    "chainrule.penalties": (
        "ClipGlobalNorm", "ClipNorm", "ClipValue", "L1", "L2", "MaxNorm", "Penalty",
    ),
    "chainrule.schedules": (
        "Constant", "CosLog4", "Cosine", "Exponential", "FlatCosine", "InverseScaling", "OneCycle",
        "ReduceOnPlateau", "StepDecay", "Warmup",
    ),
    "chainrule.augmentation": ("FeatureDropout", "Flip", "Jitter", "Mixup", "RandomScale", "Shift"),
    "chainrule.training.trainer": ("train",),
    "chainrule.training.history": ("DivergedError",),
    "chainrule.training.quasi_newton": ("LBFGS",),
    "chainrule.training.ensemble": ("train_ensemble",),
    "chainrule.training.lsuv": ("lsuv",),
    "chainrule.training.recorder": ("Recorder",),
    "chainrule.training.resuming": ("latest_checkpoint", "load_checkpoint"),
    "chainrule.training.callbacks": (
        "Checkpoint", "Converged", "EarlyStopping", "HistoryFile", "Reached", "TimeLimit",
    ),
    "chainrule.estimators.classifier": ("MLPClassifier",),
    "chainrule.estimators.regressor": ("MLPRegressor",),
    "chainrule.glass.traces.trace": ("trace",),
    "chainrule.glass.solutions.walkthrough": ("walkthrough",),
    "chainrule.glass.traces.rounding": ("Rounding",),
    "chainrule.glass.problems.problem": ("Problem",),
    "chainrule.glass.problems.files": ("read_problem",),
    "chainrule.glass.mistakes.diagnosis": ("diagnose",),
    "chainrule.glass.checks.gradcheck": ("gradcheck",),
    "chainrule.glass.checks.triple": ("triple_check",),
    "chainrule.glass.health.checkup": ("Checkups", "checkup"),
    "chainrule.glass.traces.time_travel": ("open_recording",),
    "chainrule.glass.health.profile": ("profile",),
    "chainrule.storage.networks": ("load", "save"),
    "chainrule.tables.files": ("load_model", "save_model"),
    "chainrule.tables.fitting": ("table_model",),
    "chainrule.export.onnx_files": ("export_onnx",),
    "chainrule.export.torch_files": ("export_torch",),
    "chainrule.metrics": ("decide", "one_hot"),
    "chainrule.scaling": ("InnerRange",),
    "chainrule.initializers": ("constant", "normal", "orthogonal", "uniform"),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _WHERE.items() for name in names}

__all__ = ["__version__", *sorted(_MODULE_OF)]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
