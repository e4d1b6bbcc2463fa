"""Observation: packets captured, stored (pcapng), decoded and told as a story (timeline)."""
