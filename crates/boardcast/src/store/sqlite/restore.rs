//! Putting a backup in the data file's place. Whenever it is cut short, the next start finds the old
//! file or the new one, and never the one with the write-ahead log of the other.
//!
//! A verified and synced copy waits as `<data>.restoring`. Renaming it to `<data>.restored-<n>` is
//! the moment in which the restore is decided. What follows can be done again from any point, and
//! every start does: the old file and its logs get the name `<data>.before-restore-<n>`, then the new
//! one gets theirs.

use super::backup::{self, NoBackup, folder_of, sync_folder_of};
use super::{DataLock, OpenError, Tell, migrate, real_path, rights, rows, with_suffix};
use rusqlite::Connection;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

/// Logs that SQLite would play back into whatever file has the name.
const LOGS: [&str; 2] = ["-wal", "-journal"];

/// What a restore did.
#[derive(Debug)]
pub struct Restored {
    /// The data file, where a link to it leads.
    pub data: PathBuf,
    /// The old files, where there were any: their new name and their old one.
    pub kept: Vec<(PathBuf, PathBuf)>,
    /// Living boards in the file now.
    pub boards: u64,
    /// Living tasks in the file now.
    pub tasks: u64,
    /// Whether there are accounts in it. Whoever was signed in isn't any more.
    pub has_accounts: bool,
}

/// Why nothing was restored. Shows as a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The data file can't be locked, or the backup holds no data of ours.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It is not what was once written.
    #[error("{} {why}. Nothing was changed.", path.display())]
    NoBackup {
        /// The backup.
        path: PathBuf,
        /// What is wrong with it.
        why: NoBackup,
    },
    /// A name that a restore itself uses.
    #[error("{} is the data file itself or belongs to it. Give the backup another name. Nothing was changed.", path.display())]
    IsData {
        /// The backup.
        path: PathBuf,
    },
    /// The system refused something after the restore was decided.
    #[error("the restore of {} is not finished: {cause}. When that is mended, starting the server finishes it.", path.display())]
    Unfinished {
        /// The data file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The system refused something.
    #[error("nothing was changed: a new {} can't be made: {cause}", path.display())]
    Place {
        /// The data file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

/// Puts what a backup holds in the data file's place, and keeps what was there.
pub fn restore(backup: &Path, data: &Path, tell: Tell<'_>) -> Result<Restored, RestoreError> {
    let data = &real_path(data)?;
    // Such a name is cleared away, or put in place, before anything is read.
    if backup::in_its_folder(backup).is_ok_and(|backup| backup::belongs_to_data(data, &backup)) {
        return Err(RestoreError::IsData {
            path: backup.into(),
        });
    }
    let _lock = DataLock::take(data)?;
    let explain = |cause| RestoreError::Place {
        path: data.into(),
        cause,
    };
    finish_interrupted(data).map_err(explain)?;
    let staged = Staged::create(data, backup).map_err(explain)?;
    let mut file = staged.file.try_clone().map_err(explain)?;
    backup::unpack(backup, &mut file, tell).map_err(|why| RestoreError::NoBackup {
        path: backup.into(),
        why,
    })?;
    let has_accounts = end_sessions(&staged.path, backup)?;
    staged.file.sync_all().map_err(explain)?;
    let (boards, tasks) = count(&staged.path, backup)?;
    let number = free_number(data);
    let kept = std::iter::once("")
        .chain(LOGS)
        .map(|suffix| {
            (
                with_suffix(&aside(data, number), suffix),
                with_suffix(data, suffix),
            )
        })
        .filter(|(_, old)| old.exists())
        .collect::<Vec<_>>();
    staged.decide(data, number).map_err(explain)?;
    put_in_place(data, number).map_err(|cause| RestoreError::Unfinished {
        path: data.into(),
        cause,
    })?;
    Ok(Restored {
        data: data.clone(),
        // An empty log is not worth keeping.
        kept: kept.into_iter().filter(|(new, _)| new.exists()).collect(),
        boards,
        tasks,
        has_accounts,
    })
}

/// A backup holds sessions that were ended since and links that were spent since: none of them is good
/// in what is restored. Tokens stay, since programs can't sign in again. True if there are accounts.
fn end_sessions(path: &Path, backup: &Path) -> Result<bool, OpenError> {
    let explain = |cause| OpenError::Sqlite {
        path: backup.into(),
        cause,
    };
    let connection = Connection::open(path).map_err(explain)?;
    if migrate::recognise(&connection, backup)? < migrate::WITH_ACCOUNTS {
        return Ok(false);
    }
    // No file beside it that could outlive a crash: cut short, this copy is made anew.
    let ended = "
        PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;
        DELETE FROM session; DELETE FROM invite;";
    connection.execute_batch(ended).map_err(explain)?;
    let has_accounts = rights::has_accounts(&connection).map_err(rows::cause);
    has_accounts.map_err(explain)
}

/// Shows that a file opens, is ours and can be read.
fn count(path: &Path, backup: &Path) -> Result<(u64, u64), OpenError> {
    let explain = |cause| OpenError::Sqlite {
        path: backup.into(),
        cause,
    };
    let connection = backup::open_whole(path).map_err(explain)?;
    if migrate::recognise(&connection, backup)? == 0 {
        return Err(OpenError::Foreign {
            path: backup.into(),
            why: "it is empty".into(),
        });
    }
    let sql = "
        SELECT (SELECT count(*) FROM board WHERE deleted_at IS NULL),
               (SELECT count(*) FROM task JOIN board ON board.no = board_no
                WHERE task.deleted_at IS NULL AND board.deleted_at IS NULL)";
    connection
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(explain)
}

/// The new file before it is decided on. Dropped if it never is.
struct Staged {
    path: PathBuf,
    file: File,
}

impl Staged {
    /// For the same owner and with the same permissions as the file it will replace; the backup has
    /// the permissions of the file it was made of.
    fn create(data: &Path, backup: &Path) -> io::Result<Self> {
        let path = staging(data);
        remove_if_there(&path)?;
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        let staged = Self { path, file };
        match (std::fs::metadata(data), std::fs::metadata(backup)) {
            (Ok(old), _) => staged.take_after(&old)?,
            (Err(_), Ok(backup)) => staged.file.set_permissions(backup.permissions())?,
            // Opening it says better why not.
            (Err(_), Err(_)) => {}
        }
        Ok(staged)
    }

    fn take_after(&self, old: &Metadata) -> io::Result<()> {
        let new = self.file.metadata()?;
        if new.gid() != old.gid() {
            // Whoever can't give it to the group can still give it to the owner.
            let _ = fchown(&self.file, None, Some(old.gid()));
        }
        if new.uid() != old.uid() {
            fchown(&self.file, Some(old.uid()), None).map_err(|error| {
                let why =
                    "the old file belongs to another user, to whom the new one can't be given";
                io::Error::new(error.kind(), format!("{why} ({error}). Do it as that user"))
            })?;
        }
        self.file.set_permissions(old.permissions())
    }

    /// From here on the restore will be carried out.
    fn decide(self, data: &Path, number: u32) -> io::Result<()> {
        std::fs::rename(&self.path, decided(data, number))?;
        sync_folder_of(data)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Whether a restore was decided on and not finished.
pub(super) fn is_interrupted(data: &Path) -> bool {
    find_decided(data).is_ok_and(|found| found.is_some())
}

/// Finishes a restore that was cut short after it was decided, and forgets one that was cut short
/// before. The caller holds the data file's lock.
pub(super) fn finish_interrupted(data: &Path) -> io::Result<()> {
    if let Some(number) = find_decided(data)? {
        put_in_place(data, number)?;
    }
    remove_if_there(&staging(data))
}

/// Can be begun again wherever it was cut short. The old file keeps its name until the new one takes
/// it, where the file system has hard links; without them there is a moment in which only the new
/// one's name says that it is there.
fn put_in_place(data: &Path, number: u32) -> io::Result<()> {
    let aside = aside(data, number);
    for suffix in LOGS {
        let log = with_suffix(data, suffix);
        match std::fs::metadata(&log) {
            Ok(found) if found.len() > 0 => std::fs::rename(&log, with_suffix(&aside, suffix))?,
            _ => remove_if_there(&log)?,
        }
    }
    remove_if_there(&with_suffix(data, "-shm"))?;
    if data.exists() && !aside.exists() {
        std::fs::hard_link(data, &aside).or_else(|_| std::fs::rename(data, &aside))?;
    }
    sync_folder_of(data)?;
    std::fs::rename(decided(data, number), data)?;
    sync_folder_of(data)
}

fn find_decided(data: &Path) -> io::Result<Option<u32>> {
    let prefix = with_suffix(data, ".restored-");
    let prefix = prefix.file_name().unwrap_or_default().as_encoded_bytes();
    for entry in std::fs::read_dir(folder_of(data))? {
        let name = entry?.file_name();
        let number = name.as_encoded_bytes().strip_prefix(prefix);
        let number = number.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        if number.is_some() {
            return Ok(number);
        }
    }
    Ok(None)
}

/// The first number under which nothing is kept yet.
fn free_number(data: &Path) -> u32 {
    let is_free = |number: &u32| {
        let aside = aside(data, *number);
        let logs = LOGS.map(|suffix| with_suffix(&aside, suffix));
        !aside.exists() && !logs.iter().any(|log| log.exists())
    };
    (1..).find(is_free).expect("some number is free")
}

fn staging(data: &Path) -> PathBuf {
    with_suffix(data, ".restoring")
}

fn decided(data: &Path, number: u32) -> PathBuf {
    with_suffix(data, &format!(".restored-{number}"))
}

fn aside(data: &Path, number: u32) -> PathBuf {
    with_suffix(data, &format!(".before-restore-{number}"))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::{Bench, EVERYTHING, people};
    use boardcast_core::access::Scope;
    use tempfile::TempDir;

    /// A folder with an old data file and its write-ahead log, and a new file ready to be staged.
    struct Place {
        folder: TempDir,
        data: PathBuf,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let data = folder.path().canonicalize().unwrap().join("b.db");
            std::fs::write(&data, "old").unwrap();
            std::fs::write(with_suffix(&data, "-wal"), "old log").unwrap();
            std::fs::write(with_suffix(&data, "-shm"), "index").unwrap();
            Self { folder, data }
        }

        fn read(&self, suffix: &str) -> Option<String> {
            std::fs::read_to_string(with_suffix(&self.data, suffix)).ok()
        }

        fn rename(&self, from: &str, to: &str) {
            let (from, to) = (with_suffix(&self.data, from), with_suffix(&self.data, to));
            std::fs::rename(from, to).unwrap();
        }

        fn names(&self) -> Vec<String> {
            let names = std::fs::read_dir(self.folder.path()).unwrap();
            let mut names: Vec<_> = names
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    #[test]
    fn a_restore_that_was_not_decided_leaves_the_old_files() {
        let place = Place::new();
        std::fs::write(staging(&place.data), "half").unwrap();
        assert!(!is_interrupted(&place.data));
        finish_interrupted(&place.data).unwrap();
        assert_eq!(place.names(), ["b.db", "b.db-shm", "b.db-wal"]);
        assert_eq!(place.read("").unwrap(), "old");
    }

    #[test]
    fn a_restore_that_was_decided_is_finished_from_wherever_it_stopped() {
        type Step = fn(&Place);
        let steps: [Step; 4] = [
            |_| {},
            |place| place.rename("-wal", ".before-restore-3-wal"),
            |place| std::fs::remove_file(with_suffix(&place.data, "-shm")).unwrap(),
            |place| std::fs::hard_link(&place.data, aside(&place.data, 3)).unwrap(),
        ];
        for count in 0..=steps.len() {
            for has_hard_links in [true, false] {
                let place = Place::new();
                std::fs::write(decided(&place.data, 3), "new").unwrap();
                steps[..count].iter().for_each(|step| step(&place));
                if !has_hard_links && count == steps.len() {
                    std::fs::remove_file(&place.data).unwrap();
                }
                assert!(is_interrupted(&place.data));
                finish_interrupted(&place.data).unwrap();
                finish_interrupted(&place.data).unwrap();
                let expected = ["b.db", "b.db.before-restore-3", "b.db.before-restore-3-wal"];
                assert_eq!(place.names(), expected, "after step {count}");
                assert_eq!(place.read("").unwrap(), "new");
                assert_eq!(place.read(".before-restore-3").unwrap(), "old");
                assert_eq!(place.read(".before-restore-3-wal").unwrap(), "old log");
            }
        }
    }

    #[test]
    fn a_number_is_free_only_if_no_log_of_it_is_left() {
        let place = Place::new();
        assert_eq!(free_number(&place.data), 1);
        std::fs::write(aside(&place.data, 1), "").unwrap();
        std::fs::write(with_suffix(&aside(&place.data, 2), "-wal"), "").unwrap();
        assert_eq!(free_number(&place.data), 3);
    }

    #[test]
    fn the_new_file_has_the_permissions_of_the_old_one() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = Place::new();
        std::fs::set_permissions(&place.data, std::fs::Permissions::from_mode(0o640)).unwrap();
        let staged = Staged::create(&place.data, Path::new("nowhere")).unwrap();
        let mode = staged.file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }

    #[tokio::test]
    async fn sessions_end_with_a_restore_and_tokens_do_not() {
        let mut bench = Bench::new();
        bench.furnish(1);
        bench.do_people(&people::nobody(), people::set_up());
        let token = people::make_token("ada", "script", Scope::Read, None);
        bench.do_people(&people::person("ada"), token);
        assert!(bench.is_known("ada-first").await);
        let folder = tempfile::tempdir().unwrap();
        let backup = folder.path().join("backup");
        crate::store::sqlite::back_up(&bench.data(), &backup, false, &mut |_| {}).unwrap();
        let data = folder.path().join("board.db");
        let restored = restore(&backup, &data, &mut |_| {}).unwrap();
        assert!(restored.has_accounts);
        assert_eq!((restored.boards, restored.tasks), (1, 1));
        let bench = Bench::sqlite_in(folder, EVERYTHING);
        assert!(!bench.is_known("ada-first").await);
        let script = people::program("ada", "script", Scope::Read);
        assert_eq!(bench.boards_of(&script).await.len(), 1);
        let report = crate::store::sqlite::check(&bench.data(), &mut |_| {}).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
    }
}
