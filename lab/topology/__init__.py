"""Maps: topology files as written (model), read, checked, worked out (plan) and drawn."""
