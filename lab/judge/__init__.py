"""Judgement: rules (the catalogue), checks (what can be asked of a timeline) and verdicts."""
