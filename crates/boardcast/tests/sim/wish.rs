//! What somebody wants to see, as `cargo xtask sim` passes it on.

use crate::swarm::{FAULTS, Run};
use std::ops::Range;

pub(crate) enum Wish {
    /// Many, with a word about how far it is.
    Seeds(Range<u64>),
    /// One, told step by step.
    One(Run),
}

impl Wish {
    /// None: the seeds of every change.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test has no other way to be told what to do"
    )]
    pub(crate) fn read() -> Option<Self> {
        let text = std::env::var("BOARDCAST_SIM").ok()?;
        Some(Self::parse(&text).unwrap_or_else(|why| panic!("{why}, in {text:?}")))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let mut run = None;
        while let Some(word) = words.next() {
            let value = words.next().ok_or(format!("{word} of what?"))?;
            match (word, &mut run) {
                ("--seeds", None) => {
                    let (start, end) = value.split_once("..").ok_or("seeds are A..B")?;
                    return Ok(Self::Seeds(number(start)?..number(end)?));
                }
                ("--seed", None) => {
                    run = Some(Run {
                        is_shown: true,
                        ..Run::of(number(value)?)
                    });
                }
                ("--steps", Some(run)) => run.steps = Some(number(value)?),
                ("--without", Some(run)) => {
                    let mut faults = FAULTS.iter();
                    let fault = faults.find(|fault| format!("{fault:?}") == value);
                    run.without
                        .insert(*fault.ok_or(format!("no fault is called {value}"))?);
                }
                _ => return Err(format!("{word} is not understood here")),
            }
        }
        run.map(Self::One).ok_or("no seed".to_owned())
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}
