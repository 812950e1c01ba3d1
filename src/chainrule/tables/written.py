"""JSON and TOML that steer no terminal and no editor: the characters that would are escaped."""

import json
import re
from typing import Any

#: Characters that both formats allow and that are obeyed rather than shown: controls, marks of
#: direction and other invisible ones; and halves of a character, which no file in UTF-8 can hold.
STEERING = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def to_json(data: Any, indent: int | None = None) -> str:
    """JSON, which reads as it would without the escapes.

    >>> to_json({"größe": "\\x9b31m"})
    '{"größe": "\\\\u009b31m"}'
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, indent=indent)
    return STEERING.sub(lambda found: json.dumps(found[0])[1:-1], text)


def to_toml(data: dict[str, Any]) -> str:
    """TOML, which reads as it would without the escapes.

    >>> to_toml({"target": "\\u202etxt.exe"})
    'target = "\\\\U0000202etxt.exe"\\n'
    """
    import tomli_w

    # It writes basic strings alone, and in these an escape may stand wherever a character may.
    return STEERING.sub(lambda found: f"\\U{ord(found[0]):08x}", tomli_w.dumps(data))
