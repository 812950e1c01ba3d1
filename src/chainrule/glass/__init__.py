"""The glass box: every number of a step, and checks of the gradients."""
