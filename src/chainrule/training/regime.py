"""What holds for a training beside its optimizer: penalties, clipping, groups of parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.augmentation import checked_steps
from chainrule.checks import real_number
from chainrule.layers.base import reads_features
from chainrule.lowering import Regime
from chainrule.network import Network
from chainrule.penalties import Clip, MaxNorm, Penalty

GROUPS = ("weights", "biases")


def regime_for(
    network: Network,
    penalty: Any = None,
    clip: Any = None,
    constraint: Any = None,
    frozen: Sequence[str] = (),
    rate_factors: Mapping[str, float] | None = None,
    augment: Any = (),
) -> Regime:
    """Check these arguments of a training and resolve the names of parameters.

    Raises:
        ValueError: for something of another kind, an unknown name, a factor that is not positive,
            or if nothing is left to train.
    """
    for name, value, kind, example in (
        ("penalty", penalty, Penalty, "cr.L2(1e-4)"),
        ("clip", clip, Clip, "cr.ClipGlobalNorm(1.0)"),
        ("constraint", constraint, MaxNorm, "cr.MaxNorm(3.0)"),
    ):
        if value is not None and not isinstance(value, kind):
            raise ValueError(f"{name} must be None or such as {example}, not {value!r}")
    if isinstance(frozen, str) or not hasattr(frozen, "__iter__"):
        raise ValueError(f"frozen must be a list of names, not {frozen!r}")
    still = frozenset(path for name in frozen for path in paths_of(network, name, "frozen"))
    learning = [p for p, s in network.specifications.items() if s.trainable and p not in still]
    if not learning:
        raise ValueError("frozen leaves no parameter to train")
    factors: dict[str, float] = {}
    for name, factor in (rate_factors or {}).items():
        if not real_number(factor) or factor <= 0:
            raise ValueError(
                f"rate_factors of {name!r} must be a positive number, not {factor!r}; "
                "to keep parameters as they are, name them in frozen"
            )
        factors |= dict.fromkeys(paths_of(network, name, "rate_factors"), float(factor))
    forms = tuple(network.loss.forms) if network.loss else None
    reads_codes = reads_features(network.layers[0])
    steps = checked_steps(augment, network.inputs, forms, reads_codes)
    return Regime(penalty, clip, constraint, still, factors, steps)


def paths_of(network: Network, name: Any, argument: str) -> list[str]:
    """The parameters that a name stands for: a group, a layer, or one of them.

    Raises:
        ValueError: if there is none of this name.
    """
    found: list[str] = []
    if name in GROUPS:
        found = [
            p for p, s in network.specifications.items() if s.decays == (name == GROUPS[0])
            and s.trainable
        ]  # fmt: skip
    elif isinstance(name, str):
        path = network.path(name)
        found = [p for p in network.places if p == path or p.startswith(f"{path}.")]
    if not found:
        raise ValueError(
            f"{argument} names {name!r}; there are 'weights', 'biases', the layers "
            f"{', '.join(network.paths)}, and parameters such as {next(iter(network.places))}"
        )
    return found
