"""Traces: one step of a network's own program with every number, and where each comes from."""
