"""The mistakes that are known by name; :data:`MISTAKES` finds one."""

from chainrule.glass.mistakes.catalogue import EARLY
from chainrule.glass.mistakes.entry import MISTAKES, WHOLE, Mistake, register

__all__ = ["EARLY", "MISTAKES", "WHOLE", "Mistake", "register"]
