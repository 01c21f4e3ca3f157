//! `boardcast restore`: puts a backup in the data file's place.

use super::progress::ProgressLine;
use crate::config::RestoreArgs;
use crate::store::sqlite::{Restored, restore};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let file = args.file.as_ref().expect("a file where no thing is named");
    let data = &args.data.path;
    let mut line = ProgressLine::default();
    let restored = restore(file, data, &mut |progress| line.show(progress));
    drop(line);
    let text = describe(&restored?, file);
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn describe(restored: &Restored, file: &Path) -> String {
    let Restored {
        data,
        kept,
        boards,
        tasks,
        has_accounts,
    } = restored;
    let mut text = format!(
        "Restored {} from {}: living boards {boards}, tasks {tasks}. Watchers resume; those that saw what is not in it \
         get their boards anew.\n",
        data.display(),
        file.display(),
    );
    if *has_accounts {
        text += "Everyone who was signed in has to sign in again. Tokens that were revoked since the backup are good \
                 again: look through them.\n";
    }
    if kept.is_empty() {
        return text + "There was no data file before.\n";
    }
    text += "What was there before is kept. To bring it back, while no server runs:\n";
    let old = quoted(data);
    text += &format!("  rm -f {old} {old}-wal {old}-shm\n");
    for (new, old) in kept {
        text += &format!("  mv {} {}\n", quoted(new), quoted(old));
    }
    text
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,@:".contains(c);
    if text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
