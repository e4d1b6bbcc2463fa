"""Captures made elsewhere: read in whatever format, replayed in the lab, judged like a run."""
