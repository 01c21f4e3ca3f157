//! Backups: a whole data file in one piece, copied beside a running server, that can tell whether it
//! is still what was written.
//!
//! A backup is the SQLite database and then 64 bytes: what it is, how long the database is, and the
//! BLAKE3 of it. SQLite reads as many pages as the database's own header names, so a backup also
//! opens as a database; whoever writes to it that way breaks the seal, and it is refused.

use super::check::{self, Report};
use super::{OpenError, Progress, Tell, migrate, open_still, real_path, wal_path, with_suffix};
use boardcast_core::limits::{BACKUP_PAGES_AT_ONCE, HASH_BYTES_AT_ONCE, WAL_BYTES_MAX};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

const SEAL_BYTES: usize = 64;
const MAGIC: &[u8; 24] = b"Boardcast backup 1\0\0\0\0\0\0";

/// A finished backup.
#[derive(Debug)]
pub struct Made {
    /// Its size.
    pub bytes: u64,
    /// What was found when the copy was looked at: no damage.
    pub report: Report,
    /// How far the server's write-ahead log had grown when the copy was done, if that is past the
    /// size at which it otherwise starts anew.
    pub grown_log_bytes: Option<u64>,
}

/// Why there is no backup. Shows as a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The data file can't be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The name is taken.
    #[error("{} exists already. Choose another name, or replace it with --force.", path.display())]
    Exists {
        /// The backup's name.
        path: PathBuf,
    },
    /// Not even --force replaces the data.
    #[error("{} is the data file itself or belongs to it. Choose another name.", path.display())]
    IsData {
        /// The backup's name.
        path: PathBuf,
    },
    /// Somebody else makes a backup of the same name.
    #[error("another backup is being written to {}. Wait for it, or choose another name.", path.display())]
    Busy {
        /// The unfinished backup.
        path: PathBuf,
    },
    /// The copy can't be written.
    #[error("{} can't be written: {cause}", path.display())]
    Write {
        /// The unfinished backup.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The copy failed.
    #[error("the copy to {} failed: {cause}", path.display())]
    Copy {
        /// The unfinished backup.
        path: PathBuf,
        /// What SQLite said.
        cause: rusqlite::Error,
    },
    /// A backup of a damaged file would only replace a good one.
    #[error(
        "the data file is damaged, so no backup was made; the older ones are better. `boardcast check` says the same of the file itself. To keep it as it is, stop the server and copy it with its -wal file."
    )]
    Damaged(Box<Report>),
}

/// Copies a data file to `target` as it stands at this moment, looks at the whole copy, and seals
/// it. Only then it gets its name; until then it is `target` with `.partial` after it.
///
/// The pages are read in one read transaction: the server goes on writing, into its write-ahead
/// log, and can neither make the copy begin anew nor mix a later state into it.
pub fn back_up(
    data: &Path,
    target: &Path,
    overwrite: bool,
    tell: Tell<'_>,
) -> Result<Made, BackupError> {
    let data = &real_path(data)?;
    // Absolute, so that SQLite takes no name for a URI.
    let target = &in_its_folder(target).map_err(|cause| BackupError::Write {
        path: target.into(),
        cause,
    })?;
    refuse_target(data, target, overwrite)?;
    let (source, schema) = open_still(data)?;
    let mut partial = Partial::create(data, target, overwrite)?;
    let copied = copy(&source, &partial.path, tell);
    let log_bytes = std::fs::metadata(wal_path(data)).map_or(0, |log| log.len());
    // From here on the server's log can shrink again.
    drop(source);
    copied.map_err(|cause| partial.explain_copy(cause))?;
    let report = partial.look(schema, tell)?;
    let bytes = partial.seal(tell).map_err(|cause| partial.explain(cause))?;
    refuse_target(data, target, overwrite)?;
    partial.name(target)?;
    Ok(Made {
        bytes,
        report,
        grown_log_bytes: (log_bytes > WAL_BYTES_MAX).then_some(log_bytes),
    })
}

/// A path by its folder's own name.
pub(super) fn in_its_folder(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    Ok(folder_of(path).canonicalize()?.join(name))
}

/// Whether a file has a name that the server, a restore or SQLite itself takes for the data file's
/// or for what belongs to it. Both paths are by their folder's own name.
pub(super) fn belongs_to_data(data: &Path, path: &Path) -> bool {
    const BEGINNINGS: [&str; 8] = [
        "-wal",
        "-shm",
        "-journal",
        ".lock",
        ".sock",
        ".restoring",
        ".restored-",
        ".before-restore-",
    ];
    let in_one_folder = data.parent() == path.parent();
    let names = data.file_name().zip(path.file_name());
    let rest = names.and_then(|(data, name)| {
        name.as_encoded_bytes()
            .strip_prefix(data.as_encoded_bytes())
    });
    let is_its_own = |rest: &[u8]| {
        let mut beginnings = BEGINNINGS.iter();
        rest.is_empty() || beginnings.any(|beginning| rest.starts_with(beginning.as_bytes()))
    };
    in_one_folder && rest.is_some_and(is_its_own)
}

fn refuse_target(data: &Path, target: &Path, overwrite: bool) -> Result<(), BackupError> {
    let path = target.into();
    if belongs_to_data(data, target) || belongs_to_data(data, &with_suffix(target, PARTIAL)) {
        return Err(BackupError::IsData { path });
    }
    let Ok(found) = std::fs::metadata(target) else {
        // A link that leads nowhere is a name that is taken, too.
        return match target.symlink_metadata() {
            Ok(_) if !overwrite => Err(BackupError::Exists { path }),
            _ => Ok(()),
        };
    };
    let is_found = |known: &Metadata| (known.dev(), known.ino()) == (found.dev(), found.ino());
    let is_data = ["", "-wal", "-shm", "-journal", ".lock"]
        .iter()
        .any(|suffix| std::fs::metadata(with_suffix(data, suffix)).is_ok_and(|it| is_found(&it)));
    if is_data {
        Err(BackupError::IsData { path })
    } else if !overwrite || found.is_dir() {
        Err(BackupError::Exists { path })
    } else {
        Ok(())
    }
}

fn copy(source: &Connection, path: &Path, tell: Tell<'_>) -> rusqlite::Result<()> {
    let mut copy = Connection::open(path)?;
    // Until it is complete it is worth nothing, and then it is synced as a whole.
    copy.pragma_update(None, "journal_mode", "OFF")?;
    copy.pragma_update(None, "synchronous", "OFF")?;
    let backup = Backup::new(source, &mut copy)?;
    loop {
        match backup.step(BACKUP_PAGES_AT_ONCE.into())? {
            StepResult::Done => break,
            StepResult::More => {}
            // The source is in a read transaction and the copy is ours alone: another program has it.
            _ => {
                let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                return Err(rusqlite::Error::SqliteFailure(busy, None));
            }
        }
        let progress = backup.progress();
        let (all, left) = (progress.pagecount, progress.remaining);
        tell(Progress {
            doing: "copying pages",
            done: u64::try_from(all - left).unwrap_or(0),
            all: u64::try_from(all).unwrap_or(0),
        });
    }
    drop(backup);
    copy.close().map_err(|(_, error)| error)?;
    // The source's header asks for a write-ahead log; a single file has no use for one.
    let copy = Connection::open(path)?;
    copy.pragma_update(None, "synchronous", "OFF")?;
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    copy.close().map_err(|(_, error)| error)
}

/// Whether a file can be what a killed backup left: nothing yet, pages not written yet, or a copy of
/// ours that no server has ever had.
fn is_leftover(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(100).read_to_end(&mut head));
    let is_unwritten = head.iter().all(|&byte| byte == 0);
    let is_ours = head.get(68..72) == Some(&migrate::APPLICATION_ID.to_be_bytes()[4..]);
    read.is_ok() && (is_unwritten || is_ours) && !with_suffix(path, ".lock").exists()
}

/// What an unfinished backup's name ends with.
const PARTIAL: &str = ".partial";

/// A backup in the making. Whatever goes wrong, nothing of it stays.
struct Partial {
    path: PathBuf,
    /// Locked, so that nobody else writes a backup of the same name.
    file: File,
    is_named: bool,
}

impl Partial {
    /// With the data file's permissions: a backup holds the same secrets. What a killed backup left is
    /// taken over; another file of that name is not.
    fn create(data: &Path, target: &Path, overwrite: bool) -> Result<Self, BackupError> {
        let path = with_suffix(target, PARTIAL);
        if !overwrite && path.exists() && !is_leftover(&path) {
            return Err(BackupError::Exists { path });
        }
        let explain = |cause| BackupError::Write {
            path: path.clone(),
            cause,
        };
        let permissions = std::fs::metadata(data).map_err(explain)?.permissions();
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(explain)?;
        // Named anew since it was opened: then it is somebody's finished backup.
        let is_ours = || -> io::Result<bool> {
            let (opened, named) = (file.metadata()?, std::fs::metadata(&path)?);
            Ok((opened.dev(), opened.ino()) == (named.dev(), named.ino()))
        };
        if file.try_lock().is_err() || !is_ours().map_err(explain)? {
            return Err(BackupError::Busy { path });
        }
        file.set_permissions(permissions).map_err(explain)?;
        file.set_len(0).map_err(explain)?;
        let partial = Self {
            path,
            file,
            is_named: false,
        };
        // Of a backup that was killed: SQLite would play them back into this one.
        partial.remove_beside();
        Ok(partial)
    }

    fn remove_beside(&self) {
        for suffix in ["-journal", "-wal", "-shm"] {
            let _ = std::fs::remove_file(with_suffix(&self.path, suffix));
        }
    }

    /// Looks at the whole copy, as `boardcast check` does.
    fn look(&self, schema: usize, tell: Tell<'_>) -> Result<Report, BackupError> {
        let connection = open_whole(&self.path).map_err(|cause| self.explain_copy(cause))?;
        let report = if schema == migrate::NEWEST {
            check::look(&connection, tell)
        } else {
            check::look_at_pages(&connection)
        };
        if report.is_clean() {
            Ok(report)
        } else {
            Err(BackupError::Damaged(Box::new(report)))
        }
    }

    /// Appends the seal and syncs. Gives the whole size.
    fn seal(&mut self, tell: Tell<'_>) -> io::Result<u64> {
        let bytes = self.file.metadata()?.len();
        if bytes == 0 {
            return Err(io::Error::other("the copy is empty"));
        }
        self.file.rewind()?;
        let hash = hash(&mut self.file, bytes, &mut io::sink(), tell)?;
        self.file.seek(SeekFrom::End(0))?;
        self.file.write_all(&seal(bytes, hash))?;
        self.file.sync_all()?;
        Ok(bytes + SEAL_BYTES as u64)
    }

    fn name(&mut self, target: &Path) -> Result<(), BackupError> {
        std::fs::rename(&self.path, target).map_err(|cause| self.explain(cause))?;
        self.is_named = true;
        sync_folder_of(target).map_err(|cause| BackupError::Write {
            path: target.into(),
            cause,
        })
    }

    fn explain(&self, cause: io::Error) -> BackupError {
        BackupError::Write {
            path: self.path.clone(),
            cause,
        }
    }

    fn explain_copy(&self, cause: rusqlite::Error) -> BackupError {
        BackupError::Copy {
            path: self.path.clone(),
            cause,
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_named {
            let _ = std::fs::remove_file(&self.path);
            self.remove_beside();
        }
    }
}

/// Opens a database that is one file and that nobody changes.
pub(super) fn open_whole(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// Why a file is no backup, or no longer the one it was. Shows as the end of a sentence that begins
/// with its name.
#[derive(Debug, thiserror::Error)]
pub enum NoBackup {
    /// The end says nothing.
    #[error(
        "does not end as a backup does: it was cut short or changed, or `boardcast backup` did not make it"
    )]
    Unsealed,
    /// Bytes are missing or too many.
    #[error("is damaged: it should hold a database of {expected} bytes and holds one of {found}")]
    Length {
        /// What its end says.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// Other bytes than were written.
    #[error("is damaged: its bytes are not the ones that were written")]
    Changed,
    /// It can't be read.
    #[error("can't be read: {0}")]
    Read(io::Error),
    /// What it holds can't be written.
    #[error("can't be copied: {0}")]
    Write(io::Error),
}

/// Copies the database out of a backup, reading every byte of it. What was written is to be trusted
/// only if this succeeds.
pub(super) fn unpack(backup: &Path, into: &mut File, tell: Tell<'_>) -> Result<u64, NoBackup> {
    let mut file = File::open(backup).map_err(NoBackup::Read)?;
    let found = file.metadata().map_err(NoBackup::Read)?.len();
    let found = found
        .checked_sub(SEAL_BYTES as u64)
        .ok_or(NoBackup::Unsealed)?;
    let mut end = [0; SEAL_BYTES];
    file.seek(SeekFrom::Start(found))
        .and_then(|_| file.read_exact(&mut end))
        .and_then(|()| file.rewind())
        .map_err(NoBackup::Read)?;
    let (magic, rest) = end.split_at(MAGIC.len());
    let (length, _) = rest.split_at(8);
    if magic != MAGIC {
        return Err(NoBackup::Unsealed);
    }
    let expected = u64::from_be_bytes(length.try_into().expect("eight bytes"));
    if expected != found {
        return Err(NoBackup::Length { expected, found });
    }
    let hash = hash(&mut file, found, into, tell).map_err(NoBackup::Write)?;
    if end == seal(found, hash) {
        Ok(found)
    } else {
        Err(NoBackup::Changed)
    }
}

fn seal(bytes: u64, hash: blake3::Hash) -> [u8; SEAL_BYTES] {
    let mut seal = [0; SEAL_BYTES];
    let parts = [&MAGIC[..], &bytes.to_be_bytes(), hash.as_bytes()];
    seal.copy_from_slice(&parts.concat());
    seal
}

/// Hashes so many bytes of a file, copying them on the way.
fn hash(
    from: &mut File,
    all: u64,
    into: &mut dyn io::Write,
    tell: Tell<'_>,
) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; HASH_BYTES_AT_ONCE];
    let mut done = 0;
    while done < all {
        let wanted = usize::try_from(all - done).map_or(buffer.len(), |n| n.min(buffer.len()));
        from.read_exact(&mut buffer[..wanted])?;
        hasher.update(&buffer[..wanted]);
        into.write_all(&buffer[..wanted])?;
        done += wanted as u64;
        tell(Progress {
            doing: "reading every byte",
            done,
            all,
        });
    }
    Ok(hasher.finalize())
}

/// Makes the names in a file's folder durable.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}
