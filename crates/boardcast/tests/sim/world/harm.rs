//! Mistakes made on purpose: which place of the program makes each, and what must go wrong outside for it
//! to do harm.

use crate::swarm::{Fault, Mistake, Swarm};
use boardcast::sabotage::{Harm, Spot, arm, disarm};

const ALWAYS: [(Mistake, Spot); 27] = [
    (Mistake::ResumeOffByOne, Spot::ResumeOffByOne),
    (Mistake::RankCollision, Spot::RankCollision),
    (Mistake::OldCursorsStayGood, Spot::OldCursorsStayGood),
    (Mistake::KeyOutsideTransaction, Spot::KeyOutsideTransaction),
    (Mistake::ForgottenWatcher, Spot::WatcherForgotten),
    (Mistake::EventsApart, Spot::EventsApart),
    (Mistake::RestDropped, Spot::RestDropped),
    (Mistake::RestTwice, Spot::RestTwice),
    (Mistake::SentWhileFull, Spot::SentWhileFull),
    (Mistake::ListedAtStart, Spot::ListedAtStart),
    (Mistake::PageOfAnother, Spot::PageOfAnother),
    (Mistake::SliceOffByOne, Spot::SliceOffByOne),
    (Mistake::HeartbeatInEvent, Spot::HeartbeatInEvent),
    (Mistake::CutIgnored, Spot::CutIgnored),
    (Mistake::RightsIgnored, Spot::CutsIgnored),
    (Mistake::RightsForgottenInJoin, Spot::LeaseForgottenInJoin),
    (Mistake::StallIgnored, Spot::StallIgnored),
    (Mistake::BodyNotCut, Spot::BodyNotCut),
    (Mistake::RightsReadOutside, Spot::RightsReadOutside),
    (Mistake::ReplayNotJudged, Spot::ReplayNotJudged),
    (Mistake::BoardNotJudgedAgain, Spot::BoardNotJudgedAgain),
    (Mistake::LostBoardGoesOn, Spot::LostBoardGoesOn),
    (Mistake::ScopeIgnored, Spot::ScopeIgnored),
    (Mistake::StreamForgotten, Spot::StreamForgotten),
    (Mistake::OpenModeGoesOn, Spot::OpenModeGoesOn),
    (Mistake::TicketStays, Spot::TicketStays),
    (Mistake::TicketNeverEnds, Spot::TicketNeverEnds),
];

pub(super) fn arm_mistake(mistake: Option<Mistake>) {
    for (_, spot) in ALWAYS.iter().filter(|(own, _)| Some(*own) == mistake) {
        arm(*spot, Harm::Always);
    }
}

pub(crate) fn disarm_mistakes() {
    for (_, spot) in ALWAYS {
        disarm(spot);
    }
}

/// What must go wrong outside for a mistake to do harm.
pub(super) fn provoke(mistake: Option<Mistake>, swarm: &mut Swarm) {
    let faults: &[(Fault, u64)] = match mistake {
        Some(Mistake::PublishBeforeCommit | Mistake::AnswerBeforeCommit) => {
            &[(Fault::PowerLossInCommit, 10)]
        }
        Some(Mistake::NoCheckpointAtStart) => &[(Fault::KillInCommit, 5), (Fault::PowerLoss, 20)],
        Some(Mistake::HeadBeforeRegistration) => &[(Fault::Restart, 30)],
        Some(Mistake::ResumeOffByOne) => &[(Fault::Cut, 10)],
        Some(Mistake::MarkNotChecked) => &[(Fault::CopyBack, 60)],
        Some(Mistake::KeyOutsideTransaction) => &[(Fault::KillInCommit, 5), (Fault::GoneClient, 3)],
        Some(
            Mistake::RestDropped
            | Mistake::RestTwice
            | Mistake::SentWhileFull
            | Mistake::HeartbeatInEvent
            | Mistake::StallIgnored,
        ) => &[(Fault::Stuck, 5)],
        Some(Mistake::BoardNotJudgedAgain) => &[(Fault::SlowReads, 1)],
        Some(Mistake::ReplayNotJudged) => &[(Fault::Cut, 5)],
        Some(Mistake::CutIgnored | Mistake::RightsIgnored | Mistake::RightsForgottenInJoin) => {
            &[(Fault::Revoke, 5)]
        }
        _ => &[],
    };
    for (fault, one_in) in faults {
        swarm.provoke(*fault, *one_in);
    }
}
