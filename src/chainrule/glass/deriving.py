"""Derivations of the rules, in the letters of a notation and for the values at hand."""

from chainrule.glass.definitions import Definition
from chainrule.glass.document import Document
from chainrule.glass.notation import Notation


def derive(document: Document, notation: Notation, definition: Definition) -> None:
    """Add the derivation of the rule that a definition is the use of, if there is one."""
