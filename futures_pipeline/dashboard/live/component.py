"""The live page inside Streamlit: the same module, in the same document."""

import streamlit as st

from futures_pipeline.dashboard.live.routes import STATIC

# The component is a blob of its own, so that the module needs its whole address; the page's
# theme is known by how dark its background is.
SCRIPT = """
export default function ({ parentElement }) {
  const root = parentElement.querySelector('.fp-live-root');
  const theme = () => {
    const back = getComputedStyle(parentElement).getPropertyValue('--st-background-color').trim();
    return parseInt(back.slice(1, 3), 16) > 128 ? 'light' : 'dark';
  };
  let leave = null, left = false;
  import(new URL('/live/assets/live.js', location.origin).href).then((live) => {
    if (!left) leave = live.mount(root, { theme });
  });
  return () => { left = true; if (leave) leave(); };
}
"""


live_chart = st.components.v2.component(
    "futures_pipeline_live",
    html="<div class='fp-live-root'></div>",
    css=(STATIC / "live.css").read_text(encoding="utf-8"),
    js=SCRIPT,
    isolate_styles=False,
)
