"""What is said of a reader's numbers: right, explained by mistakes, or unknown."""

import math
from dataclasses import dataclass
from typing import Any

from chainrule.glass.mistakes import Mistake
from chainrule.glass.problems.claims import Claim


@dataclass(frozen=True)
class Explanation:
    """A known mistake that gives the reader's numbers.

    Attributes:
        mistake: which.
        layers: those of which it can have been made in one alone, by number in a plain stack, else
            by path; empty for what belongs to none.
        everywhere: whether it can have been made in all layers at once.
        variants: the ways in which it can have been made, in words.
    """

    mistake: Mistake
    layers: tuple[int | str, ...] = ()
    everywhere: bool = False
    variants: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name with where and how: ``σ′ missing in layer 2 or everywhere``."""
        where = [f"in {' or '.join(layers)}"] if (layers := self._layers()) else []
        if self.everywhere:
            where.append("everywhere")
        how = f" ({' or '.join(self.variants)})" if self.variants else ""
        return f"{self.mistake.name}{how}{' ' if where else ''}{' or '.join(where)}"

    def _layers(self) -> list[str]:
        return [f"layer {layer}" if isinstance(layer, int) else layer for layer in self.layers]

    @property
    def places(self) -> tuple[str, ...]:
        """Where it can have been made, in words; empty if it has no place."""
        return (*self._layers(), *(["everywhere"] if self.everywhere else []))

    def __str__(self) -> str:
        return f"{self.name}: {self.mistake.says}. Right: {self.mistake.right}."

    def to_dict(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "mistake": self.mistake.name, "places": list(self.places),
            "variants": list(self.variants), "says": self.mistake.says,
            "right": self.mistake.right,
        }  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """What is said of one claim.

    Attributes:
        claim: the reader's number.
        number: the right one, under the problem's rounding.
        right: whether the claim is right, as exactly as it was written.
        explanations: the mistakes that give a wrong one, each for itself.
        by_differences: the same derivative by central differences of the loss; None for what is
            no derivative, or meets a kink.
    """

    claim: Claim
    number: float
    right: bool
    explanations: tuple[Explanation, ...] = ()
    by_differences: float | None = None

    @property
    def verdict(self) -> str:
        """``right``, ``mistake`` or ``unknown``."""
        return "right" if self.right else "mistake" if self.explanations else "unknown"

    def to_dict(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "name": self.claim.name, "claim": self.claim.value, "written": self.claim.text,
            "right": self.number if math.isfinite(self.number) else None,
            "by_differences": self.by_differences, "verdict": self.verdict,
            "explanations": [explanation.to_dict() for explanation in self.explanations],
        }  # fmt: skip


@dataclass(frozen=True)
class Diagnosis:
    """The result of :func:`~chainrule.diagnose`; true if all claims are right.

    Attributes:
        findings: one for each claim, in their order.
        explanations: the mistakes of which each explains all wrong numbers at once and leaves the
            right ones right; several cannot be told apart by these numbers.
    """

    findings: tuple[Finding, ...]
    explanations: tuple[Explanation, ...] = ()

    @property
    def ok(self) -> bool:
        return all(finding.right for finding in self.findings)

    def __bool__(self) -> bool:
        return self.ok

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """The findings of wrong numbers."""
        return tuple(finding for finding in self.findings if not finding.right)

    def __getitem__(self, name: str) -> Finding:
        for finding in self.findings:
            if finding.claim.name == name:
                return finding
        raise KeyError(name)

    def __str__(self) -> str:
        return "\n".join([*self._table(), "", *self._sentences()])

    def _table(self) -> list[str]:
        rows = [("value", "yours", "right", "by differences", "")]
        for finding in self.findings:
            quotient = finding.by_differences
            rows.append((
                finding.claim.name, finding.claim.text, shown(finding.number),
                "" if quotient is None else shown(quotient), self._word(finding),
            ))  # fmt: skip
        widths = [max(len(row[k]) for row in rows) for k in range(4)]
        return [
            "  ".join([row[0].ljust(widths[0]),
                       *(row[k].rjust(widths[k]) for k in range(1, 4)), row[4]]).rstrip()
            for row in rows
        ]  # fmt: skip

    def _word(self, finding: Finding) -> str:
        if finding.right:
            return "right"
        found = self.explanations or finding.explanations
        names = list(dict.fromkeys(explanation.mistake.name for explanation in found))
        if len(names) > 3:
            names = [*names[:3], f"{len(names) - 3} more"]
        return "wrong: " + (" or ".join(names) if names else "no known mistake")

    def _sentences(self) -> list[str]:
        wrong = self.wrong
        if not wrong:
            return [f"{_numbers(len(self.findings))} right."]
        if self.explanations:
            what = "it" if len(wrong) == 1 else f"all {len(wrong)} wrong numbers"
            if len(self.explanations) == 1:
                return [f"One known mistake explains {what}:", str(self.explanations[0])]
            head = f"{len(self.explanations)} known mistakes explain {what}, and the numbers given "
            return [head + "cannot tell them apart:", *map(_listed, self.explanations)]
        if len(wrong) == 1:
            return [_unknown(wrong[0])]
        lines = ["No single known mistake explains all wrong numbers."]
        for finding in wrong:
            if finding.explanations:
                lines += [f"{finding.claim.name}:", *map(_listed, finding.explanations)]
            else:
                lines.append(_unknown(finding))
        return lines

    def to_dict(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "ok": self.ok,
            "findings": [finding.to_dict() for finding in self.findings],
            "explanations": [explanation.to_dict() for explanation in self.explanations],
        }


def shown(number: float) -> str:
    """A number with six significant digits."""
    return f"{number:.6g}"


def _numbers(count: int) -> str:
    return "The number is" if count == 1 else f"All {count} numbers are"


def _listed(explanation: Explanation) -> str:
    return f"- {explanation}"


def _unknown(finding: Finding) -> str:
    claim = finding.claim
    return f"{claim.name}: no known mistake gives {claim.text}; right is {shown(finding.number)}."
