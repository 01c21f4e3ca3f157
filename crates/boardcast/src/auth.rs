//! Who is asking, and what they may reach. In open mode everyone is the same nobody and reaches
//! everything; which is why open mode listens on this machine only.

pub mod device;
pub mod password;
pub mod secret;
pub mod setup;
pub mod tickets;
pub mod tries;

use boardcast_core::access::Access;

/// How callers are told apart.
#[derive(Clone, Copy, Debug, Default)]
pub enum Auth {
    /// No accounts: whoever can connect may do everything.
    #[default]
    Open,
}

impl Auth {
    /// What the caller of a request is granted.
    #[must_use]
    pub fn access(self) -> Access {
        match self {
            Self::Open => Access::open(),
        }
    }
}
