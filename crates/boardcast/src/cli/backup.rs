//! `boardcast backup`: copies the data file into one sealed file.

use super::progress::ProgressLine;
use crate::config::BackupArgs;
use crate::store::sqlite::{BackupError, back_up};
use std::io::Write as _;
use std::process::ExitCode;

pub(super) fn run(args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let (data, file) = (&args.data.path, &args.file);
    let mut line = ProgressLine::default();
    let made = back_up(data, file, args.force, &mut |progress| line.show(progress));
    drop(line);
    let mut stderr = std::io::stderr();
    let made = match made {
        Ok(made) => made,
        Err(error) => {
            if let BackupError::Damaged(report) = &error {
                super::check::list(report, &mut stderr)?;
            }
            return Err(error.into());
        }
    };
    let bytes = super::check::size(made.bytes);
    let (data, file) = (data.display(), file.display());
    let mut stdout = std::io::stdout();
    writeln!(stdout, "Backed up {data} to {file} ({bytes}).")?;
    writeln!(stdout, "It holds {}.", super::check::summary(&made.report))?;
    if let Some(log) = made.grown_log_bytes.map(super::check::size) {
        writeln!(
            stderr,
            "The server's write-ahead log has grown to {log}, because it can't be emptied while the data file is \
             copied. The server's next writes empty it."
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
