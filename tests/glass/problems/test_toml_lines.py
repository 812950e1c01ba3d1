"""Lines of TOML texts: every key and element that the standard library reads is found."""

import tomllib

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from chainrule.glass.problems.toml_lines import lines_of

WRITTEN = '''# a comment = 1
title = """two
lines = [ # no comment
"""
quotes = """"a" and ""b"""""
'x y'."z.é" = 'a#b' # = 3
[o]
name = "ad\\"am # no"
m = { a = 1, "b.c" = [1, 2] }
[[layers]]
w = [ [1, 2], # [
 [3,
  4], ]
[[layers]]
d = 1979-05-27T07:32:00Z
[layers.inner]
k = true
[[layers.parts]]
[[layers.parts]]
q = \'\'\'it's
''\'\'\'
'''
LINES = {
    ("title",): 2, ("quotes",): 5, ("x y", "z.é"): 6, ("o",): 7, ("o", "name"): 8,
    ("o", "m"): 9, ("o", "m", "a"): 9, ("o", "m", "b.c", 1): 9,
    ("layers", 0): 10, ("layers", 0, "w", 0, 1): 11, ("layers", 0, "w", 1): 12,
    ("layers", 0, "w", 1, 1): 13, ("layers", 1): 14, ("layers", 1, "d"): 15,
    ("layers", 1, "inner", "k"): 17, ("layers", 1, "parts", 0): 18,
    ("layers", 1, "parts", 1): 19, ("layers", 1, "parts", 1, "q"): 20,
}  # fmt: skip


@pytest.mark.parametrize("place", LINES, ids=str)
def test_what_is_written_by_hand_is_found(place):
    tomllib.loads(WRITTEN)
    assert lines_of(WRITTEN)[place] == LINES[place]


def places(value, inside=()):
    """All keys and elements of what was read."""
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in parts:
        yield (*inside, key)
        if isinstance(part, dict | list):
            yield from places(part, (*inside, key))


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)
leaves = st.integers() | st.floats(allow_nan=False) | st.booleans() | texts
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(texts, values, max_size=4))
def test_every_key_and_element_of_any_text_is_found(document):
    text = tomli_w.dumps(document)
    found = lines_of(text)
    known = set(places(tomllib.loads(text)))
    # Tables that hold tables alone have no line of their own.
    assert {p for p in known if p not in found} <= {p[:-1] for p in known}
    assert set(found) <= known
    assert all(1 <= line <= text.count("\n") + 1 for line in found.values())
