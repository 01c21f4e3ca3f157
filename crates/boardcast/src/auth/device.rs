//! Devices on which somebody signed in before (the device cookies of OWASP's list against guessing). The
//! cookie says which device it is and, under a key of this process, for whom; so nothing is kept. After
//! a restart nobody is known, and nothing that was counted either.

use crate::outside::{Outside, random_bytes};
use std::fmt;

/// Makes and knows the cookies of devices.
pub struct Devices {
    key: [u8; 32],
}

impl fmt::Debug for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Devices(…)")
    }
}

/// Hexadecimal digits of a device's name: 128 bits.
const NAME_DIGITS: usize = 32;

impl Devices {
    /// Under a new key.
    #[must_use]
    pub fn new(outside: &dyn Outside) -> Self {
        Self {
            key: random_bytes(outside),
        }
    }

    /// A cookie for a device on which this login just signed in.
    #[must_use]
    pub fn cookie(&self, login: &str, outside: &dyn Outside) -> String {
        let name = format!("{:032x}", u128::from_be_bytes(random_bytes(outside)));
        format!("{name}{}", self.seal(&name, login).to_hex())
    }

    /// The device's name, if the cookie is one that this login was given.
    #[must_use]
    pub fn known<'a>(&self, login: &str, cookie: &'a str) -> Option<&'a str> {
        let (name, seal) = cookie.split_at_checked(NAME_DIGITS)?;
        let seal = blake3::Hash::from_hex(seal).ok()?;
        // Compared in constant time.
        (self.seal(name, login) == seal).then_some(name)
    }

    fn seal(&self, name: &str, login: &str) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(name.as_bytes());
        hasher.update(login.as_bytes());
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::Machine;

    #[test]
    fn a_device_is_known_for_the_login_that_signed_in_on_it() {
        let devices = Devices::new(&Machine);
        let cookie = devices.cookie("ada", &Machine);
        assert_eq!(devices.known("ada", &cookie), Some(&cookie[..32]));
        assert_eq!(devices.known("bob", &cookie), None);
        assert_eq!(Devices::new(&Machine).known("ada", &cookie), None);
        let forged = format!("{:032x}{}", 1, &cookie[32..]);
        for bad in ["", "ä", &cookie[1..], &forged] {
            assert_eq!(devices.known("ada", bad), None, "{bad}");
        }
        assert_ne!(cookie, devices.cookie("ada", &Machine));
    }
}
