"""The NAT translator: packets in, packets out. Pure."""
