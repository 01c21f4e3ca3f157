//! What everybody shows at a server where accounts are on: one token for each address, in every request
//! that shows nothing of its own. So whatever asks and watches here can be pointed at such a server
//! without knowing of accounts.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::http1::header;

static BADGES: Mutex<BTreeMap<SocketAddr, String>> = Mutex::new(BTreeMap::new());

/// From now on every request to the address shows this token.
pub fn wear(addr: SocketAddr, token: impl Into<String>) {
    badges().insert(addr, token.into());
}

/// Shows it, if there is one for the address and the request shows nothing.
pub(crate) fn show(addr: SocketAddr, headers: &mut Vec<(String, String)>) {
    let shows = |name| header(headers, name).is_some();
    if shows("authorization") || shows("cookie") {
        return;
    }
    if let Some(token) = badges().get(&addr) {
        headers.push(("authorization".to_owned(), format!("Bearer {token}")));
    }
}

/// The same as a line of a request's head, or nothing.
pub(crate) fn line(addr: SocketAddr) -> String {
    let mut headers = Vec::new();
    show(addr, &mut headers);
    let line = |(name, value)| format!("{name}: {value}\r\n");
    headers.into_iter().map(line).collect()
}

fn badges() -> MutexGuard<'static, BTreeMap<SocketAddr, String>> {
    BADGES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_at_its_address_by_whoever_shows_nothing_else() {
        let [here, there]: [SocketAddr; 2] =
            ["127.9.9.9:1", "127.9.9.9:2"].map(|addr| addr.parse().unwrap());
        wear(here, "t");
        let shown = |addr, own: &[(&str, &str)]| {
            let own = own.iter();
            let mut headers: Vec<_> = own
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            show(addr, &mut headers);
            header(&headers, "authorization").map(str::to_owned)
        };
        assert_eq!(shown(here, &[]), Some("Bearer t".to_owned()));
        assert_eq!(shown(there, &[]), None);
        assert_eq!(shown(here, &[("Cookie", "c")]), None);
        assert_eq!(
            shown(here, &[("Authorization", "own")]),
            Some("own".to_owned())
        );
    }
}
