"""The closed vocabulary of checks: everything that can be asked of a timeline.

`Check` is the union that scenarios use; its `kind` tells which check a piece of JSON is.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lab.judge.checks.aliases import (
    AliasFollowsNumber,
    AnswersAgreeWithTable,
    NoRealAddressOnClientSide,
    RelayedUnchanged,
)
from lab.judge.checks.answers import (
    Answered,
    AnsweredOnce,
    ErrorWithin,
    NotAnswered,
    TtlAtMost,
)
from lab.judge.checks.asking import (
    AskedInOrder,
    AskedNobody,
    AskedOnly,
    NameStaysWithin,
    NothingSent,
)
from lab.judge.checks.availability import BackWithin, EveryMemberHandedOut, GoneWithin
from lab.judge.checks.caching import FamilyHarmless, FromCache
from lab.judge.checks.failover import (
    FreshIdentifiers,
    NextAskedAfterError,
    NextAskedAfterTimeout,
)
from lab.judge.checks.forgery import ForgeryIgnored
from lab.judge.checks.forwarding import (
    DeadlineKept,
    FailsBack,
    NextOnRcodes,
    QuestionsBounded,
    RecursionAfterForwarders,
)
from lab.judge.checks.icmp import EchoAnswered, ErrorTranslated
from lab.judge.checks.precedence import AliasCompleted, Referred, SpellingsAlike
from lab.judge.checks.reaching import ConnectedToAnswer, NeverConnected, Reached
from lab.judge.checks.selection import SelectionRecognised
from lab.judge.checks.steps import StepsInOrder
from lab.judge.checks.translating import MappingStable, NotTranslated, Translated
from lab.judge.checks.upstream import (
    AskedIteratively,
    AskedOnceForMany,
    OutsideOnlyBy,
    RecursionDesired,
    TruncatedThenTcp,
)

Check = Annotated[
    AliasCompleted
    | AliasFollowsNumber
    | Answered
    | AnsweredOnce
    | AnswersAgreeWithTable
    | AskedInOrder
    | AskedIteratively
    | AskedNobody
    | AskedOnceForMany
    | AskedOnly
    | BackWithin
    | ConnectedToAnswer
    | DeadlineKept
    | EchoAnswered
    | ErrorTranslated
    | ErrorWithin
    | EveryMemberHandedOut
    | FailsBack
    | FamilyHarmless
    | ForgeryIgnored
    | FreshIdentifiers
    | FromCache
    | GoneWithin
    | MappingStable
    | NameStaysWithin
    | NeverConnected
    | NextAskedAfterError
    | NextAskedAfterTimeout
    | NextOnRcodes
    | NoRealAddressOnClientSide
    | NotAnswered
    | NotTranslated
    | NothingSent
    | OutsideOnlyBy
    | QuestionsBounded
    | Reached
    | RecursionAfterForwarders
    | RecursionDesired
    | Referred
    | RelayedUnchanged
    | SelectionRecognised
    | SpellingsAlike
    | StepsInOrder
    | Translated
    | TruncatedThenTcp
    | TtlAtMost,
    Field(discriminator="kind"),
]

__all__ = [
    "AliasCompleted",
    "AliasFollowsNumber",
    "Answered",
    "AnsweredOnce",
    "AnswersAgreeWithTable",
    "AskedInOrder",
    "AskedIteratively",
    "AskedNobody",
    "AskedOnceForMany",
    "AskedOnly",
    "BackWithin",
    "Check",
    "ConnectedToAnswer",
    "DeadlineKept",
    "EchoAnswered",
    "ErrorTranslated",
    "ErrorWithin",
    "EveryMemberHandedOut",
    "FailsBack",
    "FamilyHarmless",
    "ForgeryIgnored",
    "FreshIdentifiers",
    "FromCache",
    "GoneWithin",
    "MappingStable",
    "NameStaysWithin",
    "NeverConnected",
    "NextAskedAfterError",
    "NextAskedAfterTimeout",
    "NextOnRcodes",
    "NoRealAddressOnClientSide",
    "NotAnswered",
    "NotTranslated",
    "NothingSent",
    "OutsideOnlyBy",
    "QuestionsBounded",
    "Reached",
    "RecursionAfterForwarders",
    "RecursionDesired",
    "Referred",
    "RelayedUnchanged",
    "SelectionRecognised",
    "SpellingsAlike",
    "StepsInOrder",
    "Translated",
    "TruncatedThenTcp",
    "TtlAtMost",
]
