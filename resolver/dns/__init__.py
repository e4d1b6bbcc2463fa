"""DNS machines: names, messages, zones, cache, forwarding. Pure."""
