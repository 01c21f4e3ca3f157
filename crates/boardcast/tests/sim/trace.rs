//! What happened, as lines: hashed, so that two runs can be compared, and printed if somebody wants to
//! read them.

use std::fmt::Arguments;
use std::io::Write as _;

pub(crate) struct Trace {
    hasher: blake3::Hasher,
    is_shown: bool,
}

impl Trace {
    pub(crate) fn new(is_shown: bool) -> Self {
        Self {
            hasher: blake3::Hasher::new(),
            is_shown,
        }
    }

    pub(crate) fn note(&mut self, line: Arguments<'_>) {
        // Can't fail.
        let _ = writeln!(self.hasher, "{line}");
        self.show(line);
    }

    /// Bytes that came to somebody.
    pub(crate) fn bytes(&mut self, who: &str, bytes: &[u8]) {
        self.hasher.update(who.as_bytes());
        self.hasher.update(bytes);
        let text = String::from_utf8_lossy(bytes);
        self.show(format_args!("    {who} < {text:?}"));
    }

    fn show(&self, line: Arguments<'_>) {
        if self.is_shown {
            // Past the test's own capture, which an abort would lose.
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }

    pub(crate) fn digest(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }
}
