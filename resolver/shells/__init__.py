"""Sockets, clocks and devices around the machines."""
