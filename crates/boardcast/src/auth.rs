//! Who is asking. A credential that was checked becomes an [`Access`], and there is no other way to one;
//! what it may reach is looked up where the data is. In open mode everyone is the same nobody and reaches
//! everything; which is why open mode listens on this machine only.

pub mod device;
pub mod password;
pub mod secret;
pub mod setup;
pub mod tickets;
pub mod tries;

use crate::engine::Engine;
use crate::live::ReadError;
use crate::outside::Outside;
use boardcast_core::access::{Access, Caller};
use boardcast_core::model::BoardId;
use boardcast_core::people::{Credential, User};
use device::Devices;
use password::Passwords;
use secret::{Kind, Secret};
use setup::SetupCode;
use tickets::Tickets;
use tokio::time::Instant;
use tries::Tries;

/// What signing in needs beside the data. All of it lives in memory.
#[derive(Debug)]
pub struct Auth {
    /// Where passwords are hashed.
    pub passwords: Passwords,
    /// Tickets that were not spent yet.
    pub tickets: Tickets,
    /// Wrong tries.
    pub tries: Tries,
    /// Devices that are known.
    pub devices: Devices,
    /// What makes the first account.
    pub setup_code: SetupCode,
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Asker {
    /// What every read and change wants to see.
    pub access: Access,
    /// Whose rights it has; nobody's in open mode.
    pub user: Option<User>,
}

/// The credentials that a request holds, as they stand in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown<'a> {
    /// After `Authorization: Bearer`, or whatever else that header held.
    pub bearer: Option<&'a str>,
    /// In the cookie.
    pub cookie: Option<&'a str>,
    /// In the address, and for which boards.
    pub ticket: Option<(&'a str, &'a [BoardId])>,
}

/// Why nobody is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// No credential, or one that is good for nothing (any more): nobody learns which.
    NotSignedIn,
    /// The data file can't be read now.
    Unreadable,
}

impl From<ReadError> for Unknown {
    fn from(ReadError: ReadError) -> Self {
        Self::Unreadable
    }
}

impl Auth {
    /// With nothing in it.
    #[must_use]
    pub fn new(outside: &dyn Outside) -> Self {
        Self {
            passwords: Passwords::new(outside),
            tickets: Tickets::default(),
            tries: Tries::default(),
            devices: Devices::new(outside),
            setup_code: SetupCode::draw(outside),
        }
    }

    /// Who shows these credentials. All of them must be good: a stale one beside a good one means that
    /// somebody is mistaken about who they are. The one that was given on purpose decides.
    pub async fn identify(&self, engine: &Engine, shown: Shown<'_>) -> Result<Asker, Unknown> {
        if !engine.is_accounts_on() {
            return Ok(Asker::open());
        }
        let mut asker = None;
        if let Some(cookie) = shown.cookie {
            asker = Some(known(engine, Kind::Session, cookie).await?);
        }
        if let Some((ticket, boards)) = shown.ticket {
            let access = self.tickets.spend(ticket, boards, Instant::now());
            let access = access.ok_or(Unknown::NotSignedIn)?;
            asker = Some(Asker { access, user: None });
        }
        if let Some(bearer) = shown.bearer {
            asker = Some(known(engine, Kind::Token, bearer).await?);
        }
        asker.ok_or(Unknown::NotSignedIn)
    }
}

async fn known(engine: &Engine, kind: Kind, text: &str) -> Result<Asker, Unknown> {
    let secret = Secret::parse(kind, text).ok_or(Unknown::NotSignedIn)?;
    let credential = match kind {
        Kind::Session => Credential::Session(secret.hash()),
        Kind::Token => Credential::Token(secret.hash()),
        Kind::Invite | Kind::Ticket => return Err(Unknown::NotSignedIn),
    };
    let known = engine.authenticate(credential).await?;
    let known = known.ok_or(Unknown::NotSignedIn)?;
    Ok(Asker {
        access: Access::of(known.caller),
        user: Some(known.user),
    })
}

impl Asker {
    /// Everyone in open mode.
    #[must_use]
    pub fn open() -> Self {
        Self {
            access: Access::open(),
            user: None,
        }
    }

    /// Whoever showed no credential where there are accounts.
    #[must_use]
    pub fn nobody() -> Self {
        Self {
            access: Access::of(Caller::Nobody),
            user: None,
        }
    }
}
