//! Power that fails under the real program: the C library that keeps the journal and makes the cut,
//! steered through a file while the server runs, and the folder as a disk leaves it after a cut.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::cells::Cells;
use crate::disk::{Disk, Image, read_journal};
use crate::random::Random;
use crate::shim::{as_the_kernel_names, compile};

const SOURCE: &str = include_str!("../shim/power.c");

/// The control file's numbers, in the order of `struct control` in power.c.
#[derive(Clone, Copy)]
enum Cell {
    Records,
    CutAt,
    Swallowed,
}

const CELLS: usize = 3;

/// Syncs that only seem to happen, as on a disk that lies or in a program that leaves them out: what
/// a test of power cuts has to notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swallowed {
    /// Those of the data file: nothing is safe that was written back from the log.
    Data,
    /// Those of the write-ahead log: SQLite's `synchronous=NORMAL`, but for checkpoints.
    Log,
    /// Those of the folder.
    Folder,
    /// All of them: SQLite's `synchronous=OFF`.
    All,
}

impl Swallowed {
    fn bits(self) -> u64 {
        match self {
            Swallowed::Data => 1,
            Swallowed::Log => 2,
            Swallowed::Folder => 4,
            Swallowed::All => 7,
        }
    }
}

/// The power under one data file.
#[derive(Debug)]
pub struct Power {
    library: PathBuf,
    control: PathBuf,
    journal: PathBuf,
    data: PathBuf,
    cells: Cells,
    /// What was on disk when the server was last started.
    image: Image,
}

impl Power {
    /// For a data file that isn't there yet, in a folder that holds nothing else. What the library
    /// needs goes into `folder`.
    ///
    /// # Errors
    /// If there is no C compiler (the message says so) or a file can't be written.
    pub fn new(folder: &Path, data: &Path) -> io::Result<Power> {
        let library = folder.join("boardcast_power.so");
        compile(SOURCE, &["-shared", "-fPIC", "-pthread"], &library)?;
        let control = folder.join("power.control");
        let cells = Cells::create(&control, CELLS)?;
        let power = Power {
            library,
            control,
            journal: folder.join("power.journal"),
            data: as_the_kernel_names(data)?,
            cells,
            image: Image::new(),
        };
        File::create(&power.journal)?;
        Ok(power)
    }

    /// The variables that put a server on this power.
    pub fn env(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        vec![
            ("LD_PRELOAD".to_owned(), text(&self.library)),
            ("BOARDCAST_POWER_CONTROL".to_owned(), text(&self.control)),
            ("BOARDCAST_POWER_JOURNAL".to_owned(), text(&self.journal)),
            ("BOARDCAST_POWER_DATA".to_owned(), text(&self.data)),
        ]
    }

    /// What lies in the folder now is on disk.
    ///
    /// # Errors
    /// If it can't be read.
    ///
    /// # Panics
    /// If something there is none of the data files.
    pub fn settle(&mut self) -> io::Result<()> {
        let own = self.data.to_string_lossy().into_owned();
        self.image.clear();
        for entry in fs::read_dir(self.folder())? {
            let path = entry?.path();
            let name = path.to_string_lossy();
            let name = name.strip_prefix(&own).expect("nothing else lies here");
            self.image.insert(name.to_owned(), fs::read(&path)?);
        }
        self.begin()
    }

    /// From now on these syncs do nothing.
    pub fn swallow(&self, swallowed: Swallowed) {
        self.set(Cell::Swallowed, swallowed.bits());
    }

    /// Kills the server in its `count`th call from now that changes or syncs a file.
    pub fn fail_after(&self, count: u64) {
        self.set(Cell::CutAt, self.get(Cell::Records) + count.max(1));
    }

    /// Lets the power stay on.
    pub fn stay_on(&self) {
        self.set(Cell::CutAt, 0);
    }

    /// Whether the power failed as [`Power::fail_after`] ordered.
    pub fn has_failed(&self) -> bool {
        let cut_at = self.get(Cell::CutAt);
        cut_at > 0 && self.get(Cell::Records) >= cut_at
    }

    /// Once the server is gone: lays out the folder as a disk may leave it, and makes ready for
    /// another start.
    ///
    /// # Errors
    /// If the folder can't be emptied or written to.
    ///
    /// # Panics
    /// If the journal makes no sense.
    pub fn lay_out(&mut self, random: &mut Random) -> io::Result<()> {
        let mut disk = Disk::new(std::mem::take(&mut self.image));
        let records = read_journal(&fs::read(&self.journal)?);
        records.into_iter().for_each(|record| disk.apply(record));
        self.image = disk.cut(random);

        for entry in fs::read_dir(self.folder())? {
            fs::remove_file(entry?.path())?;
        }
        for (name, bytes) in &self.image {
            fs::write(self.named(name), bytes)?;
        }
        // Written through a mapping and never synced, so anything may stand in it.
        if random.one_in(3) {
            let junk: Vec<u8> = (0..4_096)
                .flat_map(|_| random.draw().to_le_bytes())
                .collect();
            fs::write(self.named("-shm"), junk)?;
        }
        self.begin()
    }

    /// An empty journal for another start.
    fn begin(&self) -> io::Result<()> {
        File::create(&self.journal)?;
        self.set(Cell::Records, 0);
        self.stay_on();
        Ok(())
    }

    fn folder(&self) -> &Path {
        self.data.parent().expect("a data file lies in a folder")
    }

    fn named(&self, name: &str) -> PathBuf {
        let mut path = self.data.clone().into_os_string();
        path.push(name);
        path.into()
    }

    fn get(&self, cell: Cell) -> u64 {
        self.cells.get(cell as usize)
    }

    fn set(&self, cell: Cell, value: u64) {
        self.cells.set(cell as usize, value);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::process::Command;

    use super::*;
    use crate::scratch::Scratch;

    const TRIAL: &str = include_str!("../shim/trial.c");

    struct Trial {
        folder: Scratch,
        power: Power,
    }

    impl Trial {
        fn new() -> Trial {
            let folder = Scratch::new();
            compile(TRIAL, &[], &folder.path().join("trial")).unwrap();
            fs::create_dir(folder.path().join("data")).unwrap();
            let power = Power::new(folder.path(), &folder.path().join("data/board.db")).unwrap();
            Trial { folder, power }
        }

        /// Makes these calls on the data file; how the program that makes them ended.
        fn run(&self, calls: &str) -> Option<i32> {
            let mut trial = Command::new(self.folder.path().join("trial"));
            let trial = trial
                .arg(self.folder.path().join("data/board.db"))
                .args(calls.split(' '))
                .envs(self.power.env());
            trial.output().unwrap().status.code()
        }

        /// What may stand in the data file after these calls on an empty disk.
        fn outcomes(calls: &str) -> BTreeSet<Option<Vec<u8>>> {
            let mut random = Random::new(1);
            let mut trial = Trial::new();
            let mut cut = || {
                trial.power.image.clear();
                let _ = fs::remove_file(trial.power.named(""));
                trial.run(calls);
                trial.power.lay_out(&mut random).unwrap();
                fs::read(trial.power.named("")).ok()
            };
            (0..60).map(|_| cut()).collect()
        }
    }

    #[test]
    fn after_a_cut_what_was_synced_is_there_and_what_was_not_may_not_be() {
        let synced = b"four\0\0\0\0four".to_vec();
        let safe = Trial::outcomes("write pwrite fsync sync_folder");
        assert_eq!(safe, [Some(synced.clone())].into());
        let nameless = Trial::outcomes("write pwrite fdatasync");
        assert_eq!(nameless, [None, Some(synced.clone())].into());
        let unsynced = Trial::outcomes("write fsync sync_folder pwrite shrink");
        for one_of_many in [&b"four"[..], b"f", &synced] {
            assert!(unsynced.contains(&Some(one_of_many.to_vec())));
        }
        assert!(!unsynced.contains(&None));
    }

    #[test]
    fn a_swallowed_sync_keeps_nothing() {
        let mut random = Random::new(1);
        let mut trial = Trial::new();
        trial.power.swallow(Swallowed::All);
        trial.run("write fsync sync_folder");
        let mut images = BTreeSet::new();
        let journal = fs::read(&trial.power.journal).unwrap();
        for _ in 0..60 {
            fs::write(&trial.power.journal, &journal).unwrap();
            trial.power.image.clear();
            trial.power.lay_out(&mut random).unwrap();
            images.insert(fs::read(trial.power.named("")).ok());
        }
        for lost in [None, Some(Vec::new()), Some(b"four".to_vec())] {
            assert!(images.contains(&lost), "{images:?}");
        }
    }

    #[test]
    fn the_power_fails_before_the_call_that_was_ordered() {
        let mut trial = Trial::new();
        // Its creation is the first thing.
        trial.power.fail_after(2);
        assert_eq!(trial.run("write pwrite"), None, "a signal ended it");
        assert!(trial.power.has_failed());
        assert_eq!(fs::read(trial.power.named("")).unwrap(), b"four");
        trial.power.lay_out(&mut Random::new(1)).unwrap();
        assert!(!trial.power.has_failed());
        assert_eq!(trial.run("write pwrite"), Some(0));
    }
}
