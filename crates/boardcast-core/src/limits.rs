//! Every cap in the product, with its reason. Nothing here is a setting; what a person may set has
//! its default here. Invariant I7: reaching a limit is a clear refusal, never a silent drop.

/// Characters in an id. Long enough for a TypeID with a long prefix or a client's own UUID.
pub const ID_CHARS_MAX: usize = 64;
/// Characters in a task's title: a sentence or two; more belongs into the description.
pub const TITLE_CHARS_MAX: usize = 500;
/// Characters in the name of a board or a list.
pub const NAME_CHARS_MAX: usize = 200;
/// Bytes of a description as encoded JSON (between the quotes). With the largest title it keeps a
/// frame under [`FRAME_BYTES_MAX`].
pub const DESCRIPTION_JSON_BYTES_MAX: usize = 32 * 1024;
/// Characters in a rank. Past it the crowded run is spaced out again.
pub const RANK_CHARS_MAX: usize = 64;
/// Living lists on a board: more is no board that a person can read.
pub const LISTS_PER_BOARD_MAX: usize = 200;
/// Living tasks on a board: bounds a snapshot to a few megabytes.
pub const TASKS_PER_BOARD_MAX: usize = 10_000;
/// Bytes of one frame, snapshots excepted. Real clients cut lines at 64 KiB and above.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a request body: several times the largest valid one.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// Characters in an `Idempotency-Key`.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 128;
/// Hours for which the first answer under a key is kept; retries come within minutes.
pub const ANSWER_HOURS_KEPT: u64 = 24;
/// The largest `limit` of a page.
pub const PAGE_ITEMS_MAX: usize = 1_000;
/// The `limit` of a page when none is given.
pub const PAGE_ITEMS_DEFAULT: usize = 100;
/// Bytes of one request's head (request line and headers); also what hyper buffers ahead of a slow
/// reader, so it bounds the memory of a stalled watcher.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Seconds in which a request's head must have arrived; idle connections are let go after it too.
pub const HEAD_SECONDS_MAX: u64 = 30;
/// Seconds in which a request's body must have arrived. Ends before submission, never after.
pub const BODY_SECONDS_MAX: u64 = 30;
/// Seconds that a closing connection goes on reading and discarding, so that an answer sent while
/// the client was still sending is not lost to a reset: as long as a body may take.
pub const LINGER_SECONDS_MAX: u64 = BODY_SECONDS_MAX;
/// Seconds of silence after which such a client has stopped sending.
pub const LINGER_QUIET_SECONDS_MAX: u64 = 2;

/// Lines a minute that the security log has for each kind of event; the rest is counted. Enough to see
/// who it is, and nobody can fill a disk with it.
pub const SECURITY_LINES_PER_MINUTE: u64 = 10;
/// Streams that each client address may have open (a setting's default): the browsers of everyone in a
/// building, each of which has one.
pub const STREAMS_PER_ADDRESS: usize = 500;
/// Writes a second for each account, and for each client address without one (a setting's default):
/// many times what a person does, and a small part of what the writer can.
pub const WRITES_PER_SECOND: u32 = 50;
/// Seconds whose writes may come at once: somebody who brings a list along.
pub const WRITES_BURST_SECONDS: i64 = 10;
/// Places in each of the two rows that remember who used how much: half a megabyte, of which only what
/// is used is ever touched. With a thousand callers at their limit one in a thousand others shares both.
pub const RATE_PLACES: usize = 32 * 1024;
/// Seconds in which a TLS handshake must be done: a few round trips, over the slowest line.
pub const HANDSHAKE_SECONDS_MAX: u64 = 10;
/// Handshakes under way; past it the oldest is given up. Each holds some 40 KB, and an honest one is
/// over in less than a second.
pub const HANDSHAKES_AT_ONCE_MAX: usize = 1_024;
/// Session tickets after a handshake: one for the connection that comes next is enough.
pub const TICKETS_PER_HANDSHAKE: usize = 1;
/// Bytes of a file with certificates or a key: many times the longest chain.
pub const PEM_BYTES_MAX: u64 = 1024 * 1024;
/// Requests, streams among them, that one HTTP/2 connection may have open: a browser's tabs, or the
/// people behind one connection of a proxy.
pub const REQUESTS_AT_ONCE_MAX: u32 = 128;
/// Requests on an HTTP/2 connection that were taken back before they were looked at, and those that
/// broke the protocol; past either the connection ends.
pub const RESETS_MAX: usize = 64;
/// Bytes of an HTTP/2 answer that its connection holds at a time while the reader doesn't take them.
pub const SLICE_BYTES_MAX: usize = 16 * 1024;
/// Seconds between the pings of an HTTP/2 connection, and for their answers: a peer that is gone is
/// noticed within a minute.
pub const PING_SECONDS: u64 = 20;

/// Commands that may wait for the writer. At thousands a second it is far less than a second's
/// work; more waiting would only answer later.
pub const SUBMISSIONS_WAITING_MAX: usize = 1_024;
/// Commands in one transaction: past a few hundred the cost per command no longer falls, and with the
/// largest descriptions it is some 8 MB of events.
pub const BATCH_COMMANDS_MAX: usize = 256;
/// Reading connections. Readers are short; more of them only contend on two cores.
pub const READERS_MAX: usize = 4;
/// Rows in one read of the log: no read transaction outlives one such read.
pub const LOG_READ_ROWS_MAX: usize = 1_000;
/// Bytes in one read of the log; also what a watcher that lags may hold in memory.
pub const LOG_READ_BYTES_MAX: usize = 64 * 1024;
/// Bytes of events in one page of the log, about.
pub const EVENTS_PAGE_BYTES_MAX: usize = 1024 * 1024;
/// Seconds that a request for a page may wait for an event.
pub const EVENTS_WAIT_SECONDS_MAX: u64 = 30;
/// Boards that one stream may follow: its ids name them all.
pub const BOARDS_PER_STREAM_MAX: usize = 32;
/// Pages of the data file that a backup copies between two looks at how far it is: some 4 MiB.
pub const BACKUP_PAGES_AT_ONCE: u16 = 1_024;
/// Bytes of a file read at a time while it is hashed.
pub const HASH_BYTES_AT_ONCE: usize = 1024 * 1024;
/// Findings of a check that are listed; past it they are counted. A person reads the first few.
pub const FINDINGS_MAX: usize = 1_000;
/// Rows that one pass of retention deletes before the writer looks at its queue again.
pub const PRUNE_ROWS_MAX: usize = 500;
/// Seconds between two looks of the writer for what retention may delete.
pub const PRUNE_SECONDS: u64 = 60;
/// Bytes of write-ahead log after which the writer checkpoints without waiting for readers.
pub const WAL_CHECKPOINT_BYTES: u64 = 4 * 1024 * 1024;
/// Bytes of write-ahead log after which new reads wait until it has been written back.
pub const WAL_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Milliseconds that a start waits for the data file's lock: a predecessor that is draining.
pub const LOCK_WAIT_MS_MAX: u64 = 2_000;
/// Milliseconds that SQLite waits while another program has the data file locked: one that looks at
/// it or copies it is done by then, and requests wait behind this.
pub const BUSY_WAIT_MS_MAX: u64 = 2_000;

/// Days for which what was deleted can come back, and for which its id stays taken.
pub const DELETED_DAYS_KEPT: u32 = 30;
/// Days for which events are kept (a setting's default).
pub const EVENTS_KEPT_DAYS: u32 = 30;
/// Events kept for each board whatever their age (a setting's default).
pub const EVENTS_KEPT_COUNT: u64 = 10_000;

/// Accounts, disabled ones included: what one machine's board server is for.
pub const USERS_MAX: usize = 10_000;
/// Members of a board: more is no board that people share.
pub const MEMBERS_PER_BOARD_MAX: usize = 1_000;
/// Sessions of a person; past it the oldest one ends. A person has a few devices, and forgets some.
pub const SESSIONS_PER_USER_MAX: usize = 50;
/// Tokens of an account.
pub const TOKENS_PER_USER_MAX: usize = 100;
/// Boards that a token can be limited to.
pub const BOARDS_PER_TOKEN_MAX: usize = 100;
/// Characters in a person's name, which stands in every event that they cause.
pub const PERSON_NAME_CHARS_MAX: usize = 100;
/// Characters in a token's name, likewise.
pub const TOKEN_NAME_CHARS_MAX: usize = 100;
/// Characters in a login: fewer is a typing mistake.
pub const LOGIN_CHARS_MIN: usize = 3;
/// Characters in a login: an address fits.
pub const LOGIN_CHARS_MAX: usize = 100;
/// Characters in a password: fewer can be guessed.
pub const PASSWORD_CHARS_MIN: usize = 10;
/// Characters in a password: a sentence fits.
pub const PASSWORD_CHARS_MAX: usize = 200;
/// Bytes of a password: what that many characters can take, and what hashing it may cost.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// Characters of a kept password, a PHC string: some twice what ours have.
pub const PASSWORD_HASH_CHARS_MAX: usize = 256;
/// Characters kept of what a browser calls itself.
pub const AGENT_CHARS_MAX: usize = 200;
/// Days without a request after which a session ends.
pub const SESSION_IDLE_DAYS: u32 = 30;
/// Days after which a session ends however much it is used.
pub const SESSION_DAYS_MAX: u32 = 180;
/// Days for which the link to set a password is good: over a weekend and a holiday.
pub const INVITE_DAYS: u32 = 7;
/// Seconds between two notes that a session or token is in use.
pub const SEEN_SECONDS: u64 = 60;

/// Bytes of a board's newest segments held in memory while somebody watches it.
pub const TAIL_BYTES_MAX: usize = 256 * 1024;
/// Bytes of all boards' tails together; past it a board keeps nothing and its watchers read the log.
pub const TAILS_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Bytes handed to a socket in one send: as much as one read of the log gives.
pub const SEND_BYTES_MAX: usize = LOG_READ_BYTES_MAX;
/// Sends before the thread looks at its sockets and its inbox again: some 0.8 ms. One board makes at
/// most half of them before others have theirs.
pub const SENDS_PER_TURN_MAX: usize = 128;
/// Snapshots encoded at the same time: each holds a reader for milliseconds and megabytes of memory.
pub const SNAPSHOTS_AT_ONCE_MAX: usize = 2;
/// Bytes of encoded snapshots that readers may hold; past it the oldest readers are closed.
pub const SNAPSHOTS_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes of a snapshot handed to a socket at a time.
pub const SNAPSHOT_SLICE_BYTES: usize = 64 * 1024;
/// Seconds of silence after which a stream sends a heartbeat; proxies cut idle lines at 60.
pub const HEARTBEAT_SECONDS: u64 = 15;
/// Milliseconds that a client is told to wait before it reconnects.
pub const RETRY_MS: u32 = 2_000;
/// Milliseconds over which clients are spread when overload or shutdown sends them away.
pub const RETRY_SPREAD_MS: std::ops::RangeInclusive<u32> = 1_000..=10_000;
/// Seconds of a stall window: a reader must take [`STALL_BYTES_MIN`] in it while more waits.
pub const STALL_SECONDS: u64 = 30;
/// Bytes that a reader must take in a stall window to count as alive.
pub const STALL_BYTES_MIN: u64 = 4 * 1024;
/// Unsent bytes that the kernel may hold for a connection (`TCP_NOTSENT_LOWAT`); without it a
/// stalled reader costs megabytes of kernel memory.
pub const UNSENT_BYTES_MAX: u32 = 16 * 1024;
/// Milliseconds without acknowledgement after which the kernel gives a peer up (`TCP_USER_TIMEOUT`).
pub const UNACKNOWLEDGED_MS_MAX: u32 = 30_000;
/// Descriptors kept back for the data file, logs and short requests when streams take the rest.
pub const DESCRIPTORS_RESERVED: u64 = 256;
/// Seconds between two looks at whether many connections have gone, after which memory is given back. A
/// crowd that is there for less goes unseen.
pub const EBB_LOOK_SECONDS: u64 = 1;
/// Connections that must have gone for that: what fewer leave behind is soon used again.
pub const EBB_CONNECTIONS_MIN: usize = 500;
/// Bytes of a file that `--web-dir` serves, which is read whole: many times what a page is made of.
pub const WEB_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Seconds in which a drain must be over; then the process ends regardless.
pub const DRAIN_SECONDS_MAX: u64 = 10;
/// Seconds of these in which connections and streams must have ended; the rest is for the data file.
pub const CONNECTIONS_DRAIN_SECONDS_MAX: u64 = DRAIN_SECONDS_MAX - 3;

/// How often the command line sends a request again that the server did not answer.
pub const CLIENT_RETRIES_MAX: u32 = 5;
/// Milliseconds before the first of these; each later one waits twice as long, half of it at random.
pub const CLIENT_RETRY_MS: u64 = 100;
/// Seconds that the command line waits because a server asked for it.
pub const CLIENT_RETRY_AFTER_SECONDS_MAX: u64 = 10;
/// Seconds in which the command line must be connected.
pub const CLIENT_CONNECT_SECONDS_MAX: u64 = 10;
/// Seconds in which an answer must begin: more than a body may take, or a page may wait.
pub const CLIENT_ANSWER_SECONDS_MAX: u64 = 40;
/// Seconds without a byte after which the command line gives a connection up: two heartbeats missed,
/// and some.
pub const CLIENT_SILENCE_SECONDS_MAX: u64 = 40;
/// Bytes of an answer or of an event that the command line reads: some times the largest board.
pub const CLIENT_ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes of an id that the command line takes from a stream: more than twice what one of as many boards
/// as there may be has. Every event that it has read and not told yet holds one.
pub const CLIENT_ID_BYTES_MAX: usize = 8 * 1024;
/// Milliseconds between the attempts of `watch` to come back: from the first to the longest.
pub const WATCH_BACKOFF_MS: std::ops::RangeInclusive<u32> = 500..=10_000;
/// Milliseconds that a server may tell `watch` to stay away.
pub const WATCH_RETRY_MS_MAX: u32 = 60_000;

/// Passwords hashed at once, each in 19 MiB and some tens of milliseconds of one core.
pub const PASSWORDS_AT_ONCE_MAX: usize = 2;
/// Passwords that wait for that: a second's work, so that nobody's password waits longer.
pub const PASSWORDS_WAITING_MAX: usize = 32;
/// Seconds over which wrong tries are counted.
pub const TRIES_SECONDS: u64 = 15 * 60;
/// Wrong tries for one login from one address or one device.
pub const TRIES_PER_LOGIN_MAX: u32 = 10;
/// Wrong tries from one address, whatever the login: an office behind one address mistypes too.
pub const TRIES_PER_ADDRESS_MAX: u32 = 50;
/// Counts of wrong tries that are kept; past it the oldest are forgotten.
pub const TRIES_KEPT_MAX: usize = 10_000;
/// Seconds for which a ticket to a stream is good: it is spent at once.
pub const TICKET_SECONDS: u64 = 30;
/// Tickets that one caller may have unspent.
pub const TICKETS_PER_CALLER_MAX: usize = 50;
/// Tickets that all callers together may have unspent.
pub const TICKETS_MAX: usize = 10_000;

/// Who may ask at the data file's socket at once; others wait in its backlog.
pub const DESK_CALLERS_MAX: usize = 8;
/// Seconds that a caller at the socket has to say what they want, and to take the answer.
pub const DESK_SECONDS_MAX: u64 = 10;
/// Bytes of what a caller at the socket wants: a token's boards, and room.
pub const DESK_WISH_BYTES_MAX: u64 = 64 * 1024;
/// Accounts in one answer at the socket.
pub const DESK_PAGE_USERS: usize = 500;
/// Bytes of an answer at the socket: every token of an account with all the boards it may name.
pub const DESK_ANSWER_BYTES_MAX: u64 = 4 * 1024 * 1024;
