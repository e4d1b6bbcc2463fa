"""Scenarios: questions as data (model), found (catalogue), acted (steps) and run (runner)."""
