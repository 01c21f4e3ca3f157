//! `boardcast check`: looks whether everything in the data file fits together.

use super::progress::ProgressLine;
use crate::config::CheckArgs;
use crate::store::sqlite::{Report, check};
use std::io::{self, Write};
use std::process::ExitCode;

/// As for a wrong flag: what was asked could not be done, so nothing is known.
const COULD_NOT_LOOK: u8 = 2;

pub(super) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let data = &args.data.path;
    let mut line = ProgressLine::default();
    let report = check(data, &mut |progress| line.show(progress));
    drop(line);
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            writeln!(io::stderr(), "boardcast: {error}")?;
            return Ok(COULD_NOT_LOOK.into());
        }
    };
    let mut stdout = io::stdout().lock();
    if args.json {
        writeln!(stdout, "{}", serde_json::to_string(&report)?)?;
    } else {
        writeln!(stdout, "{} holds {}.", data.display(), summary(&report))?;
        list(&report, &mut stdout)?;
        writeln!(stdout, "{}", verdict(&report))?;
    }
    Ok(if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What was looked at.
pub(super) fn summary(report: &Report) -> String {
    let Report {
        boards,
        folded,
        lists,
        tasks,
        events,
        ..
    } = report;
    format!(
        "{} ({folded} with the whole log), {}, {} (deleted ones included) and {}",
        counted(*boards, "board"),
        counted(*lists, "list"),
        counted(*tasks, "task"),
        counted(*events, "event"),
    )
}

/// One line for each finding.
pub(super) fn list(report: &Report, to: &mut dyn Write) -> io::Result<()> {
    for finding in &report.findings {
        writeln!(to, "{finding}")?;
    }
    if report.more > 0 {
        writeln!(to, "and {} more", report.more)?;
    }
    Ok(())
}

fn verdict(report: &Report) -> String {
    let found = report.findings.len() as u64 + report.more;
    if found == 0 {
        return "Everything fits: pages, references, logs with their marks, versions, ranks and limits."
            .into();
    }
    format!(
        "{}. Keep this file: it may show what happened. `boardcast restore` puts a backup in its place.",
        counted(found, "finding")
    )
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// A size for a person.
pub(super) fn size(bytes: u64) -> String {
    const MEBIBYTE: u64 = 1024 * 1024;
    match bytes {
        0..MEBIBYTE => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{} MiB", bytes / MEBIBYTE),
    }
}
