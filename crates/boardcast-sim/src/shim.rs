//! The fault shim: a small C library preloaded into the server that makes its disk slow, full or
//! broken, counts its syncs, and moves its wall clock. Compiled when a test needs it, steered through
//! a file while the server runs.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::cells::Cells;

const SOURCE: &str = include_str!("../shim/faults.c");

/// The control file's numbers, in the order of `struct control` in faults.c.
#[derive(Clone, Copy)]
enum Cell {
    SyncDelayUs,
    WriteErrno,
    WritesLeft,
    SyncFails,
    SyncsDb,
    SyncsWal,
    FailedWrites,
    FailedSyncs,
    ReadFails,
    FailedReads,
    ClockShiftS,
}

const CELLS: usize = 11;

/// How a write fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errno {
    /// `EIO`: the disk is broken.
    Io,
    /// `ENOSPC`: the disk is full. Making a file smaller still succeeds.
    NoSpace,
}

impl Errno {
    /// The number on Linux.
    pub fn number(self) -> u64 {
        match self {
            Errno::Io => 5,
            Errno::NoSpace => 28,
        }
    }
}

/// The shim for one data file: its library and the file that steers it.
#[derive(Debug)]
pub struct Shim {
    /// The compiled library.
    pub library: PathBuf,
    /// The control file.
    pub control: PathBuf,
    data: PathBuf,
    cells: Cells,
}

impl Shim {
    /// Compiles the library into `folder` and lays a control file there that changes nothing yet.
    /// `data` is the path the server is given for its data; its folder has to be there.
    ///
    /// # Errors
    /// If there is no C compiler (the message says so) or a file can't be written.
    pub fn new(folder: &Path, data: &Path) -> io::Result<Shim> {
        let library = build(folder)?;
        let control = folder.join("faults.control");
        let cells = Cells::create(&control, CELLS)?;
        Ok(Shim {
            library,
            control,
            data: as_the_kernel_names(data)?,
            cells,
        })
    }

    /// The variables that put the shim on a command.
    pub fn env(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        vec![
            ("LD_PRELOAD".to_owned(), text(&self.library)),
            ("BOARDCAST_SHIM_CONTROL".to_owned(), text(&self.control)),
            ("BOARDCAST_SHIM_DATA".to_owned(), text(&self.data)),
        ]
    }

    /// How many syncs of the data file itself have succeeded.
    pub fn syncs_db(&self) -> u64 {
        self.get(Cell::SyncsDb)
    }

    /// How many syncs of the write-ahead log have succeeded.
    pub fn syncs_wal(&self) -> u64 {
        self.get(Cell::SyncsWal)
    }

    /// How many writes were made to fail.
    pub fn failed_writes(&self) -> u64 {
        self.get(Cell::FailedWrites)
    }

    /// How many syncs were made to fail.
    pub fn failed_syncs(&self) -> u64 {
        self.get(Cell::FailedSyncs)
    }

    /// How many reads were made to fail.
    pub fn failed_reads(&self) -> u64 {
        self.get(Cell::FailedReads)
    }

    /// From now on every write to the data files fails so; `None`: they succeed again.
    pub fn set_write_failure(&self, failure: Option<Errno>) {
        self.set(Cell::WritesLeft, 0);
        self.set(Cell::WriteErrno, failure.map_or(0, Errno::number));
    }

    /// From now on `successes` more writes succeed and every later one fails so: in the midst of a
    /// batch.
    pub fn fail_writes_after(&self, successes: u64, failure: Errno) {
        // First the count: a write between the two must not fail early.
        self.set(Cell::WritesLeft, successes);
        self.set(Cell::WriteErrno, failure.number());
    }

    /// Whether from now on every sync of the data files fails with `EIO`.
    pub fn set_sync_failure(&self, fails: bool) {
        self.set(Cell::SyncFails, u64::from(fails));
    }

    /// Whether from now on every read of the data files fails with `EIO`. What the server has in
    /// memory needs none.
    pub fn set_read_failure(&self, fails: bool) {
        self.set(Cell::ReadFails, u64::from(fails));
    }

    /// From now on every sync of the data files takes so much longer, in whole microseconds.
    pub fn set_sync_delay(&self, delay: Duration) {
        self.set(Cell::SyncDelayUs, delay.as_micros() as u64);
    }

    /// From now on the server's wall clock is so many days from the machine's: it jumps there.
    pub fn set_clock_shift_days(&self, days: i64) {
        self.set(Cell::ClockShiftS, (days * 86_400).cast_unsigned());
    }

    fn get(&self, cell: Cell) -> u64 {
        self.cells.get(cell as usize)
    }

    fn set(&self, cell: Cell, value: u64) {
        self.cells.set(cell as usize, value);
    }
}

/// Compiles the library into `out_dir` and returns its path.
///
/// # Errors
/// If there is no C compiler `cc`, of kind `NotFound`, or it refuses the source.
pub fn build(out_dir: &Path) -> io::Result<PathBuf> {
    let library = out_dir.join("boardcast_faults.so");
    compile(SOURCE, &["-shared", "-fPIC"], &library)?;
    Ok(library)
}

/// Compiles C source, given to the compiler on its standard input.
pub(crate) fn compile(source: &str, flags: &[&str], out: &Path) -> io::Result<()> {
    let mut compiler = Command::new("cc")
        .args(["-O1", "-Wall", "-Wextra", "-Werror"])
        .args(flags)
        .arg("-o")
        .arg(out)
        .args(["-x", "c", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(explain_missing_compiler)?;
    // Taken and dropped: its end is the end of the source. A compiler that died says why on stderr.
    let written = compiler
        .stdin
        .take()
        .map_or(Ok(()), |mut stdin| stdin.write_all(source.as_bytes()));
    let done = compiler.wait_with_output()?;
    if !done.status.success() {
        return Err(io::Error::other(format!(
            "cc: {}: {}",
            done.status,
            String::from_utf8_lossy(&done.stderr)
        )));
    }
    written
}

fn explain_missing_compiler(fault: io::Error) -> io::Error {
    match fault.kind() {
        io::ErrorKind::NotFound => io::Error::new(
            io::ErrorKind::NotFound,
            "no C compiler: the fault tests need `cc` on the PATH (on Debian: apt-get install gcc libc6-dev)",
        ),
        _ => fault,
    }
}

/// The path as /proc/self/fd shows it: absolute, without symbolic links. The file itself need not
/// be there.
pub(crate) fn as_the_kernel_names(data: &Path) -> io::Result<PathBuf> {
    let folder = data
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let name = data
        .file_name()
        .ok_or_else(|| io::Error::other(format!("{} names no file", data.display())))?;
    Ok(folder.canonicalize()?.join(name))
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::scratch::Scratch;

    const TRIAL: &str = include_str!("../shim/trial.c");

    struct Trial {
        folder: Scratch,
        shim: Shim,
    }

    impl Trial {
        fn new() -> Trial {
            let folder = Scratch::new();
            compile(TRIAL, &[], &folder.path().join("trial")).unwrap();
            let shim = Shim::new(folder.path(), &folder.path().join("board.db")).unwrap();
            Trial { folder, shim }
        }

        /// Makes these calls on the file of that name, under the shim: what each returned, and its
        /// errno.
        fn run(&self, name: &str, calls: &str) -> String {
            let done = Command::new(self.folder.path().join("trial"))
                .arg(self.folder.path().join(name))
                .args(calls.split(' '))
                .envs(self.shim.env())
                .output()
                .unwrap();
            assert!(done.status.success(), "{done:?}");
            String::from_utf8(done.stdout)
                .unwrap()
                .trim_end()
                .replace('\n', ", ")
        }
    }

    #[test]
    fn a_shim_that_changes_nothing_counts_syncs_by_file() {
        let trial = Trial::new();
        let fine =
            "write 4 0, pwrite 4 0, pwrite64 4 0, fsync 0 0, fdatasync 0 0, grow 0 0, shrink 0 0";
        assert_eq!(
            trial.run(
                "board.db",
                "write pwrite pwrite64 fsync fdatasync grow shrink"
            ),
            fine
        );
        trial.run("board.db-wal", "fdatasync");
        for beside in ["board.db-shm", "board.db2", "board.db-wal2", "other"] {
            trial.run(beside, "fsync");
        }
        assert_eq!((trial.shim.syncs_db(), trial.shim.syncs_wal()), (2, 1));
        assert_eq!(
            (trial.shim.failed_writes(), trial.shim.failed_syncs()),
            (0, 0)
        );
    }

    #[test]
    fn the_bytes_written_through_the_shim_arrive() {
        let trial = Trial::new();
        trial.run("board.db", "write pwrite");
        assert_eq!(
            std::fs::read(trial.folder.path().join("board.db")).unwrap(),
            b"four\0\0\0\0four"
        );
    }

    #[test]
    fn writes_fail_with_the_errno_that_was_set() {
        let trial = Trial::new();
        trial.shim.set_write_failure(Some(Errno::NoSpace));
        let full = "write -1 28, pwrite -1 28, pwrite64 -1 28, grow -1 28, shrink -1 28";
        assert_eq!(
            trial.run("board.db", "write pwrite pwrite64 grow shrink"),
            full
        );
        assert_eq!(
            trial.run("board.db-wal", "write fsync"),
            "write -1 28, fsync 0 0"
        );
        assert_eq!(trial.run("other", "write grow"), "write 4 0, grow 0 0");
        trial.shim.set_write_failure(Some(Errno::Io));
        assert_eq!(
            trial.run("board.db", "write shrink"),
            "write -1 5, shrink -1 5"
        );
        assert_eq!(trial.shim.failed_writes(), 8);
        trial.shim.set_write_failure(None);
        assert_eq!(trial.run("board.db", "write"), "write 4 0");
    }

    #[test]
    fn a_full_disk_still_lets_a_file_shrink() {
        let trial = Trial::new();
        trial.run("board.db", "write");
        trial.shim.set_write_failure(Some(Errno::NoSpace));
        assert_eq!(trial.run("board.db", "shrink"), "shrink 0 0");
    }

    #[test]
    fn writes_can_fail_in_the_midst_of_a_batch() {
        let trial = Trial::new();
        trial.shim.fail_writes_after(2, Errno::Io);
        assert_eq!(
            trial.run("board.db-wal", "write pwrite write pwrite"),
            "write 4 0, pwrite 4 0, write -1 5, pwrite -1 5"
        );
        assert_eq!(trial.shim.failed_writes(), 2);
    }

    #[test]
    fn syncs_fail_while_told_to() {
        let trial = Trial::new();
        trial.shim.set_sync_failure(true);
        assert_eq!(
            trial.run("board.db-wal", "fsync fdatasync write"),
            "fsync -1 5, fdatasync -1 5, write 4 0"
        );
        assert_eq!((trial.shim.failed_syncs(), trial.shim.syncs_wal()), (2, 0));
        trial.shim.set_sync_failure(false);
        assert_eq!(trial.run("board.db-wal", "fsync"), "fsync 0 0");
    }

    #[test]
    fn reads_fail_while_told_to() {
        let trial = Trial::new();
        assert_eq!(
            trial.run("board.db", "write read pread"),
            "write 4 0, read 0 0, pread 1 0"
        );
        trial.shim.set_read_failure(true);
        assert_eq!(
            trial.run("board.db", "read pread pread64 write"),
            "read -1 5, pread -1 5, pread64 -1 5, write 4 0"
        );
        assert_eq!(trial.run("other", "write pread"), "write 4 0, pread 1 0");
        assert_eq!(trial.shim.failed_reads(), 3);
        trial.shim.set_read_failure(false);
        assert_eq!(trial.run("board.db", "read"), "read 1 0");
    }

    #[test]
    fn the_wall_clock_jumps_and_the_others_do_not() {
        let trial = Trial::new();
        let days = |call: &str| {
            let said = trial.run("other", call);
            let seconds = said.split(' ').nth(1).map(str::parse::<i64>);
            seconds.unwrap().unwrap() / 86_400
        };
        let monotonic = days("monotonic");
        for call in ["clock_gettime", "gettimeofday", "time"] {
            trial.shim.set_clock_shift_days(0);
            let today = days(call);
            for shift in [40, -400] {
                trial.shim.set_clock_shift_days(shift);
                // Midnight may come in between.
                assert!(
                    (shift..=shift + 1).contains(&(days(call) - today)),
                    "{call}"
                );
                assert!((0..=1).contains(&(days("monotonic") - monotonic)));
            }
        }
    }

    #[test]
    fn syncs_take_at_least_the_delay() {
        let trial = Trial::new();
        trial.shim.set_sync_delay(Duration::from_millis(30));
        let start = Instant::now();
        trial.run("board.db", "fsync fdatasync");
        assert!(start.elapsed() >= Duration::from_millis(60));
    }

    #[test]
    fn source_that_does_not_compile_says_why() {
        let folder = Scratch::new();
        let refused = compile(
            "int main(void) { return nonsense; }",
            &[],
            &folder.path().join("x"),
        )
        .unwrap_err();
        assert!(refused.to_string().contains("nonsense"), "{refused}");
    }

    #[test]
    fn a_missing_compiler_is_named() {
        let missing = explain_missing_compiler(io::ErrorKind::NotFound.into());
        assert!(missing.to_string().contains("no C compiler"));
    }
}
