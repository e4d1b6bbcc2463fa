"""Everything that runs inside a node: pure machines, and the shells that give them sockets."""
