"""The load-balancer responder and the pool it answers from. Pure."""
