"""One self-contained page about a fit: what the table was like, and what the model is worth."""

from chainrule.report.writing import write_report

__all__ = ["write_report"]
