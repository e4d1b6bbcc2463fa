"""The closed vocabulary of checks: everything that can be asked of a timeline.

`Check` is the union that scenarios use; its `kind` tells which check a piece of JSON is.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lab.judge.checks.answers import (
    Answered,
    AnsweredOnce,
    ErrorWithin,
    FamilyHarmless,
    ForgeryIgnored,
    FromCache,
    NotAnswered,
    TtlAtMost,
)
from lab.judge.checks.asking import (
    AskedInOrder,
    AskedNobody,
    AskedOnly,
    FreshIdentifiers,
    NameStaysWithin,
    NextAskedAfterError,
    NextAskedAfterTimeout,
    NothingSent,
    StepsInOrder,
)
from lab.judge.checks.reaching import (
    BackWithin,
    ConnectedToAnswer,
    EveryMemberHandedOut,
    GoneWithin,
    NeverConnected,
    Reached,
)
from lab.judge.checks.translating import (
    AliasFollowsNumber,
    AnswersAgreeWithTable,
    EchoAnswered,
    ErrorTranslated,
    MappingStable,
    NoRealAddressOnClientSide,
    NotTranslated,
    RelayedUnchanged,
    Translated,
)

Check = Annotated[
    AliasFollowsNumber
    | Answered
    | AnsweredOnce
    | AnswersAgreeWithTable
    | AskedInOrder
    | AskedNobody
    | AskedOnly
    | BackWithin
    | ConnectedToAnswer
    | EchoAnswered
    | ErrorTranslated
    | ErrorWithin
    | EveryMemberHandedOut
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
    | NoRealAddressOnClientSide
    | NotAnswered
    | NotTranslated
    | NothingSent
    | Reached
    | RelayedUnchanged
    | StepsInOrder
    | Translated
    | TtlAtMost,
    Field(discriminator="kind"),
]

__all__ = [
    "AliasFollowsNumber",
    "Answered",
    "AnsweredOnce",
    "AnswersAgreeWithTable",
    "AskedInOrder",
    "AskedNobody",
    "AskedOnly",
    "BackWithin",
    "Check",
    "ConnectedToAnswer",
    "EchoAnswered",
    "ErrorTranslated",
    "ErrorWithin",
    "EveryMemberHandedOut",
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
    "NoRealAddressOnClientSide",
    "NotAnswered",
    "NotTranslated",
    "NothingSent",
    "Reached",
    "RelayedUnchanged",
    "StepsInOrder",
    "Translated",
    "TtlAtMost",
]
