"""Whether a run is worse than an earlier one: baselines, and comparisons with them."""
