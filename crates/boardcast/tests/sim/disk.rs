//! The disk under the data file: what is on it, and what of that would be left after the power went.
//!
//! SQLite writes a commit into the write-ahead log and syncs that before the commit returns; that it
//! does is for other tests to show, which watch the real system calls. From there this goes on: what
//! was written between two syncs may be on the disk in any part, sector by sector, after the power
//! went; and after a process was killed all of it is there, and still not synced.

use boardcast_sim::random::Random;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What the smallest disks write as a whole.
const SECTOR_BYTES: usize = 512;

/// Data file and write-ahead log, as they are together.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Image {
    data: Vec<u8>,
    log: Vec<u8>,
}

pub(crate) struct Disk {
    folder: TempDir,
    /// Each start of the server has files of its own, so that nothing of the one before is left.
    lives: u32,
    /// What is synced, if that isn't what the files hold.
    synced: Option<Image>,
}

impl Disk {
    pub(crate) fn new() -> Self {
        // In memory, where there is such a place: syncs cost nothing there.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        Self {
            folder: folder.expect("a folder"),
            lives: 0,
            synced: None,
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join(format!("{}.db", self.lives))
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join(format!("{}.db-wal", self.lives))
    }

    /// The files as they are.
    pub(crate) fn image(&self) -> Image {
        Image {
            data: fs::read(self.data()).unwrap_or_default(),
            log: fs::read(self.log()).unwrap_or_default(),
        }
    }

    /// Everything in the files is synced.
    pub(crate) fn sync(&mut self) {
        self.synced = None;
    }

    /// The server has opened the files. Only a checkpoint that left nothing in the log has synced
    /// what was in it.
    pub(crate) fn opened(&mut self) {
        if fs::metadata(self.log()).is_ok_and(|log| log.len() == 0) {
            self.sync();
        }
    }

    /// What was written since this image is not synced.
    pub(crate) fn unsynced_since(&mut self, before: Image) {
        self.synced.get_or_insert(before);
    }

    /// Puts files with this in them into the place of what is there.
    pub(crate) fn replace(&mut self, image: &Image) {
        for path in [self.data(), self.log()] {
            // There may be none.
            let _ = fs::remove_file(path);
        }
        self.lives += 1;
        fs::write(self.data(), &image.data).expect("room in the folder");
        if !image.log.is_empty() {
            fs::write(self.log(), &image.log).expect("room in the folder");
        }
    }

    /// What is left of these files after the power went.
    pub(crate) fn after_power_loss(&mut self, now: Image, random: &mut Random) -> Image {
        match self.synced.take() {
            None => now,
            // The data file is written only once the log is synced; what a checkpoint wrote into it
            // can be written again.
            Some(synced) if synced.data != now.data => synced,
            Some(synced) => Image {
                log: torn(&synced.log, &now.log, random),
                data: synced.data,
            },
        }
    }
}

/// Some sectors as they were, others as they are; as often all of one kind.
fn torn(before: &[u8], after: &[u8], random: &mut Random) -> Vec<u8> {
    let kept_of_four = random.below(5);
    if kept_of_four == 0 {
        return before.to_vec();
    }
    let length = before.len().max(after.len());
    let mut torn = Vec::with_capacity(length);
    for at in (0..length).step_by(SECTOR_BYTES) {
        let is_written = random.below(4) < kept_of_four;
        let from = if is_written { after } else { before };
        let end = (at + SECTOR_BYTES).min(length);
        torn.extend_from_slice(from.get(at..end.min(from.len())).unwrap_or_default());
        // The file has grown for a later sector.
        torn.resize(end, 0);
    }
    torn
}
