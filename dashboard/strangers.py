"""Text of strangers (customers, models, tools) for Streamlit's own elements, the unseen made seen.

Our components do the same in the browser (`plain` of assets/dom.js).
"""

import re
from collections.abc import Mapping

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """Return the text with marks such as `[U+202E]` for what turns direction or cannot be seen."""
    return _UNSEEN.sub(lambda found: f"[U+{ord(found.group()):04X}]", text)


def visible_json(value: object) -> object:
    """Return a JSON value with every text in it made visible."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {visible(str(name)): visible_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [visible_json(each) for each in value]
    return value
