//! How far a long look at a file is, on one line that is written over. Only for a person: nothing is
//! shown if standard error is no terminal.

use crate::store::sqlite::Progress;
use std::io::{IsTerminal as _, Write as _, stderr};

/// The line.
#[derive(Default)]
pub(super) struct ProgressLine {
    shown: Option<(&'static str, u64)>,
}

impl ProgressLine {
    /// Shows it if it would look different.
    pub(super) fn show(&mut self, progress: Progress) {
        let percent = (progress.done * 100).checked_div(progress.all).unwrap_or(0);
        let now = Some((progress.doing, percent));
        if self.shown == now || !stderr().is_terminal() {
            return;
        }
        self.shown = now;
        let percent = match progress.all {
            0 => String::new(),
            _ => format!(": {percent} %"),
        };
        // A line that can't be shown is no reason to stop.
        let _ = write!(stderr(), "\r\x1b[K{}{percent}", progress.doing);
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
