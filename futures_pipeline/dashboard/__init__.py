"""Pages that show what is stored and what is heard; they write nothing.

Everything is read through ``futures_pipeline.api``; the live chart listens to the collector's
feed, which the dashboard's process passes on. Streamlit is imported here alone.
"""
