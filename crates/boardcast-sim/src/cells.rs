//! The file through which a test steers a preloaded library while the server runs: a row of 64-bit
//! numbers.
//!
//! The C side maps it shared; plain reads and writes here are coherent with that on Linux.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The numbers, little-endian, in the order of `struct control` in the library's source.
#[derive(Debug)]
pub(crate) struct Cells(File);

impl Cells {
    /// A new file of `count` zeros, in the place of what was there.
    pub(crate) fn create(path: &Path, count: usize) -> io::Result<Cells> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        file.set_len(8 * count as u64)?;
        Ok(Cells(file))
    }

    pub(crate) fn get(&self, cell: usize) -> u64 {
        let mut bytes = [0; 8];
        self.0
            .read_exact_at(&mut bytes, 8 * cell as u64)
            .expect("the control file is readable");
        u64::from_le_bytes(bytes)
    }

    pub(crate) fn set(&self, cell: usize, value: u64) {
        self.0
            .write_all_at(&value.to_le_bytes(), 8 * cell as u64)
            .expect("the control file is writable");
    }
}
