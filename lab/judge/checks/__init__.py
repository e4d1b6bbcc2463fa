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
from lab.judge.checks.contents import AnswerHolds, OneTtlPerRrset, RdataUnchanged
from lab.judge.checks.counting import AskedTimes, BitReachesUpstream, PlainRetry
from lab.judge.checks.delivery import (
    CameWhole,
    Delivered,
    KeptOut,
    NewRefused,
    RefreshMeasured,
    SynHeld,
)
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
from lab.judge.checks.hostile import AllReplied, MalformedHarmless, NeverUsed, ServerSurvives
from lab.judge.checks.icmp import EchoAnswered, ErrorAbout, ErrorTranslated
from lab.judge.checks.links import (
    PacketsDelayed,
    PacketsDoubled,
    PacketsLost,
    PacketsReordered,
)
from lab.judge.checks.losses import (
    ArrivedInPieces,
    LossMadeGood,
    PortRefused,
    SuccessMeasured,
    SynsRepeated,
    TooLargeTold,
)
from lab.judge.checks.mapping import FilteringMeasured, MappedAlike, MappedApart
from lab.judge.checks.outside_ports import OutsidePortsUnpredictable
from lab.judge.checks.parallel import AskedTogether, FirstPositiveWins
from lab.judge.checks.precedence import (
    AliasCompleted,
    AnsweredInTurn,
    Referred,
    SpellingsAlike,
    Turn,
)
from lab.judge.checks.reaching import ConnectedToAnswer, NeverConnected, Reached
from lab.judge.checks.remembering import (
    FailureForgotten,
    FailureRemembered,
    StaleAnswered,
)
from lab.judge.checks.replaying import ReplayedAlike
from lab.judge.checks.reply import (
    ErrorReplied,
    NeverReferral,
    OptAnswered,
    OptionsStay,
    ReplyHeader,
)
from lab.judge.checks.selection import SelectionRecognised
from lab.judge.checks.signed import SignedUnchanged
from lab.judge.checks.standing import AskedAllowedOnly, PrivateNamesStay, RealAddressesStay
from lab.judge.checks.standing_answers import HandedOutAvailable, HandedOutLeads
from lab.judge.checks.standing_replies import RepliedFromThere, RepliedInTime, RepliedOnce
from lab.judge.checks.standing_visits import EveryVisitEnds, ServedWhenWhole
from lab.judge.checks.steps import StepsInOrder
from lab.judge.checks.sub_clusters import OwnSubClusters
from lab.judge.checks.topologies import TopologyRefused
from lab.judge.checks.translating import MappingStable, NotTranslated, Translated
from lab.judge.checks.transport import (
    AnsweredOnConnection,
    NotHeldUp,
    RepliesFromAskedAddress,
    ReplyFits,
    TransportKept,
    TruncationTold,
)
from lab.judge.checks.unfragmented import Unfragmented
from lab.judge.checks.unpredictable import Unpredictable
from lab.judge.checks.upstream import (
    AskedIteratively,
    AskedOnceForMany,
    OutsideOnlyBy,
    RecursionDesired,
    TruncatedThenTcp,
)
from lab.judge.checks.visiting import VisitAsksInTurn, VisitConnects, VisitEnds, VisitFails

Check = Annotated[
    AliasCompleted
    | AliasFollowsNumber
    | AllReplied
    | AnswerHolds
    | Answered
    | AnsweredInTurn
    | AnsweredOnConnection
    | AnsweredOnce
    | AnswersAgreeWithTable
    | ArrivedInPieces
    | AskedAllowedOnly
    | AskedInOrder
    | AskedIteratively
    | AskedNobody
    | AskedOnceForMany
    | AskedOnly
    | AskedTimes
    | AskedTogether
    | BackWithin
    | BitReachesUpstream
    | CameWhole
    | ConnectedToAnswer
    | DeadlineKept
    | Delivered
    | EchoAnswered
    | ErrorAbout
    | ErrorReplied
    | ErrorTranslated
    | ErrorWithin
    | EveryMemberHandedOut
    | EveryVisitEnds
    | FailsBack
    | FailureForgotten
    | FailureRemembered
    | FamilyHarmless
    | FilteringMeasured
    | FirstPositiveWins
    | ForgeryIgnored
    | FreshIdentifiers
    | FromCache
    | GoneWithin
    | HandedOutAvailable
    | HandedOutLeads
    | KeptOut
    | LossMadeGood
    | MalformedHarmless
    | MappedAlike
    | MappedApart
    | MappingStable
    | NameStaysWithin
    | NeverConnected
    | NeverReferral
    | NeverUsed
    | NewRefused
    | NextAskedAfterError
    | NextAskedAfterTimeout
    | NextOnRcodes
    | NoRealAddressOnClientSide
    | NotAnswered
    | NotHeldUp
    | NotTranslated
    | NothingSent
    | OneTtlPerRrset
    | OptAnswered
    | OptionsStay
    | OutsideOnlyBy
    | OutsidePortsUnpredictable
    | OwnSubClusters
    | PacketsDelayed
    | PacketsDoubled
    | PacketsLost
    | PacketsReordered
    | PlainRetry
    | PortRefused
    | PrivateNamesStay
    | QuestionsBounded
    | RdataUnchanged
    | Reached
    | RealAddressesStay
    | RecursionAfterForwarders
    | RecursionDesired
    | Referred
    | RefreshMeasured
    | RelayedUnchanged
    | ReplayedAlike
    | RepliedFromThere
    | RepliedInTime
    | RepliedOnce
    | RepliesFromAskedAddress
    | ReplyFits
    | ReplyHeader
    | SelectionRecognised
    | ServedWhenWhole
    | ServerSurvives
    | SignedUnchanged
    | SpellingsAlike
    | StaleAnswered
    | StepsInOrder
    | SuccessMeasured
    | SynHeld
    | SynsRepeated
    | TooLargeTold
    | TopologyRefused
    | Translated
    | TransportKept
    | TruncatedThenTcp
    | TruncationTold
    | TtlAtMost
    | Unfragmented
    | Unpredictable
    | VisitAsksInTurn
    | VisitConnects
    | VisitEnds
    | VisitFails,
    Field(discriminator="kind"),
]

__all__ = [
    "AliasCompleted",
    "AliasFollowsNumber",
    "AllReplied",
    "AnswerHolds",
    "Answered",
    "AnsweredInTurn",
    "AnsweredOnConnection",
    "AnsweredOnce",
    "AnswersAgreeWithTable",
    "ArrivedInPieces",
    "AskedAllowedOnly",
    "AskedInOrder",
    "AskedIteratively",
    "AskedNobody",
    "AskedOnceForMany",
    "AskedOnly",
    "AskedTimes",
    "AskedTogether",
    "BackWithin",
    "BitReachesUpstream",
    "CameWhole",
    "Check",
    "ConnectedToAnswer",
    "DeadlineKept",
    "Delivered",
    "EchoAnswered",
    "ErrorAbout",
    "ErrorReplied",
    "ErrorTranslated",
    "ErrorWithin",
    "EveryMemberHandedOut",
    "EveryVisitEnds",
    "FailsBack",
    "FailureForgotten",
    "FailureRemembered",
    "FamilyHarmless",
    "FilteringMeasured",
    "FirstPositiveWins",
    "ForgeryIgnored",
    "FreshIdentifiers",
    "FromCache",
    "GoneWithin",
    "HandedOutAvailable",
    "HandedOutLeads",
    "KeptOut",
    "LossMadeGood",
    "MalformedHarmless",
    "MappedAlike",
    "MappedApart",
    "MappingStable",
    "NameStaysWithin",
    "NeverConnected",
    "NeverReferral",
    "NeverUsed",
    "NewRefused",
    "NextAskedAfterError",
    "NextAskedAfterTimeout",
    "NextOnRcodes",
    "NoRealAddressOnClientSide",
    "NotAnswered",
    "NotHeldUp",
    "NotTranslated",
    "NothingSent",
    "OneTtlPerRrset",
    "OptAnswered",
    "OptionsStay",
    "OutsideOnlyBy",
    "OutsidePortsUnpredictable",
    "OwnSubClusters",
    "PacketsDelayed",
    "PacketsDoubled",
    "PacketsLost",
    "PacketsReordered",
    "PlainRetry",
    "PortRefused",
    "PrivateNamesStay",
    "QuestionsBounded",
    "RdataUnchanged",
    "Reached",
    "RealAddressesStay",
    "RecursionAfterForwarders",
    "RecursionDesired",
    "Referred",
    "RefreshMeasured",
    "RelayedUnchanged",
    "ReplayedAlike",
    "RepliedFromThere",
    "RepliedInTime",
    "RepliedOnce",
    "RepliesFromAskedAddress",
    "ReplyFits",
    "ReplyHeader",
    "SelectionRecognised",
    "ServedWhenWhole",
    "ServerSurvives",
    "SignedUnchanged",
    "SpellingsAlike",
    "StaleAnswered",
    "StepsInOrder",
    "SuccessMeasured",
    "SynHeld",
    "SynsRepeated",
    "TooLargeTold",
    "TopologyRefused",
    "Translated",
    "TransportKept",
    "TruncatedThenTcp",
    "TruncationTold",
    "TtlAtMost",
    "Turn",
    "Unfragmented",
    "Unpredictable",
    "VisitAsksInTurn",
    "VisitConnects",
    "VisitEnds",
    "VisitFails",
]
