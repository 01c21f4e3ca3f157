//! The façade over store and live: submit a change, read what stands, watch a board. Everything the
//! HTTP layer needs and nothing it has to put together itself.

use crate::live::body::{Line, MergedStream, Stream};
use crate::live::hub::{Hub, Seat};
use crate::live::reactor::Reactor;
use crate::live::{
    Asked, Hangup, Heartbeat, Leases, Located, Location, Log, Merge, Part, Pins, ReadError,
    Revoked, Snapshot, Start, Watcher, publish,
};
use crate::outside::{Outside, random_within};
use crate::sabotage::{self, Spot};
use crate::store::queue::Submissions;
use crate::store::sqlite::{
    Candidate, Deleted, DeletedBoard, EventsRead, Known, ListedBoard, Opened, Readers,
};
use crate::store::{Answer, Failure, PeopleAnswer};
use boardcast_core::access::{Access, Caller, Revocation};
use boardcast_core::cursor::Cursor;
use boardcast_core::frame::Segment;
use boardcast_core::limits::RETRY_SPREAD_MS;
use boardcast_core::model::{BoardId, Login, Malformed, Task, TaskId, UserId};
use boardcast_core::people::{
    Credential, Member, PasswordHash, PeopleRequest, Session, Token, User,
};
use boardcast_core::protocol::{Refusal, Request};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until};

/// The running board server, without HTTP.
pub struct Engine {
    submissions: Submissions,
    readers: Arc<Readers>,
    log: Arc<dyn Log>,
    hub: Arc<Hub>,
    publisher: Arc<Publisher>,
    pins: Arc<Pins>,
    outside: Arc<dyn Outside>,
    drain_tx: watch::Sender<bool>,
    stream_permits: Arc<Semaphore>,
    streams_max: usize,
    reactor: Option<Reactor>,
}

/// What an engine is built of.
pub struct Parts {
    /// The way to the writer.
    pub submissions: Submissions,
    /// For everyone who reads single things and pages.
    pub readers: Arc<Readers>,
    /// For whoever follows a log: the same readers, or somebody in front of them.
    pub log: Arc<dyn Log>,
    /// The boards that are watched now.
    pub hub: Arc<Hub>,
    /// Bounds the snapshots that readers hold.
    pub pins: Arc<Pins>,
    /// Where the writer publishes.
    pub publisher: Arc<Publisher>,
}

/// Where commits become known, each before anybody in it is answered: first what was taken away, then
/// what happened.
pub struct Publisher {
    hub: Arc<Hub>,
    leases: Arc<Leases>,
    has_accounts: AtomicBool,
}

impl Publisher {
    /// In front of a hub, for a file in which accounts are on or not.
    #[must_use]
    pub fn new(hub: Arc<Hub>, has_accounts: bool) -> Self {
        Self {
            hub,
            leases: Arc::default(),
            has_accounts: AtomicBool::new(has_accounts),
        }
    }

    /// Who is sent anything, and is cut off when a commit takes their rights away.
    #[must_use]
    pub fn leases(&self) -> &Arc<Leases> {
        &self.leases
    }

    /// Makes a commit known.
    pub fn publish(&self, revocations: &[Revocation], segments: Vec<Segment>) {
        if revocations.contains(&Revocation::Everyone) {
            self.has_accounts.store(true, Ordering::SeqCst);
        }
        publish(&self.leases, &self.hub, revocations, segments);
    }
}

/// Where a caller wants its stream to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Now.
    Head,
    /// With the whole board.
    Snapshot,
    /// After an event it has.
    Cursor(Cursor),
    /// After an event it has, but that is no cursor of ours.
    Unreadable,
}

/// One of several boards to watch.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The board's name, which may name nothing.
    pub board: String,
    /// Where to begin.
    pub from: From,
    /// What the caller's id says of this board.
    pub element: Option<String>,
}

/// Why there is no stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStream {
    /// No such living board, as far as this caller may know.
    NoBoard,
    /// The caller's credential is good for nothing any more.
    NotSignedIn,
    /// Not now: come back after so many milliseconds.
    ComeBack {
        /// Spread at random, so that not all come back at once.
        retry_ms: u32,
    },
}

/// Where a board stands, and the board itself if it was asked for.
pub enum BoardRead {
    /// The caller has this state already.
    Unchanged(Cursor),
    /// The JSON of the snapshot, held for this reader.
    Whole(Cursor, Bytes),
}

impl Engine {
    /// Starts the writer around an open data file, and the reactor unless every stream is to be a
    /// body.
    ///
    /// # Panics
    /// If it isn't called on a runtime.
    pub fn start(
        opened: Opened,
        last_ordinal: u64,
        outside: Arc<dyn Outside>,
        streams_max: usize,
        bodies_only: bool,
    ) -> std::io::Result<Arc<Self>> {
        let Opened {
            writer,
            readers,
            has_accounts,
        } = opened;
        let hub = Arc::new(Hub::new(last_ordinal));
        let publisher = Arc::new(Publisher::new(Arc::clone(&hub), has_accounts));
        let publish_to = Arc::clone(&publisher);
        let submissions = Submissions::start(writer, move |revocations, segments| {
            publish_to.publish(&revocations, segments);
        });
        let log = Arc::clone(&readers) as Arc<dyn Log>;
        let pins = Arc::<Pins>::default();
        let start_reactor = || {
            let (log, pins, outside) = (Arc::clone(&log), Arc::clone(&pins), Arc::clone(&outside));
            Reactor::start(log, pins, publisher.leases(), outside, Handle::current())
        };
        let reactor = (!bodies_only).then(start_reactor).transpose()?;
        let parts = Parts {
            submissions,
            log,
            readers,
            hub,
            pins,
            publisher,
        };
        Ok(Self::assemble(parts, reactor, outside, streams_max))
    }

    /// Of parts that somebody else moves: who takes the writer's turns publishes too.
    pub fn around(parts: Parts, outside: Arc<dyn Outside>, streams_max: usize) -> Arc<Self> {
        Self::assemble(parts, None, outside, streams_max)
    }

    fn assemble(
        parts: Parts,
        reactor: Option<Reactor>,
        outside: Arc<dyn Outside>,
        streams_max: usize,
    ) -> Arc<Self> {
        let Parts {
            submissions,
            readers,
            log,
            hub,
            pins,
            publisher,
        } = parts;
        Arc::new(Self {
            submissions,
            readers,
            log,
            hub,
            publisher,
            pins,
            outside,
            drain_tx: watch::Sender::new(false),
            stream_permits: Arc::new(Semaphore::new(streams_max)),
            streams_max,
            reactor,
        })
    }

    /// Carries a request out. Refused at once if too much is waiting; once it is taken, only the
    /// writer answers.
    pub async fn submit(&self, request: Request) -> Answer {
        self.submissions.submit(request).await
    }

    /// Carries a change of people out, likewise.
    pub async fn submit_people(&self, request: PeopleRequest) -> PeopleAnswer {
        self.submissions.submit_people(request).await
    }

    /// Whether accounts are on. Once they are, they stay on.
    #[must_use]
    pub fn is_accounts_on(&self) -> bool {
        self.publisher.has_accounts.load(Ordering::SeqCst)
    }

    /// Whose credential it is, if it is good now. That it is in use is noted, once a minute.
    pub async fn authenticate(&self, credential: Credential) -> Result<Option<Known>, ReadError> {
        let known = self.readers.authenticate(credential).await?;
        if let Some(known) = known.as_ref().filter(|known| known.is_seen_anew) {
            self.submissions.note_seen(known.caller.clone());
        }
        Ok(known)
    }

    /// Who signs in with that; none if nobody can.
    pub async fn candidate(&self, login: Login) -> Result<Option<Candidate>, ReadError> {
        self.readers.candidate(login).await
    }

    /// The caller's own account.
    pub async fn me(&self, access: &Access) -> Result<User, Failure> {
        self.readers.me(access).await
    }

    /// The caller's own kept password, if one was set.
    pub async fn own_password(&self, access: &Access) -> Result<Option<PasswordHash>, Failure> {
        self.readers.own_password(access).await
    }

    /// The caller's own sessions, oldest first.
    pub async fn sessions(&self, access: &Access) -> Result<Vec<Session>, Failure> {
        self.readers.sessions(access).await
    }

    /// An account's tokens, oldest first: a person's own, or a program's for who rules people.
    pub async fn tokens(&self, access: &Access, id: UserId) -> Result<Vec<Token>, Failure> {
        self.readers.tokens(access, id).await
    }

    /// All accounts by id, after one of them, for who rules people.
    pub async fn users(
        &self,
        access: &Access,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<User>, Failure> {
        self.readers.users(access, after, limit).await
    }

    /// Members of a board, for each of them.
    pub async fn members(
        &self,
        access: &Access,
        board_id: BoardId,
    ) -> Result<Vec<Member>, Failure> {
        self.readers.members(access, board_id).await
    }

    /// A task that the caller may see.
    pub async fn task(&self, access: &Access, id: TaskId) -> Result<Option<Task>, Failure> {
        self.readers.task(access, id).await
    }

    /// The boards that the caller may see, by id, after one of them.
    pub async fn boards(
        &self,
        access: &Access,
        after: Option<BoardId>,
        limit: usize,
    ) -> Result<Vec<ListedBoard>, Failure> {
        self.readers.boards(access, after, limit).await
    }

    /// A whole board, unless the caller has its present state already.
    pub async fn board(
        &self,
        access: &Access,
        id: &BoardId,
        known: impl Fn(Cursor) -> bool,
        hangup: &Hangup,
    ) -> Result<Option<BoardRead>, Failure> {
        let Some(head) = self.head(access, id).await? else {
            return Ok(None);
        };
        if known(head) {
            return Ok(Some(BoardRead::Unchanged(head)));
        }
        let Some(snapshot) = self.log.snapshot(id).await? else {
            return Ok(None);
        };
        // It knows no caller and was read later: whoever lost the board in between gets nothing of it.
        let is_judged_again = self.is_accounts_on() && !sabotage::hits(Spot::BoardNotJudgedAgain);
        if is_judged_again && self.head(access, id).await?.is_none() {
            return Ok(None);
        }
        Ok(Some(self.hold(&snapshot, hangup)))
    }

    /// Where a board stands, if the caller may know of it.
    async fn head(&self, access: &Access, id: &BoardId) -> Result<Option<Cursor>, Failure> {
        match self.log.locate(access, id, None).await? {
            Located::At(location) => Ok(Some(location.head)),
            Located::NoBoard => Ok(None),
            Located::NotSignedIn => Err(Refusal::NotSignedIn.into()),
        }
    }

    fn hold(&self, snapshot: &Arc<Snapshot>, hangup: &Hangup) -> BoardRead {
        BoardRead::Whole(
            snapshot.cursor(),
            self.pins.hold(snapshot, Part::Json, hangup),
        )
    }

    /// Begins a stream of a board: take a lease, register, judge rights and cursor, and from there
    /// replay and live are one path. The lease comes first: rights that go after they were read cut
    /// it, whatever step this is at.
    pub async fn watch(
        &self,
        access: &Access,
        board_id: BoardId,
        from: From,
        heartbeat: Heartbeat,
        hangup: Hangup,
    ) -> Result<Stream, NoStream> {
        let line = self.line(access, vec![board_id.clone()], hangup)?;
        let (seat, start) = self.begin(access, board_id, from).await?;
        self.check_still(&line)?;
        let watcher = Watcher::new(start, heartbeat);
        Ok(Stream {
            line,
            seat,
            watcher,
        })
    }

    /// Begins a stream of several boards, each from its own place. Boards that don't exist are told
    /// in the stream, unless none does.
    pub async fn watch_many(
        &self,
        access: &Access,
        wishes: Vec<Wish>,
        heartbeat: Heartbeat,
        hangup: Hangup,
    ) -> Result<MergedStream, NoStream> {
        let boards = wishes.iter().map(|wish| BoardId::parse(&wish.board));
        let line = self.line(access, boards.flatten().collect(), hangup)?;
        let mut seats = Vec::with_capacity(wishes.len());
        let mut boards = Vec::with_capacity(wishes.len());
        for Wish {
            board,
            from,
            element,
        } in wishes
        {
            let (begun, element) = match BoardId::parse(&board) {
                Ok(board_id) => (self.begin(access, board_id, from).await, element),
                // No name that isn't an id gets into the stream's ids.
                Err(_) => (Err(NoStream::NoBoard), None),
            };
            let (seat, start) = match begun {
                Ok((seat, start)) => (Some(seat), Some(start)),
                Err(NoStream::NoBoard) => (None, None),
                Err(no_stream) => return Err(no_stream),
            };
            seats.push(seat);
            boards.push(Asked {
                board,
                start,
                element,
            });
        }
        if seats.iter().all(Option::is_none) {
            return Err(NoStream::NoBoard);
        }
        self.check_still(&line)?;
        let (hub, merge) = (Arc::clone(&self.hub), Merge::new(boards, heartbeat));
        Ok(MergedStream {
            line,
            hub,
            seats,
            merge,
        })
    }

    /// A page of a board's log after a place, as far as that can be read, waiting for an event if
    /// there is none yet.
    pub async fn events(
        &self,
        access: &Access,
        board_id: BoardId,
        after: Option<Result<Cursor, Malformed>>,
        limit: usize,
        wait: Duration,
    ) -> Result<EventsRead, Failure> {
        let deadline = Instant::now() + wait;
        let mut drain_rx = self.drain_tx.subscribe();
        // Registered before the log is read, as every watcher; and before that comes the lease.
        let mut lease = self.leases().take(access, vec![board_id.clone()]);
        let mut seat = self.hub.attach(board_id.clone());
        let mut is_judged_anew = false;
        loop {
            seat.look(|_| ());
            // Judged anew each time: rights may have gone while it waited.
            let read = self
                .readers
                .events(access, board_id.clone(), after, limit)
                .await?;
            if lease.has_news() {
                // What was read may have been read with rights that are gone by now.
                if is_judged_anew {
                    return Ok(EventsRead::NoBoard);
                }
                is_judged_anew = true;
                lease = self.leases().take(access, vec![board_id.clone()]);
                continue;
            }
            if !matches!(read, EventsRead::CaughtUp(_)) {
                return Ok(read);
            }
            tokio::select! {
                () = lease.news() => {}
                () = seat.published() => {}
                () = sleep_until(deadline) => return Ok(read),
                _ = drain_rx.wait_for(|is_draining| *is_draining) => return Ok(read),
            }
        }
    }

    /// What was deleted on a board and can come back, newest first.
    pub async fn deleted_things(
        &self,
        access: &Access,
        board_id: BoardId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Option<Vec<Deleted>>, Failure> {
        let readers = &self.readers;
        readers
            .deleted_things(access, board_id, before, limit)
            .await
    }

    /// Boards that were deleted and can come back, by id, after one of them.
    pub async fn deleted_boards(
        &self,
        access: &Access,
        after: Option<BoardId>,
        limit: usize,
    ) -> Result<Vec<DeletedBoard>, Failure> {
        self.readers.deleted_boards(access, after, limit).await
    }

    fn line(
        &self,
        access: &Access,
        boards: Vec<BoardId>,
        hangup: Hangup,
    ) -> Result<Line, NoStream> {
        let permit = Arc::clone(&self.stream_permits).try_acquire_owned();
        let permit = permit.map_err(|_| self.come_back())?;
        if *self.drain_tx.borrow() {
            return Err(self.come_back());
        }
        Ok(Line {
            log: Arc::clone(&self.log),
            pins: Arc::clone(&self.pins),
            hangup,
            drain_rx: self.drain_tx.subscribe(),
            outside: Arc::clone(&self.outside),
            lease: self.leases().take(access, boards),
            permit: permit.into(),
        })
    }

    /// Who lost their rights while they were judged is judged anew when they come back. One board of
    /// several is told in the stream.
    fn check_still(&self, line: &Line) -> Result<(), NoStream> {
        line.lease.check().map_err(|Revoked| self.come_back())
    }

    /// Takes a seat, then judges where to begin.
    async fn begin(
        &self,
        access: &Access,
        board_id: BoardId,
        from: From,
    ) -> Result<(Seat, Start), NoStream> {
        let mut seat = self.hub.attach(board_id);
        let in_memory = match from {
            // Memory knows no rights.
            From::Cursor(cursor)
                if (*access.caller() == Caller::Open && !self.is_accounts_on())
                    || sabotage::hits(Spot::ReplayNotJudged) =>
            {
                seat.look(|tail| tail.locate(cursor))
            }
            _ => None,
        };
        let Location { head, is_good } = match in_memory {
            Some(location) => location,
            None => self.locate(access, seat.board_id(), from).await?,
        };
        let start = match from {
            From::Head => Start::After { place: head, head },
            From::Cursor(place) if is_good => Start::After { place, head },
            From::Cursor(_) | From::Snapshot | From::Unreadable => Start::Snapshot,
        };
        Ok((seat, start))
    }

    /// One indexed read, in a transaction that began after the watcher was registered.
    async fn locate(
        &self,
        access: &Access,
        board_id: &BoardId,
        from: From,
    ) -> Result<Location, NoStream> {
        let cursor = match from {
            From::Cursor(cursor) => Some(cursor),
            From::Head | From::Snapshot | From::Unreadable => None,
        };
        match self.log.locate(access, board_id, cursor).await {
            Ok(Located::At(location)) => Ok(location),
            Ok(Located::NoBoard) => Err(NoStream::NoBoard),
            Ok(Located::NotSignedIn) => Err(NoStream::NotSignedIn),
            Err(ReadError) => Err(self.come_back()),
        }
    }

    fn come_back(&self) -> NoStream {
        NoStream::ComeBack {
            retry_ms: random_within(&*self.outside, &RETRY_SPREAD_MS),
        }
    }

    /// Whether the data file can be read.
    pub async fn is_healthy(&self) -> bool {
        self.readers.is_readable().await
    }

    /// The boards that are watched now, and by whom.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Streams that are open now, however they are sent.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams_max - self.stream_permits.available_permits()
    }

    /// Snapshots that were encoded so far, and the bytes of those that readers hold now.
    #[must_use]
    pub fn snapshots(&self) -> (u64, usize) {
        (self.readers.snapshots_made(), self.pins.bytes())
    }

    /// Who is sent anything now, and may be cut off.
    #[must_use]
    pub fn leases(&self) -> &Arc<Leases> {
        self.publisher.leases()
    }

    /// Where streams go whose sockets can be had.
    #[must_use]
    pub fn reactor(&self) -> Option<&Reactor> {
        self.reactor.as_ref()
    }

    /// The clock and randomness that the program runs on.
    #[must_use]
    pub fn outside(&self) -> &dyn Outside {
        &*self.outside
    }

    /// Ends all streams in order and begins no new one.
    pub fn drain(&self) {
        self.drain_tx.send_replace(true);
        if let Some(reactor) = &self.reactor {
            reactor.drain();
        }
    }

    /// Waits for the streams' end, answers everything that was accepted, then closes the data file.
    /// Blocks. Nobody may begin a stream any more.
    pub fn close(&self) {
        if let Some(reactor) = &self.reactor {
            reactor.finish();
        }
        self.readers.close();
        self.submissions.close();
    }
}

#[cfg(test)]
mod tests;
