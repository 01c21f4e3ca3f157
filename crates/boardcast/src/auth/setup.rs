//! The code that makes the first account. The server prints it where only whoever runs the server looks,
//! so that on a fresh server nobody else can be first. It lives in memory and is good once.

use super::secret::draw_code;
use crate::outside::Outside;
use std::fmt;

/// The code of this start.
pub struct SetupCode {
    text: String,
    hash: blake3::Hash,
}

impl SetupCode {
    /// A new one.
    #[must_use]
    pub fn draw(outside: &dyn Outside) -> Self {
        let text = draw_code(outside);
        let hash = hash(&text);
        Self { text, hash }
    }

    /// As the server prints it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether somebody typed it, however they wrote it.
    #[must_use]
    pub fn is(&self, typed: &str) -> bool {
        // Hashes are compared in constant time.
        hash(typed) == self.hash
    }
}

impl fmt::Debug for SetupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetupCode(…)")
    }
}

/// Of what a person means: case, hyphens and spaces don't matter, nor do letters that look like digits.
fn hash(typed: &str) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for letter in typed.chars().filter(|c| !c.is_whitespace() && *c != '-') {
        let meant = match letter.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        };
        hasher.update(u32::from(meant).to_be_bytes().as_slice());
    }
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::Machine;

    #[test]
    fn the_code_is_itself_however_it_is_typed() {
        let code = SetupCode::draw(&Machine);
        assert!(code.is(code.text()));
        assert!(code.is(&code.text().to_lowercase().replace('-', " ")));
        let sloppy = code.text().replace('0', "O").replace('1', "l");
        assert!(code.is(&sloppy));
        for wrong in ["", &code.text()[1..], &format!("{}A", code.text())] {
            assert!(!code.is(wrong), "{wrong}");
        }
        assert!(!SetupCode::draw(&Machine).is(code.text()));
        assert!(!format!("{code:?}").contains(code.text()));
    }
}
