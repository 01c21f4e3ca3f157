//! The SQLite backend: one writing connection, a few reading ones, one file. Opening it is here: the
//! lock, the version floor, settings, migrations, and the checkpoint without which nothing is served.

mod backup;
#[cfg(test)]
mod bad_rows;
mod check;
mod deleted;
#[cfg(test)]
mod growth;
mod log;
mod migrate;
#[cfg(test)]
mod opening;
mod people;
#[cfg(test)]
mod plans;
mod reads;
mod restore;
mod retention;
mod rights;
mod rows;
mod writer;

pub use backup::{BackupError, Made, NoBackup, back_up};
pub use check::{CheckError, Finding, Report, check};
pub use deleted::{Deleted, DeletedBoard, DeletedThing};
pub use log::{EventsRead, Readers};
pub use reads::{Candidate, Known, ListedBoard};
pub use restore::{RestoreError, Restored, restore};
pub use writer::Writer;

use super::Retention;
use crate::outside::Outside;
use boardcast_core::limits::{BUSY_WAIT_MS_MAX, LOCK_WAIT_MS_MAX};
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// 3.51.3 fixed a bug that could corrupt the file when two connections write and checkpoint at once.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// Prepared statements that the writer keeps: more than it has, so that none is prepared twice.
const WRITER_STATEMENTS_MAX: usize = 128;

/// How long SQLite waits for what another program has locked.
const BUSY_WAIT_MAX: Duration = Duration::from_millis(BUSY_WAIT_MS_MAX);

/// An open data file.
pub struct Opened {
    /// For the writer's thread.
    pub writer: Writer,
    /// For everyone who reads.
    pub readers: Arc<Readers>,
    /// Whether accounts are on in this file.
    pub has_accounts: bool,
}

/// Why a data file can't be used. Shows as a sentence that says what to do, its cause in it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{} is in use{}. One server at a time can have it: stop that one, or choose another file with --data.", path.display(), holder(*pid))]
    InUse {
        /// The data file.
        path: PathBuf,
        /// Who holds the lock, as far as that is known.
        pid: Option<u32>,
    },
    /// The file has a second name, and with it room for a second lock and a second write-ahead log.
    #[error(
        "{} has another name as well (a hard link). SQLite keeps a write-ahead log beside each name, so two servers could lose each other's writes: make a copy instead of a link.",
        path.display()
    )]
    SecondName {
        /// The data file.
        path: PathBuf,
    },
    /// The path leads nowhere.
    #[error("{} can't be used: {cause}. Its folder must exist and be writable.", path.display())]
    Path {
        /// The data file as it was given.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The lock file can't be made or locked.
    #[error("the lock file {} can't be used: {cause}. The folder must exist and be writable.", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// There is nothing to look at.
    #[error("there is no data file {}. Name it with --data.", path.display())]
    Missing {
        /// The data file.
        path: PathBuf,
    },
    /// A restore was cut short after it was decided.
    #[error("a restore of {} was interrupted. Start the server or the restore again: either finishes it.", path.display())]
    HalfRestored {
        /// The data file.
        path: PathBuf,
    },
    /// An interrupted restore can't be finished.
    #[error("an interrupted restore of {} can't be finished: {cause}", path.display())]
    Restore {
        /// The data file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A library with a known corruption bug.
    #[error(
        "SQLite {found} has a bug that can corrupt the file; 3.51.3 or newer is needed. Build with the bundled library."
    )]
    SqliteTooOld {
        /// The version linked in.
        found: &'static str,
    },
    /// Written by a newer program.
    #[error("{} was written by a newer Boardcast (schema {found}, this one knows {known}). Start that version, or restore an older copy.", path.display())]
    Newer {
        /// The data file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest this program knows.
        known: i64,
    },
    /// A SQLite file of another program, or one whose schema was changed by hand.
    #[error("{} is not a Boardcast data file as this program knows it: {why}. Choose another file with --data.", path.display())]
    Foreign {
        /// The data file.
        path: PathBuf,
        /// What doesn't fit.
        why: String,
    },
    /// A place where SQLite can't keep a write-ahead log.
    #[error("{} can't have a write-ahead log where it stands (SQLite gives it the journal mode {mode:?}). Put it on a local disk.", path.display())]
    NoWriteAheadLog {
        /// The data file.
        path: PathBuf,
        /// What SQLite offers.
        mode: String,
    },
    /// The write-ahead log of the last run could not be written back.
    #[error("the write-ahead log of {} could not be written back completely, so nothing can be served yet: another program has the file open. Close it and start again.", path.display())]
    Checkpoint {
        /// The data file.
        path: PathBuf,
    },
    /// Anything else.
    #[error("{} can't be opened: {cause}", path.display())]
    Sqlite {
        /// The data file.
        path: PathBuf,
        /// What SQLite said.
        cause: rusqlite::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" by process {pid}"))
}

/// Opens the data file, making it if it doesn't exist. On return the file holds everything that was
/// ever answered, and the write-ahead log is empty: after a crash that log may hold frames that were
/// written but never synced, and nothing may be served from those (I5).
pub fn open(
    path: &Path,
    retention: Retention,
    outside: Arc<dyn Outside>,
) -> Result<Opened, OpenError> {
    check_version(rusqlite::version_number(), rusqlite::version())?;
    let path = &real_path(path)?;
    let lock = DataLock::take(path)?;
    restore::finish_interrupted(path).map_err(|cause| OpenError::Restore {
        path: path.into(),
        cause,
    })?;
    let explain = |cause| OpenError::Sqlite {
        path: path.into(),
        cause,
    };
    refuse_second_name(path)?;
    let mut connection = Connection::open(path).map_err(explain)?;
    connection.busy_timeout(BUSY_WAIT_MAX).map_err(explain)?;
    // Before anything is written: another program's file stays as it is.
    migrate::check(&connection, path)?;
    begin_write_ahead_log(&connection, path)?;
    configure(&connection).map_err(explain)?;
    migrate::run(&mut connection, path, outside.now())?;
    checkpoint_fully(&connection, path)?;
    let readers = Arc::new(Readers::open(path, Arc::clone(&outside)).map_err(explain)?);
    let writer =
        Writer::new(connection, lock, readers.gate(), retention, outside).map_err(explain)?;
    let has_accounts = writer.setting("accounts").map_err(explain)?.as_deref() == Some("on");
    Ok(Opened {
        writer,
        readers,
        has_accounts,
    })
}

fn check_version(number: i32, found: &'static str) -> Result<(), OpenError> {
    if number < SQLITE_VERSION_MIN {
        Err(OpenError::SqliteTooOld { found })
    } else {
        Ok(())
    }
}

/// Links that are names of their own can't be followed to one.
fn refuse_second_name(path: &Path) -> Result<(), OpenError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.nlink() > 1) {
            return Err(OpenError::SecondName { path: path.into() });
        }
    }
    Ok(())
}

/// The data file by its own name, whatever links lead there: SQLite keeps the write-ahead log beside
/// that, so there the lock must stand too. Absolute, so that SQLite takes no name for a URI.
fn real_path(path: &Path) -> Result<PathBuf, OpenError> {
    follow(path).map_err(|cause| OpenError::Path {
        path: path.into(),
        cause,
    })
}

fn follow(path: &Path) -> std::io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            // A link may lead to a file that isn't made yet.
            if let Ok(target) = path.read_link() {
                return follow(&folder.join(target));
            }
            let name = path.file_name().ok_or(error)?;
            Ok(folder.canonicalize()?.join(name))
        }
        found => found,
    }
}

/// The name beside the data file under which its server is at hand for its owner.
pub fn socket_path(data: &Path) -> Result<PathBuf, OpenError> {
    Ok(with_suffix(&real_path(data)?, ".sock"))
}

/// SQLite answers with the mode that it has then, and that is no error where a log can't be.
fn begin_write_ahead_log(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let answer = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
    let mode = answer.map_err(|cause| OpenError::Sqlite {
        path: path.into(),
        cause,
    })?;
    if mode == "wal" {
        Ok(())
    } else {
        Err(OpenError::NoWriteAheadLog {
            path: path.into(),
            mode,
        })
    }
}

/// The settings of the writing connection. `FULL`: a commit returns when the log is synced.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // The writer checkpoints between batches itself, and the log file shrinks when it starts anew.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", 0)?;
    connection.set_prepared_statement_cache_capacity(WRITER_STATEMENTS_MAX);
    Ok(())
}

/// Syncs the write-ahead log, writes it back, syncs the data file and empties the log.
fn checkpoint_fully(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let is_busy: bool = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(|cause| OpenError::Sqlite {
            path: path.into(),
            cause,
        })?;
    if is_busy {
        Err(OpenError::Checkpoint { path: path.into() })
    } else {
        Ok(())
    }
}

/// A reading connection: it can't write even by mistake.
fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_WAIT_MAX)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// Opens a data file to look at it as a whole, beside a server or without one: read-only, and in a
/// read transaction that has begun, so that nothing moves while it is looked at. Whatever the server
/// writes meanwhile stays in the write-ahead log, which can't shrink before this connection is gone.
fn open_still(path: &Path) -> Result<(Connection, usize), OpenError> {
    let path = &real_path(path)?;
    if restore::is_interrupted(path) {
        return Err(OpenError::HalfRestored { path: path.into() });
    }
    if !path.is_file() {
        return Err(OpenError::Missing { path: path.into() });
    }
    let explain = |cause| OpenError::Sqlite {
        path: path.into(),
        cause,
    };
    let connection = open_reader(path).map_err(explain)?;
    connection.execute_batch("BEGIN").map_err(explain)?;
    let schema = migrate::recognise(&connection, path)?;
    if schema == 0 {
        return Err(OpenError::Foreign {
            path: path.into(),
            why: "it is empty".into(),
        });
    }
    Ok((connection, schema))
}

/// How far a long look at a file is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is being done.
    pub doing: &'static str,
    /// How much of it is done.
    pub done: u64,
    /// How much it is in all.
    pub all: u64,
}

/// Where progress is told.
pub type Tell<'a> = &'a mut dyn FnMut(Progress);

/// Where SQLite keeps the write-ahead log of a file.
fn wal_path(path: &Path) -> PathBuf {
    with_suffix(path, "-wal")
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The lock on `<data>.lock`, held by the operating system for as long as this process lives, however
/// it ends. The file's text names the holder, for the error message alone.
struct DataLock {
    _file: File,
}

impl DataLock {
    fn take(data: &Path) -> Result<Self, OpenError> {
        const PAUSE_MS: u64 = 50;
        let path = with_suffix(data, ".lock");
        let explain = |cause| OpenError::Lock {
            path: path.clone(),
            cause,
        };
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(explain)?;
        // A predecessor may be draining; it lets go within moments.
        for _ in 0..LOCK_WAIT_MS_MAX / PAUSE_MS {
            match file.try_lock() {
                Ok(()) => {
                    name_holder(&mut file).map_err(explain)?;
                    return Ok(Self { _file: file });
                }
                Err(TryLockError::WouldBlock) => {
                    std::thread::sleep(Duration::from_millis(PAUSE_MS));
                }
                Err(TryLockError::Error(cause)) => return Err(explain(cause)),
            }
        }
        let mut text = String::new();
        let pid = file
            .read_to_string(&mut text)
            .ok()
            .and_then(|_| text.trim().parse().ok());
        Err(OpenError::InUse {
            path: data.into(),
            pid,
        })
    }
}

fn name_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}
