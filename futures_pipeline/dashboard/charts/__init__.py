"""Figures as pure functions of frames; no Streamlit, no reading."""

from typing import Any

# An Altair chart. Altair's own types say Any of whatever ``encode`` returns.
Figure = Any
