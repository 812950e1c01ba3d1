"""Checks of the gradients: differences of the loss, and JAX's derivatives of the same program."""
