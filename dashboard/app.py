"""The entry script that Streamlit runs for every session: page set-up and navigation, no more."""

import streamlit as st

from dashboard.app_pages import audit, gate, health, queue, reliability, runs
from dashboard.components import frame

st.set_page_config(page_title="Greenlight", page_icon=frame.ICON, layout="wide")

# No icons here: a material icon on a page makes every browser fetch it from an outside host.
chosen = st.navigation(
    [
        st.Page(queue.page, title="Queue", url_path="queue", default=True),
        st.Page(reliability.page, title="Reliability", url_path="reliability"),
        st.Page(gate.page, title="Gate", url_path="gate"),
        st.Page(runs.page, title="Runs", url_path="runs"),
        st.Page(audit.page, title="Audit", url_path="audit"),
        st.Page(health.page, title="Health", url_path="health"),
    ],
    position="top",
)
if frame.frame() is None:
    frame.no_company()
else:
    chosen.run()
