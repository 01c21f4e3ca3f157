//! The ruler: what the server costs under load, each figure beside a bare loop of sends in the same
//! minute, because a figure without its machine and its neighbours says little. Server, load and
//! floor are processes of their own. Whatever is measured, lost, doubled or disordered deliveries end
//! the bench.
//!
//! [`swarm`] is the load, [`feed`] how it reads, [`floor`] the bare loop; [`cases`] what is measured,
//! [`peers`] the same for another server, [`report`] the page.
#![expect(
    clippy::disallowed_methods,
    reason = "a ruler reads the real clock; nothing here is simulated"
)]

mod boards;
mod cases;
mod ending;
mod feed;
pub mod floor;
mod host;
mod idle;
mod peers;
pub mod report;
mod spread;
mod stage;
mod storms;
mod swarm;

use std::path::PathBuf;

pub use ending::{end_when_told, end_with_parent};
pub use host::{describe, raise_descriptors, said};
pub use peers::find as find_peers;
use report::Part;
use stage::Stage;
pub use stage::fan_out_of;
pub use swarm::Target;

/// What can be measured alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Writes by number of writers.
    Writes,
    /// One event to many watchers.
    Fanout,
    /// Many events, each to few.
    Boards,
    /// A small one beside a large one.
    Beside,
    /// Over sockets that were taken over, and as bodies.
    Paths,
    /// Everyone comes back at once.
    Storms,
    /// Some don't read.
    Stalled,
    /// Many do nothing.
    Idle,
    /// A large board whole.
    Snapshot,
    /// A few missed events among a million.
    Resume,
    /// Beside nginx with nchan.
    Peers,
    /// Beside it with many events at once.
    Flight,
}

impl Case {
    /// Those beside another server.
    pub const WITH_PEER: [Case; 2] = [Case::Peers, Case::Flight];

    /// Those of a bench; another server is asked for by itself.
    pub const ALL: [Case; 10] = [
        Case::Writes,
        Case::Fanout,
        Case::Boards,
        Case::Beside,
        Case::Paths,
        Case::Storms,
        Case::Stalled,
        Case::Idle,
        Case::Snapshot,
        Case::Resume,
    ];

    /// By its name on the command line.
    #[must_use]
    pub fn named(name: &str) -> Option<Case> {
        let mut all = Case::ALL.into_iter().chain(Case::WITH_PEER);
        all.find(|case| format!("{case:?}").eq_ignore_ascii_case(name))
    }
}

/// What to measure, and with what.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The server's program.
    pub binary: PathBuf,
    /// The same server with a door for events, for those cases that need one.
    pub door: Option<PathBuf>,
    /// The program that is the floor when told `floor`; `None`: a thread of this process, whose CPU
    /// then means nothing.
    pub floor: Option<PathBuf>,
    /// Small numbers and short times: shows that it runs and that nothing is lost, and no figure.
    pub is_quick: bool,
    /// An empty folder for the servers' files.
    pub folder: PathBuf,
    /// Says how far it is.
    pub say: fn(&str),
}

impl Bench {
    /// Measures one case.
    ///
    /// # Errors
    /// If a server can't be started or asked, or anything was lost, doubled or out of order.
    pub async fn run(&self, case: Case) -> Result<Part, String> {
        (self.say)(&format!("{case:?}"));
        let stage = Stage::set(self, case).await?;
        match case {
            Case::Writes => cases::writes(stage).await,
            Case::Fanout => cases::fan_out(stage).await,
            Case::Boards => boards::boards(stage).await,
            Case::Beside => boards::beside(stage).await,
            Case::Paths => boards::paths(stage).await,
            Case::Storms => storms::storms(stage).await,
            Case::Stalled => cases::stalled(stage).await,
            Case::Idle => idle::idle(stage).await,
            Case::Snapshot => cases::snapshot(stage).await,
            Case::Resume => cases::resume(stage).await,
            Case::Peers => peers::compare(stage).await,
            Case::Flight => peers::in_flight(stage).await,
        }
    }
}
