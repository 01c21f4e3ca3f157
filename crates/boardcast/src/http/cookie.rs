//! Cookies, taken apart and put together (RFC 6265). Over https their names begin with `__Host-`, which
//! a browser takes only from this very host over https: no other site, no sibling and nobody on the line
//! can plant one. Plain http, which is for this machine alone, has names of its own.

use super::answer::Problem;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// A cookie that the server sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cookie {
    /// Who is signed in.
    Session,
    /// That somebody signed in on this device before.
    Device,
}

impl Cookie {
    fn name(self, is_https: bool) -> &'static str {
        match (self, is_https) {
            (Self::Session, true) => "__Host-boardcast",
            (Self::Session, false) => "boardcast",
            (Self::Device, true) => "__Host-boardcast_device",
            (Self::Device, false) => "boardcast_device",
        }
    }

    /// What the request holds under the name, if anything. Two of one name can't be told apart: one of
    /// them may be planted.
    pub(super) fn read(self, headers: &HeaderMap, is_https: bool) -> Result<Option<&str>, Twice> {
        let name = self.name(is_https);
        let lines = headers.get_all(COOKIE).iter();
        let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
        let mut values = pairs.filter_map(|pair| {
            let (found, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
            (found.trim() == name).then(|| value.trim())
        });
        let value = values.next();
        match values.next() {
            Some(_) => Err(Twice),
            None => Ok(value.filter(|value| !value.is_empty())),
        }
    }

    /// Sets it for so long. `Lax`: it comes along when a link from elsewhere leads here, and with
    /// nothing else that another site sends.
    pub(super) fn set(self, value: &str, seconds: u64, is_https: bool) -> HeaderValue {
        let name = self.name(is_https);
        let secure = if is_https { "; Secure" } else { "" };
        HeaderValue::try_from(format!(
            "{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
        ))
        .expect("secrets are visible ASCII")
    }

    /// Takes it back.
    pub(super) fn remove(self, is_https: bool) -> HeaderValue {
        self.set("", 0, is_https)
    }
}

/// Two cookies of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Twice;

impl From<Twice> for Problem {
    fn from(Twice: Twice) -> Self {
        Self::not_signed_in()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str], is_https: bool) -> Result<Option<String>, Twice> {
        let lines = lines
            .iter()
            .map(|line| (COOKIE, HeaderValue::from_str(line).unwrap()));
        let headers: HeaderMap = lines.collect();
        let value = Cookie::Session.read(&headers, is_https);
        value.map(|value| value.map(str::to_owned))
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let found = Ok(Some("x".to_owned()));
        assert_eq!(read(&["boardcast=x"], false), found);
        assert_eq!(read(&["a=b; boardcast=x;c=d"], false), found);
        assert_eq!(read(&["a=b", "boardcast=x"], false), found);
        assert_eq!(
            read(&["boardcastx=x; xboardcast=y; boardcast"], false),
            Ok(None)
        );
        assert_eq!(read(&["boardcast="], false), Ok(None));
        assert_eq!(read(&[], false), Ok(None));
    }

    #[test]
    fn over_https_only_the_name_that_nobody_else_can_set_counts() {
        assert_eq!(read(&["boardcast=planted"], true), Ok(None));
        let own = read(&["boardcast=planted; __Host-boardcast=x"], true);
        assert_eq!(own, Ok(Some("x".to_owned())));
        assert_eq!(read(&["__Host-boardcast=x"], false), Ok(None));
    }

    #[test]
    fn two_of_one_name_are_refused() {
        assert_eq!(read(&["boardcast=x; boardcast=x"], false), Err(Twice));
        assert_eq!(read(&["boardcast=x", "boardcast="], false), Err(Twice));
    }

    #[test]
    fn what_is_set_says_who_may_read_it() {
        assert_eq!(
            Cookie::Session.set("x", 60, true),
            "__Host-boardcast=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            Cookie::Device.remove(false),
            "boardcast_device=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
    }
}
