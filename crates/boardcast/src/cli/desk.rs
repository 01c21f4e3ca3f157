//! What `init`, `user` and `token` share: asking at the data file, and how accounts are shown.

use super::client::Failure;
use crate::desk::{Answer, Wish};
use crate::serve::ask_desk;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::path::Path;

/// Has a wish carried out, and gives what there is to show.
pub(super) fn ask(data: &Path, wish: Wish) -> Result<Box<RawValue>, Failure> {
    carry_out(data, false, wish)
}

/// The same; the data file is made where there is none.
pub(super) fn begin(data: &Path, wish: Wish) -> Result<Box<RawValue>, Failure> {
    carry_out(data, true, wish)
}

fn carry_out(data: &Path, makes: bool, wish: Wish) -> Result<Box<RawValue>, Failure> {
    match ask_desk(data, makes, wish) {
        Ok(Answer::Done(shown)) => Ok(shown),
        Ok(Answer::Refused(why)) => Err(Failure::Refused(
            why.strip_suffix('.').unwrap_or(&why).into(),
        )),
        Err(error) => Err(Failure::Refused(format!("{error:#}"))),
    }
}

/// Reads what was shown.
pub(super) fn read<T: DeserializeOwned>(shown: &RawValue) -> Result<T, Failure> {
    serde_json::from_str(shown.get()).map_err(|_| {
        Failure::Refused(
            "the server that runs is another version of this program; restart it".into(),
        )
    })
}

/// An account, as far as it is shown.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) login: Option<String>,
    pub(super) name: String,
    pub(super) is_admin: bool,
    pub(super) has_password: bool,
    pub(super) disabled_at: Option<String>,
}

impl Account {
    /// What the command line calls them by.
    pub(super) fn who(&self) -> &str {
        self.login.as_deref().unwrap_or(&self.name)
    }
}
