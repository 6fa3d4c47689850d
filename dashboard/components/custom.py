"""Registers our own small components: scripts and style sheets from `assets/`.

They exist where Streamlit's own elements would need dozens of messages per card, select by position
instead of by id, or treat a stranger's text as Markdown. Every text goes in through `textContent`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

ASSETS = Path(__file__).with_name("assets")
Component = Callable[..., Any]


def asset(name: str) -> str:
    """Return the text of a shipped asset."""
    return (ASSETS / name).read_text("utf-8")


def register(name: str, *, parts: Sequence[str] = ()) -> Component:
    """Register `assets/<name>.js` and `.css` behind the shared helpers; return its renderer.

    `parts` are further assets in front of it: a script each, and a style sheet where there is one.
    """
    styled = [part for part in parts if (ASSETS / f"{part}.css").exists()]
    return st.components.v2.component(
        f"greenlight_{name}",
        html='<div class="root"></div>\n',
        css="".join(lean(asset(f"{part}.css")) for part in ("base", *styled, name)),
        js="".join(lean(asset(f"{part}.js")) for part in ("dom", *parts, name)),
    )


def lean(text: str) -> str:
    """Return a script or style sheet without its indentation, empty lines and comment lines.

    Streamlit sends all of it again with every run. No asset has a string over several lines.
    """
    lines = (line.strip() for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("//"))
