"""Sweeps: every combination of failed parts, kinds of faults and viewers, judged by what must hold
whatever breaks."""
