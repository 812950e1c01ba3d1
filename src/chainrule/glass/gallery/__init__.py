"""The gallery of the documentation: every activation and every loss, with pictures."""
