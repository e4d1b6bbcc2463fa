"""For teachers: a scenario walked packet by packet, and a set-up with a prompt."""
