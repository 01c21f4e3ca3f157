//! Passwords: hashed with argon2id, which is meant to be slow and to need memory. So at most a few are
//! hashed at once, a bounded number waits, and everyone else is told to come back: a flood of guesses
//! costs a fixed amount of memory and leaves the rest of the server alone.

use crate::outside::{Outside, random_bytes};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use boardcast_core::limits::{
    PASSWORD_BYTES_MAX, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, PASSWORDS_AT_ONCE_MAX,
    PASSWORDS_WAITING_MAX,
};
use boardcast_core::model::Malformed;
use boardcast_core::people::PasswordHash;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;

/// OWASP's first choice of argon2id's parameters (Password Storage Cheat Sheet): KiB of memory, passes
/// over it, lanes.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A password that somebody chose: long enough to be kept, short enough to be hashed.
#[derive(Clone)]
pub struct Password(String);

/// Whatever somebody says their password is.
#[derive(Clone)]
pub struct Guess(String);

impl Password {
    /// It, as somebody who proves to know it says it.
    #[must_use]
    pub fn guess(&self) -> Guess {
        Guess(self.0.clone())
    }
}

impl FromStr for Password {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let chars = text.chars().count();
        if chars < PASSWORD_CHARS_MIN {
            return Err(Malformed::TooShort {
                min: PASSWORD_CHARS_MIN,
            });
        }
        if chars > PASSWORD_CHARS_MAX || text.len() > PASSWORD_BYTES_MAX {
            return Err(too_long());
        }
        Ok(Self(text.into()))
    }
}

impl FromStr for Guess {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.len() > PASSWORD_BYTES_MAX {
            return Err(too_long());
        }
        Ok(Self(text.into()))
    }
}

fn too_long() -> Malformed {
    Malformed::TooLong {
        max: PASSWORD_CHARS_MAX,
        unit: "characters",
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl fmt::Debug for Guess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guess(…)")
    }
}

/// Too many passwords wait to be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowded;

/// Where passwords are hashed.
#[derive(Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    places: Semaphore,
    hashed: Arc<AtomicU64>,
    has_threads: bool,
}

impl Passwords {
    /// With threads of its own if the world has any.
    #[must_use]
    pub fn new(outside: &dyn Outside) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(PASSWORDS_AT_ONCE_MAX)),
            places: Semaphore::new(PASSWORDS_AT_ONCE_MAX + PASSWORDS_WAITING_MAX),
            hashed: Arc::default(),
            has_threads: outside.has_threads(),
        }
    }

    /// What is kept of a password.
    pub async fn hash(
        &self,
        password: Password,
        outside: &dyn Outside,
    ) -> Result<PasswordHash, Crowded> {
        let salt: [u8; 16] = random_bytes(outside);
        self.work(move || hash(password.0.as_bytes(), &salt)).await
    }

    /// Whether it is the password of which this is kept. Where nothing is kept, because there is no such
    /// person or no password, the work is the same: how long it takes tells nobody.
    pub async fn is_right(
        &self,
        guess: Guess,
        kept: Option<PasswordHash>,
    ) -> Result<bool, Crowded> {
        self.work(move || match kept {
            Some(kept) => argon2()
                .verify_password(guess.0.as_bytes(), kept.as_str())
                .is_ok(),
            None => {
                hash(guess.0.as_bytes(), &[0; 16]);
                false
            }
        })
        .await
    }

    /// How many were hashed since the start.
    #[must_use]
    pub fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Crowded> {
        let _place = self.places.try_acquire().map_err(|_| Crowded)?;
        let turn = Arc::clone(&self.turns).acquire_owned();
        let turn = turn.await.expect("never closed");
        let hashed = Arc::clone(&self.hashed);
        let work = move || {
            // Held until it is done, also when nobody waits for it any more.
            let _turn = turn;
            hashed.fetch_add(1, Ordering::Relaxed);
            work()
        };
        if self.has_threads {
            let done = tokio::task::spawn_blocking(work).await;
            Ok(done.expect("hashing doesn't panic"))
        } else {
            Ok(work())
        }
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("valid parameters");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &[u8], salt: &[u8; 16]) -> PasswordHash {
    let phc = argon2()
        .hash_password_with_salt(password, salt)
        .expect("a valid length of password and salt");
    PasswordHash::parse(&phc.to_string()).expect("a PHC string")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::Machine;
    use futures_util::FutureExt;

    fn guess(text: &str) -> Guess {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_password_is_right_only_where_it_is_the_one_that_was_kept() {
        let passwords = Passwords::new(&Machine);
        let password: Password = "correct horse".parse().unwrap();
        let kept = passwords.hash(password, &Machine).await.unwrap();
        assert!(
            kept.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{kept:?}"
        );
        let right = passwords.is_right(guess("correct horse"), Some(kept.clone()));
        assert_eq!(right.await, Ok(true));
        let wrong = passwords.is_right(guess("Correct horse"), Some(kept.clone()));
        assert_eq!(wrong.await, Ok(false));
        let broken =
            passwords.is_right(guess("correct horse"), PasswordHash::parse("$broken").ok());
        assert_eq!(broken.await, Ok(false));
    }

    #[tokio::test]
    async fn the_same_password_is_kept_differently_each_time() {
        let passwords = Passwords::new(&Machine);
        let password: Password = "correct horse".parse().unwrap();
        let one = passwords.hash(password.clone(), &Machine).await;
        assert_ne!(one, passwords.hash(password, &Machine).await);
    }

    #[tokio::test]
    async fn nobodys_password_is_as_much_work_as_somebodys() {
        let passwords = Passwords::new(&Machine);
        let before = passwords.hashed();
        assert_eq!(passwords.is_right(guess("x"), None).await, Ok(false));
        assert_eq!(passwords.hashed() - before, 1);
    }

    #[tokio::test]
    async fn a_flood_is_told_to_come_back() {
        let passwords = Passwords::new(&Machine);
        let room = PASSWORDS_AT_ONCE_MAX + PASSWORDS_WAITING_MAX;
        let _all = passwords
            .turns
            .try_acquire_many(PASSWORDS_AT_ONCE_MAX as u32);
        let mut waiting: Vec<_> = (0..room)
            .map(|_| Box::pin(passwords.is_right(guess("x"), None)))
            .collect();
        for one in &mut waiting {
            assert_eq!(one.as_mut().now_or_never(), None);
        }
        assert_eq!(passwords.is_right(guess("x"), None).await, Err(Crowded));
        assert_eq!(passwords.hashed(), 0);
        // Who doesn't wait any more has given its place back.
        waiting.pop();
        let mut next = Box::pin(passwords.is_right(guess("x"), None));
        assert_eq!(next.as_mut().now_or_never(), None);
    }

    #[test]
    fn a_password_has_10_to_200_characters() {
        assert!("ä".repeat(10).parse::<Password>().is_ok());
        assert!("x".repeat(200).parse::<Password>().is_ok());
        for bad in ["", "123456789", &"x".repeat(201), &"🧹".repeat(200 + 57)] {
            assert!(bad.parse::<Password>().is_err(), "{bad:?}");
        }
        assert!("".parse::<Guess>().is_ok());
        assert!("x".repeat(1025).parse::<Guess>().is_err());
        let password: Password = "correct horse".parse().unwrap();
        assert!(!format!("{password:?} {:?}", password.guess()).contains("horse"));
    }
}
