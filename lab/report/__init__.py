"""Reports: one record, and the ways of showing it."""
