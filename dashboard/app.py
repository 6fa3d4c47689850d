"""The entry script that Streamlit runs for every session: page set-up and navigation, no more."""

import streamlit as st

from dashboard import identity
from dashboard.app_pages import audit, gate, health, queue, reliability, reviewers, runs
from dashboard.components import frame

# No icons here: a material icon on a page makes every browser fetch it from an outside host.
everybodys = [
    st.Page(queue.page, title="Queue", url_path="queue", default=True),
    st.Page(reliability.page, title="Reliability", url_path="reliability"),
    st.Page(gate.page, title="Gate", url_path="gate"),
    st.Page(runs.page, title="Runs", url_path="runs"),
    st.Page(audit.page, title="Audit", url_path="audit"),
    st.Page(health.page, title="Health", url_path="health"),
]
# Not even listed for an operator; each asks for the role itself too.
managers = [st.Page(reviewers.page, title="Reviewers", url_path="reviewers")]
may_see = [*everybodys, *(managers if identity.is_managing() else [])]
chosen = st.navigation(may_see, position="top")
st.set_page_config(page_title=f"{chosen.title} · Greenlight", page_icon=frame.ICON, layout="wide")
if frame.is_yours():
    if frame.frame() is None:
        frame.no_company()
    else:
        chosen.run()
