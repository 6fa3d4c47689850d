"""Registers our own small components: a script and a style sheet from `assets/` each.

They exist where Streamlit's own elements would need dozens of messages per card, select by position
instead of by id, or treat a stranger's text as Markdown. Every text goes in through `textContent`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

ASSETS = Path(__file__).with_name("assets")
Component = Callable[..., Any]


def asset(name: str) -> str:
    """Return the text of a shipped asset."""
    return (ASSETS / name).read_text("utf-8")


def register(name: str) -> Component:
    """Register `assets/<name>.js` and `.css` behind the shared helpers; return its renderer."""
    return st.components.v2.component(
        f"greenlight_{name}",
        html='<div class="root"></div>\n',
        css=asset("base.css") + asset(f"{name}.css"),
        js=asset("dom.js") + asset(f"{name}.js"),
    )
