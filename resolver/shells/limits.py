"""Bounds of the shells, each with its reason. What a machine bounds stands in `resolver.limits`."""

from __future__ import annotations

from typing import Final

from resolver.machine import MILLISECOND, SECOND, Duration

DATAGRAMS_PER_WAKE: Final = 64
"""Datagrams (or IP packets) taken from one socket before the others get their turn. At some 20 µs
each a flooded socket holds up the rest for about a millisecond."""

WAITING_DATAGRAMS_OCTETS: Final = 4_194_304
"""Room for datagrams that wait until a listening socket is read, as the kernel counts them: some
five thousand small ones. Its default holds fewer than three hundred, which one burst of clients
fills while we write a few answers."""

ANSWERS_PER_WAKE: Final = 256
"""Datagrams answered in a row by the batch, as long as all answers were ready: at some 4 µs each
they too take about a millisecond."""

ADDRESSES_REMEMBERED: Final = 4096
"""Clients' addresses kept as text beside their octets; then all are written anew."""

MESSAGES_PER_WAKE: Final = 64
"""Messages of one stream handled in a row: a read full of empty messages (two octets each) would
otherwise hold up everybody for 32,768 of them."""

CONNECTIONS_PER_WAKE: Final = 64
"""Connections accepted in a row, for the same reason."""

OCTETS_PER_READ: Final = 65_536
"""One read of a stream. With a partial message before it, a stream buffers less than twice this."""

DATAGRAM_OCTETS: Final = 65_535
"""The largest UDP payload and the largest IP packet fit: nothing is cut on arrival."""

LISTEN_BACKLOG: Final = 128
"""Connections the kernel completes before we accept them: a burst of viewers at office start."""

MAX_ACCEPTED_STREAMS: Final = 512
"""Accepted streams at one time, half of the usual limit of 1,024 open files, so that upstream
questions keep theirs. More wait in the backlog until a stream ends."""

FILES_BESIDE_QUESTIONS: Final = 128
"""Open files that are neither accepted streams nor questions under way: where we listen, the
journal, the loop, and streams that are being closed."""

FILES_TAKEN: Final = 8192
"""Open files that we ask the host for: all streams, all questions, and as much again."""

ACCEPT_PAUSE_NS: Duration = 100 * MILLISECOND
"""How long nothing is accepted after the host ran out of files or memory: the connection stays
readable, so trying again at once would spin."""

PAUSE_READING_OCTETS: Final = 65_536
"""Unsent answers on a stream at which no more questions are read from it: a client that asks
without reading its answers waits for itself."""

MAX_UNSENT_OCTETS: Final = 1_048_576
"""Unsent answers on a stream at which it is cut off. Questions taken before the pause may still be
answered: 16 full-sized messages beyond it."""

LINGER_NS: Duration = 2 * SECOND
"""How long a closed stream may take to deliver its last answer and hear the far end's goodbye
before it is cut off. Our own programs on a local network need milliseconds."""

CARRIER_LOOK_NS: Duration = 1 * MILLISECOND
"""Between two looks at a TUN device that was just attached; the kernel takes about a millisecond
to start its queue and tells only netlink listeners."""

FACTS_PER_SECOND: Final = 100
"""Facts of one kind written to the journal of events in a second: enough to see what happens, and
at some 200 octets each no more than 2 gigabytes a day."""

COLLECT_CYCLES_AFTER: Final = (50_000, 20, 100)
"""Containers made and not freed before Python looks for cycles among the youngest, the middle and
all of them (`gc.set_threshold`). A resolver makes no cycles worth naming and a million containers
that stay, its cache: at Python's own 700 up to a tenth of the time goes into looking for some."""

RANDOM_OCTETS: Final = 1024
"""Randomness fetched from the host at a time: for 256 questions to servers."""
