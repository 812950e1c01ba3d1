"""JSON and TOML that steer no terminal and no editor: the characters that would are escaped."""

import json
from typing import Any

from chainrule.tables.errors import STEERING


def to_json(data: Any, indent: int | None = None) -> str:
    """JSON, which reads as it would without the escapes.

    >>> to_json({"größe": "\\x9b31m"})
    '{"größe": "\\\\u009b31m"}'
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, indent=indent)
    return STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def to_toml(data: dict[str, Any]) -> str:
    """TOML, which reads as it would without the escapes.

    >>> to_toml({"target": "\\u202etxt.exe"})
    'target = "\\\\u202etxt.exe"\\n'
    """
    import tomli_w

    # It writes basic strings alone, and in these an escape may stand wherever a character may.
    return STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", tomli_w.dumps(data))
