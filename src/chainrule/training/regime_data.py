"""A regime as plain data: what recordings hold of penalties, clipping and augmentation."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from chainrule import augmentation
from chainrule.lowering import Regime
from chainrule.network import Network
from chainrule.penalties import CLIPS, MaxNorm, Penalty
from chainrule.schedules import as_data
from chainrule.schedules import from_dict as from_data
from chainrule.training.regime import regime_for

AUGMENTATIONS: dict[str, type[augmentation.Augmentation]] = {
    step.kind: step
    for step in (
        augmentation.FeatureDropout, augmentation.Flip, augmentation.Jitter, augmentation.Mixup,
        augmentation.RandomScale, augmentation.Shift,
    )
}  # fmt: skip
KINDS: Mapping[str, Mapping[str, Any]] = {
    "penalty": {Penalty.name: Penalty}, "clip": CLIPS, "constraint": {MaxNorm.name: MaxNorm},
    "augment": AUGMENTATIONS,
}  # fmt: skip


def to_dict(regime: Regime) -> dict[str, Any]:
    """The regime as JSON can hold it; :func:`from_dict` reads it.

    Raises:
        ValueError: for a class that could not be found again.
    """
    return {
        **{name: _entry(name, getattr(regime, name)) for name in ("penalty", "clip", "constraint")},
        "frozen": sorted(regime.frozen),
        "rate_factors": dict(regime.rate_factors),
        "augment": [_entry("augment", step) for step in regime.augment],
    }


def from_dict(data: Mapping[str, Any], network: Network) -> Regime:
    """The regime of what :func:`to_dict` wrote.

    Raises:
        ValueError, TypeError, KeyError: if it is none for this network.
    """
    single = {name: _of_entry(name, data[name]) for name in ("penalty", "clip", "constraint")}
    steps = [_of_entry("augment", entry) for entry in data["augment"]]
    return regime_for(
        network, **single, frozen=data["frozen"], rate_factors=data["rate_factors"], augment=steps
    )


def _entry(role: str, value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    for name, known in KINDS[role].items():
        if type(value) is known:
            options = [field.name for field in fields(known)]
            return {"kind": name} | {option: as_data(getattr(value, option)) for option in options}
    raise ValueError(f"{role}: {value!r} is of no class that a file can name")


def _of_entry(role: str, data: Any) -> Any:
    if data is None:
        return None
    options = dict(data)
    return KINDS[role][options.pop("kind")](**{k: from_data(v) for k, v in options.items()})
