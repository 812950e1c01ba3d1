"""Worked solutions: a traced step as equations, number by number, in a notation."""
