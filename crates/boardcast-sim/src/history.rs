//! A written history of one board, and its judge. A history says in one order what writers asked and
//! were answered and what watchers saw; whoever records it needs nothing of this crate but the
//! format: JSON lines, each a [`Line`].
//!
//! What is judged is what the contract promises: no answered write is lost, nothing happens that
//! nobody asked for, nothing happens twice, every watcher sees every number once and in order, one
//! number means the same bytes to everybody, snapshots are what the events make, a write that was
//! answered before another was asked has the smaller number, who lost a right sees nothing more, and
//! in the end everybody stands where the board does.

mod judge;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use judge::Judge;

/// Sentences kept of each class; the rest is counted.
const SENTENCES_MAX: usize = 10;

/// One line of a history. The order of lines is the order in which things were known: a write is
/// asked before its first byte is sent, and answered once its answer was read whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
pub enum Line {
    /// A write is sent, for the first time or again.
    Asked {
        /// Which write; the same number again means the same request under the same key.
        write: u64,
        /// The id of what it is about.
        thing: String,
    },
    /// A write was answered.
    Answered {
        /// Which write.
        write: u64,
        /// The status.
        status: u16,
        /// The body; null where there is none.
        body: Value,
    },
    /// A write will not be answered: it may have happened or not.
    Unanswered {
        /// Which write.
        write: u64,
    },
    /// A watcher connects.
    Opened {
        /// Which watcher.
        watcher: String,
        /// The cursor that it goes on after, if it has one.
        after: Option<String>,
    },
    /// A watcher saw a message.
    Saw {
        /// Which watcher.
        watcher: String,
        /// The message's id, if it has one of its own.
        id: Option<String>,
        /// The text of its `data` line, to the letter.
        data: String,
    },
    /// A watcher was refused for ever, or its right was taken away and that was answered: it may see
    /// nothing more.
    Revoked {
        /// Which watcher.
        watcher: String,
    },
    /// The board is asked for.
    Reading {
        /// Which read.
        read: u64,
    },
    /// The board as it was answered.
    Read {
        /// Which read.
        read: u64,
        /// The snapshot.
        board: Value,
    },
    /// The board at the end: nobody writes any more, and every watcher had time to come to it.
    Rest {
        /// The snapshot.
        board: Value,
    },
}

/// What can be wrong with a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// An answered write has no event, or a watcher was passed over.
    Lost,
    /// Something happened that nobody asked for, or that was refused.
    Phantom,
    /// A write took effect twice, or a watcher saw an event twice.
    Duplicate,
    /// A watcher saw numbers go back.
    Reordered,
    /// One number means different bytes, or a write's answer and its event differ.
    Content,
    /// A snapshot is not what the events before it make.
    Snapshot,
    /// A write that was answered before another was asked comes after it, or a read misses it.
    Order,
    /// Somebody saw what they may not see any more.
    Rights,
    /// A watcher doesn't stand where the board does at the end.
    Behind,
    /// The history can't be read.
    Unreadable,
}

impl Class {
    /// All of them, in the order of a verdict.
    pub const ALL: [Class; 10] = [
        Class::Lost,
        Class::Phantom,
        Class::Duplicate,
        Class::Reordered,
        Class::Content,
        Class::Snapshot,
        Class::Order,
        Class::Rights,
        Class::Behind,
        Class::Unreadable,
    ];
}

impl fmt::Display for Class {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Class::Lost => "lost",
            Class::Phantom => "never asked for",
            Class::Duplicate => "doubled",
            Class::Reordered => "out of order",
            Class::Content => "of different content",
            Class::Snapshot => "snapshots that don't fit",
            Class::Order => "against the order of answers",
            Class::Rights => "seen without the right",
            Class::Behind => "behind at the end",
            Class::Unreadable => "not understood",
        })
    }
}

/// What a history comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Writes that were asked.
    pub writes: usize,
    /// Of these, answered 2xx.
    pub answered: usize,
    /// Of these, never answered.
    pub unanswered: usize,
    /// Watchers.
    pub watchers: usize,
    /// Numbered events that they saw, all together.
    pub events: usize,
    /// Connections after each watcher's first.
    pub reconnects: usize,
    /// Snapshots and reads that were compared.
    pub snapshots: usize,
    /// How often each rule was broken.
    pub counts: BTreeMap<Class, usize>,
    /// A sentence about the first of each.
    pub wrong: Vec<String>,
}

impl Verdict {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.counts.is_empty()
    }

    pub(crate) fn object(&mut self, class: Class, sentence: impl fmt::Display) {
        let count = self.counts.entry(class).or_default();
        *count += 1;
        if *count <= SENTENCES_MAX {
            self.wrong.push(format!("{class}: {sentence}"));
        }
    }
}

/// Reads a history and judges it. An empty line is passed over.
pub fn judge_text(text: &str) -> Verdict {
    let mut judge = Judge::default();
    for (number, line) in (1..).zip(text.lines()) {
        match serde_json::from_str(line) {
            Ok(line) => judge.take(&line),
            Err(_) if line.trim().is_empty() => {}
            Err(fault) => {
                let sentence = format!("line {number}: {fault}");
                judge.verdict.object(Class::Unreadable, sentence);
            }
        }
    }
    judge.finish()
}

/// Judges a history.
pub fn judge(lines: &[Line]) -> Verdict {
    let mut judge = Judge::default();
    lines.iter().for_each(|line| judge.take(line));
    judge.finish()
}
