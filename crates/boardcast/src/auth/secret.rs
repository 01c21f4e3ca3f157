//! Secrets that are drawn, not chosen: what a session's cookie, a token, an invite, a ticket and a
//! device's cookie hold. Each has 256 bits, so nobody can guess it, and is kept only as a hash: who reads
//! the data file can't sign in with it. Looking a hash up needs no comparison in constant time, because
//! nobody can steer the hash of a guess.

use crate::outside::{Outside, random_bytes};
use boardcast_core::people::SecretHash;
use std::fmt;

/// What a secret is good for. Its text begins with it, so that scanners know one that leaked, and the
/// hash covers it, so that none is good for anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In a browser's cookie.
    Session,
    /// In an `Authorization` header.
    Token,
    /// In a one-time link.
    Invite,
    /// In the address of one stream.
    Ticket,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Session => "bcs_",
            Self::Token => "bct_",
            Self::Invite => "bci_",
            Self::Ticket => "bck_",
        }
    }
}

/// A secret in plain text: for who asked for it, once, and for nobody's log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one.
    #[must_use]
    pub fn draw(kind: Kind, outside: &dyn Outside) -> Self {
        Self(format!(
            "{}{}",
            kind.prefix(),
            base32(&random_bytes::<32>(outside))
        ))
    }

    /// Reads one of this kind; what has another shape was never drawn.
    #[must_use]
    pub fn parse(kind: Kind, text: &str) -> Option<Self> {
        let digits = text.strip_prefix(kind.prefix())?;
        let is_drawn =
            digits.len() == DIGITS && digits.bytes().all(|digit| ALPHABET.contains(&digit));
        is_drawn.then(|| Self(text.into()))
    }

    /// What is kept of it, and looked up.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(self.0.as_bytes())
    }

    /// The secret itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Crockford's, in lower case: one word to a double click, and no letter that looks like a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 256 bits at five a digit.
const DIGITS: usize = 52;

fn base32(bytes: &[u8; 32]) -> String {
    let bit = |at: usize| {
        let byte = bytes.get(at / 8).copied().unwrap_or(0);
        usize::from(byte >> (7 - at % 8) & 1)
    };
    let digit = |place: usize| (0..5).fold(0, |value, at| value << 1 | bit(place * 5 + at));
    (0..DIGITS)
        .map(|place| char::from(ALPHABET[digit(place)]))
        .collect()
}

/// A short code that a person copies from the server's output: 80 bits in groups of four.
pub(super) fn draw_code(outside: &dyn Outside) -> String {
    let mut bytes = [0; 32];
    bytes[..10].copy_from_slice(&random_bytes::<10>(outside));
    let digits = base32(&bytes)[..16].to_ascii_uppercase();
    format!(
        "{}-{}-{}-{}",
        &digits[..4],
        &digits[4..8],
        &digits[8..12],
        &digits[12..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::Machine;

    #[test]
    fn a_secret_is_read_back_as_its_own_kind_alone() {
        let secret = Secret::draw(Kind::Token, &Machine);
        assert!(secret.reveal().starts_with("bct_"));
        assert_eq!(secret.reveal().len(), 4 + DIGITS);
        assert_eq!(
            Secret::parse(Kind::Token, secret.reveal()),
            Some(secret.clone())
        );
        assert_eq!(Secret::parse(Kind::Session, secret.reveal()), None);
        let text = secret.reveal();
        for bad in [
            "",
            "bct_",
            &text[..text.len() - 1],
            &format!("{text}0"),
            &text.to_uppercase(),
            &text.replace("bct_", "bcs_"),
        ] {
            assert_eq!(Secret::parse(Kind::Token, bad), None, "{bad}");
        }
    }

    #[test]
    fn all_256_bits_stand_in_the_text() {
        let mut seen = std::collections::BTreeSet::new();
        seen.insert(base32(&[0; 32]));
        for bit in 0..256 {
            let mut bytes = [0; 32];
            bytes[bit / 8] = 1 << (bit % 8);
            seen.insert(base32(&bytes));
        }
        assert_eq!(seen.len(), 257);
        assert_eq!(base32(&[0xff; 32]), format!("{}g", "z".repeat(51)));
    }

    #[test]
    fn no_secret_shows_itself_by_accident() {
        let secret = Secret::draw(Kind::Session, &Machine);
        assert!(!format!("{secret:?}").contains(&secret.reveal()[8..]));
    }

    #[test]
    fn a_code_is_sixteen_characters_in_groups() {
        let code = draw_code(&Machine);
        let groups: Vec<_> = code.split('-').map(str::len).collect();
        assert_eq!(groups, [4; 4]);
        assert_ne!(code, draw_code(&Machine));
    }
}
