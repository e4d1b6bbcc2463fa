"""A check of messages that are signed from end to end (RFC 8945)."""

from __future__ import annotations

from typing import Literal

from lab.judge.checks.base import CheckBase, counted, frames_of, served_by
from lab.judge.verdict import Finding, failed, passed
from lab.observe.dns_message import DnsMessage
from lab.observe.timeline import Timeline


class SignedUnchanged(CheckBase):
    """Each question with a TSIG record went upstream octet for octet but for the ID, and so did its
    reply on the way back (TRN-12, RFC 5625 4.5)."""

    kind: Literal["signed-unchanged"] = "signed-unchanged"
    server: str = "translator"

    def judge(self, timeline: Timeline) -> Finding:
        """Compare each signed question, and its reply, before and after the server."""
        signed = [each for each in served_by(timeline, self.server) if _is_signed(each.query)]
        if not signed:
            return failed(f"no signed question came to {self.server}")
        for client in signed:
            caused = timeline.causes.caused_by(client)
            frames = frames_of([client, *caused])
            if not caused:
                return failed("a signed question went no further", *frames)
            for exchange in caused:
                if _behind_id(exchange.query) != _behind_id(client.query):
                    return failed("the signed question was changed", *frames)
            came = {_behind_id(reply) for exchange in caused for reply in exchange.replies}
            if not client.replies:
                return failed("a signed question got no reply", *frames)
            if any(_behind_id(reply) not in came for reply in client.replies):
                return failed("the reply to a signed question was changed", *frames)
        return passed(
            f"{counted(len(signed), 'signed question')} and each reply, the same but for the ID",
            *frames_of(signed),
        )


def _is_signed(message: DnsMessage) -> bool:
    return any(record.rtype == "TSIG" for record in message.additional)


def _behind_id(message: DnsMessage) -> bytes:
    return message.payload[2:]
