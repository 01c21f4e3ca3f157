//! Asking the person at the terminal, on standard error: what is printed may go elsewhere.

use super::client::Failure;
use boardcast_core::limits::PASSWORD_BYTES_MAX;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

/// A line, from a terminal alone: a script says it by the flag.
pub(super) fn line(question: &str, flag: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Refused(format!(
            "{flag} is needed where nobody can be asked"
        )));
    }
    ask(question)
}

/// A password, which doesn't show as it is typed.
pub(super) fn password(question: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Refused(
            "--password-stdin is needed where nobody can be asked".into(),
        ));
    }
    let _silence = NoEcho::begin()?;
    ask(question)
}

/// A new password, typed twice.
pub(super) fn new_password() -> Result<String, Failure> {
    let typed = password("Password")?;
    if password("The same again")? == typed {
        Ok(typed)
    } else {
        Err(Failure::Refused("the two passwords differ".into()))
    }
}

/// The first line of standard input.
pub(super) fn secret_from_stdin() -> Result<String, Failure> {
    read_line()
}

fn ask(question: &str) -> Result<String, Failure> {
    let mut stderr = io::stderr();
    let asked = write!(stderr, "{question}: ").and_then(|()| stderr.flush());
    asked.map_err(|error| Failure::Refused(error.to_string()))?;
    read_line()
}

fn read_line() -> Result<String, Failure> {
    let mut line = String::new();
    // A longer one is refused wherever it is read.
    let mut stdin = io::stdin().lock().take(PASSWORD_BYTES_MAX as u64 + 2);
    let read = stdin.read_line(&mut line);
    read.map_err(|error| Failure::Refused(format!("standard input can't be read: {error}")))?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(Failure::Refused("nothing was typed".into()));
    }
    Ok(line.into())
}

/// The terminal doesn't show what is typed for as long as this is there.
struct NoEcho(Termios);

impl NoEcho {
    fn begin() -> Result<Self, Failure> {
        let explain = |error| Failure::Refused(format!("the terminal can't be silenced: {error}"));
        let before = tcgetattr(io::stdin()).map_err(explain)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent).map_err(explain)?;
        Ok(Self(before))
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
