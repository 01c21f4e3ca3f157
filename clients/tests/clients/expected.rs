//! The clients, the scenarios, and what each client does in each of them. `docs/clients.md` shows the same as its table.

/// What others have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Chromium,
    FetchEventSource,
    NodeEventsource,
    NodeModern,
    HttpxSse,
    Sseclient,
    Rust,
    Curl,
}

/// What happens while it watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Nothing.
    Plain,
    /// The connection is reset within an event.
    Cut,
    /// The connection ends in order within an event, and the next ones again.
    Ended,
    /// The server is killed and started again.
    Restart,
    /// The server stops in order and is started again.
    Drain,
    /// Nothing comes through for a while, and more is written than all buffers on the way can hold.
    Slow,
    /// Its credential is taken away.
    Revoked,
    /// It begins at a place that the log no longer has.
    Pruned,
    /// It begins at a place of another log.
    Foreign,
    /// So, and its connection is reset before it has got the board.
    Interrupted,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It sees every event, once and in order, to the last.
    Everything,
    /// So, and it stays away for as long as the server asks it to.
    EverythingWhenTold,
    /// So, but it comes back as after any other cut, however long it is asked to stay away.
    EverythingUntold,
    /// It sees the board as it is, and from there every event.
    Snapshot,
    /// It forgets where it was, and sees every event from when it came back.
    Forgets,
    /// It sees nothing more, and gives up.
    Closes,
    /// It ends with its connection, with this exit code.
    Ends(u8),
}

impl Client {
    pub(crate) const ALL: [Client; 8] = [
        Client::Chromium,
        Client::FetchEventSource,
        Client::NodeEventsource,
        Client::NodeModern,
        Client::HttpxSse,
        Client::Sseclient,
        Client::Rust,
        Client::Curl,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Client::Chromium => "chromium",
            Client::FetchEventSource => "fetch-event-source",
            Client::NodeEventsource => "eventsource",
            Client::NodeModern => "eventsource-client",
            Client::HttpxSse => "httpx-sse",
            Client::Sseclient => "sseclient-py",
            Client::Rust => "rust",
            Client::Curl => "curl",
        }
    }

    /// Its page, if it is one.
    pub(crate) fn page(self) -> Option<&'static str> {
        match self {
            Client::Chromium => Some("eventsource.html"),
            Client::FetchEventSource => Some("fetch-event-source.html"),
            _ => None,
        }
    }
}

impl Scenario {
    pub(crate) const ALL: [Scenario; 10] = [
        Scenario::Plain,
        Scenario::Cut,
        Scenario::Ended,
        Scenario::Restart,
        Scenario::Drain,
        Scenario::Slow,
        Scenario::Revoked,
        Scenario::Pruned,
        Scenario::Foreign,
        Scenario::Interrupted,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Scenario::Plain => "plain",
            Scenario::Cut => "cut",
            Scenario::Ended => "ended",
            Scenario::Restart => "restart",
            Scenario::Drain => "drain",
            Scenario::Slow => "slow",
            Scenario::Revoked => "revoked",
            Scenario::Pruned => "old cursor",
            Scenario::Foreign => "foreign cursor",
            Scenario::Interrupted => "cut before snapshot",
        }
    }
}

/// What a client does in a scenario.
pub(crate) fn expected(client: Client, scenario: Scenario) -> Outcome {
    match (scenario, client) {
        (Scenario::Plain | Scenario::Slow, _) => Outcome::Everything,
        (Scenario::Pruned | Scenario::Foreign, _) => Outcome::Snapshot,
        (Scenario::Interrupted, Client::Rust) => Outcome::Forgets,
        (Scenario::Interrupted, Client::Curl) => Outcome::Ends(56),
        (Scenario::Interrupted, _) => Outcome::Snapshot,
        (Scenario::Cut | Scenario::Revoked, Client::Curl) => Outcome::Ends(56),
        (Scenario::Restart, Client::Curl) => Outcome::Ends(18),
        (Scenario::Ended | Scenario::Drain, Client::Curl) => Outcome::Ends(0),
        (Scenario::Cut | Scenario::Ended | Scenario::Restart, _) => Outcome::Everything,
        (Scenario::Drain, Client::Sseclient | Client::Rust) => Outcome::EverythingUntold,
        (Scenario::Drain, _) => Outcome::EverythingWhenTold,
        (Scenario::Revoked, _) => Outcome::Closes,
    }
}

impl Outcome {
    /// In the document's table.
    pub(crate) fn word(self) -> String {
        match self {
            Outcome::Everything => "all".to_owned(),
            Outcome::EverythingWhenTold => "all, when told".to_owned(),
            Outcome::EverythingUntold => "all, untold".to_owned(),
            Outcome::Snapshot => "snapshot, all".to_owned(),
            Outcome::Forgets => "**forgets**".to_owned(),
            Outcome::Closes => "closes".to_owned(),
            Outcome::Ends(code) => format!("ends with {code}"),
        }
    }

    /// Whether it is over for the client before the writer stops.
    pub(crate) fn is_end(self) -> bool {
        matches!(self, Outcome::Closes | Outcome::Ends(_))
    }
}
