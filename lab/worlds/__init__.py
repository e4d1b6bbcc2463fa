"""Worlds: a plan brought to life, on a real kernel (mininet) or in virtual time (simulated)."""
