"""What stands where in a message (RFC 1035 4.1): its header, and what follows a name."""

from __future__ import annotations

import struct

HEADER = struct.Struct("!HHHHHH")
"""ID, flags, and the counts of the four sections."""
HEADER_OCTETS = HEADER.size

QR = 0x8000
OPCODE = 0x7800
AA = 0x0400
TC = 0x0200
RD = 0x0100
RA = 0x0080
AD = 0x0020
CD = 0x0010
DO = 0x8000
"""In the OPT record's TTL field (RFC 3225 3)."""

QUESTION_TAIL = struct.Struct("!HH")
"""Type and class, behind the QNAME."""
RECORD_TAIL = struct.Struct("!HHIH")
"""Type, class, TTL and the length of the RDATA, behind the owner."""
QUESTION_POINTER = b"\xc0\x0c"
"""A compressed name that is the QNAME (RFC 1035 4.1.4)."""
