"""Colours of both themes, and Streamlit's settings: this machine only, nothing sent anywhere."""

from collections.abc import Mapping

# Middle tones, readable on white and on #131722.
GREEN, RED, AMBER, GREY = "#18905f", "#dd4b54", "#c98a1b", "#8a919e"
BLUE, ORANGE, VIOLET, TEAL = "#3d7df0", "#e8833a", "#9b6ade", "#1aa5b8"
SERIES = (BLUE, ORANGE, TEAL, VIOLET, GREEN, RED, AMBER, GREY)
TONE_COLOURS = {"green": GREEN, "yellow": AMBER, "red": RED, "grey": GREY}

OPTIONS: Mapping[str, object] = {
    "server.address": "127.0.0.1",
    "server.headless": True,
    "server.fileWatcherType": "none",
    "server.enableStaticServing": False,
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "viewer",
    "client.showErrorDetails": "type",
    "theme.dark.backgroundColor": "#131722",
    "theme.dark.secondaryBackgroundColor": "#1e222d",
    "theme.dark.textColor": "#d1d4dc",
    "theme.dark.primaryColor": BLUE,
    "theme.light.backgroundColor": "#ffffff",
    "theme.light.secondaryBackgroundColor": "#f3f5f9",
    "theme.light.textColor": "#131722",
    "theme.light.primaryColor": BLUE,
}

STYLE = f"""<style>
.stMainBlockContainer {{ padding: 3.5rem 2rem 3rem; }}
.fp-table {{ overflow: auto; max-height: 34rem; border: 1px solid rgba(128,136,150,.28);
  border-radius: .5rem; margin-bottom: .75rem; }}
.fp-table table {{ border-collapse: collapse; width: 100%; font-size: .875rem; margin: 0; }}
.fp-table th, .fp-table td {{ padding: .4rem .7rem; text-align: left; vertical-align: top;
  border: 0; border-bottom: 1px solid rgba(128,136,150,.18); }}
.fp-table th {{ font-weight: 600; white-space: nowrap; opacity: .75; font-size: .78rem; }}
.fp-table .fp-long {{ min-width: 17rem; }}
.fp-table td:first-child {{ font-weight: 600; white-space: nowrap; }}
.fp-table .fp-time {{ white-space: nowrap; font-variant-numeric: tabular-nums; }}
.fp-table tr:last-child td {{ border-bottom: 0; }}
.fp-table .fp-number {{ text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }}
.fp-good {{ color: {GREEN}; }} .fp-bad {{ color: {RED}; }}
.fp-warn {{ color: {AMBER}; }} .fp-mute {{ color: {GREY}; }}
.fp-badge {{ border: 1px solid currentColor; border-radius: 1rem; padding: .05rem .6rem;
  font-size: .8rem; font-weight: 600; white-space: nowrap; }}
.fp-tiles {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr));
  gap: .6rem; margin-bottom: .75rem; }}
.fp-tile {{ border: 1px solid rgba(128,136,150,.28); border-radius: .5rem; padding: .6rem .8rem; }}
.fp-tile b {{ display: block; font-size: 1.25rem; font-variant-numeric: tabular-nums; }}
.fp-tile small {{ display: block; }}
</style>"""
