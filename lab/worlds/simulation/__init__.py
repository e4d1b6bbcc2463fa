"""The network of the simulated world: time, links, hosts, sockets and the processes behind them.

Read in this order: `agenda` (time), `packet`, `link`, `routes`, `host` (the IP layer), `udp` and
`tcp` (sockets), `process` (a machine on a host), `translation` (the NAT node). What all of this
leaves out is listed in docs/limitations.md.
"""
