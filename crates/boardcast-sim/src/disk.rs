//! What is on a disk after a power cut: a model of one folder, fed with the journal of everything
//! that a program did there. What was synced is there. Of the rest anything may be: all, none, some,
//! and of a single write a part.
//!
//! As strict as POSIX: a file's sync says nothing about its name, which is safe once the folder was
//! synced. Names come into effect in the order in which they changed, as on any file system with a
//! journal; bytes in no order at all.

use std::collections::BTreeMap;

use crate::random::Random;

/// A disk writes so many bytes as a whole or not at all; a file system may tear anywhere.
const SECTOR_BYTES: usize = 512;

/// Bytes of a record before its names: kind, length of the names, place, length of the bytes.
const HEAD_BYTES: usize = 24;

/// One thing that a program did. Files are named by what follows the data file's own path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A new file, empty.
    Create(String),
    /// Bytes to a place in a file.
    Write(String, usize, Vec<u8>),
    /// A file's new length.
    Truncate(String, usize),
    /// A file's bytes were synced.
    Sync(String),
    /// A file has another name now; one that had it is gone.
    Rename(String, String),
    /// A file is gone.
    Remove(String),
    /// The folder's names were synced.
    SyncFolder,
    /// A file has a second name.
    Link(String, String),
}

/// Reads a journal as the shim writes it. The process may have died in the midst of its last record;
/// that one did not happen.
///
/// # Panics
/// If it is no journal.
pub fn read_journal(mut bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while let Some((record, rest)) = read_record(bytes) {
        records.push(record);
        bytes = rest;
    }
    records
}

fn read_record(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
    let number = |from: usize, to: usize| {
        let bytes = head[from..to].iter().rev();
        bytes.fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    let (kind, name_bytes, at, data_bytes) =
        (number(0, 4), number(4, 8), number(8, 16), number(16, 24));
    let (name, rest) = rest.split_at_checked(name_bytes)?;
    let (data, rest) = rest.split_at_checked(data_bytes)?;
    let name = String::from_utf8(name.to_vec()).expect("names are UTF-8");
    let record = match kind {
        1 => Record::Create(name),
        2 => Record::Write(name, at, data.to_vec()),
        3 => Record::Truncate(name, at),
        4 => Record::Sync(name),
        5 | 8 => {
            let (old, new) = name.split_once('\0').expect("two names");
            let make = if kind == 5 {
                Record::Rename
            } else {
                Record::Link
            };
            make(old.to_owned(), new.to_owned())
        }
        6 => Record::Remove(name),
        7 => Record::SyncFolder,
        other => panic!("record of kind {other}"),
    };
    Some((record, rest))
}

/// Files by name.
pub type Image = BTreeMap<String, Vec<u8>>;

/// Which file stands under which name.
type Names = BTreeMap<String, usize>;

/// One folder of a disk.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    files: Vec<Content>,
    /// As the program sees them.
    names: Names,
    /// As they were when the folder was last synced, and after each change since.
    history: Vec<Names>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    synced: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Disk {
    /// A disk on which this is.
    pub fn new(image: Image) -> Disk {
        let mut disk = Disk::default();
        for (name, synced) in image {
            disk.names.insert(name, disk.files.len());
            disk.files.push(Content {
                synced,
                pending: Vec::new(),
            });
        }
        disk.history = vec![disk.names.clone()];
        disk
    }

    /// Lets something happen.
    ///
    /// # Panics
    /// If it can't have happened.
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Create(name) => {
                self.names.insert(name, self.files.len());
                self.files.push(Content::default());
                self.history.push(self.names.clone());
            }
            Record::Write(name, at, bytes) => self.change(&name, Change::Write(at, bytes)),
            Record::Truncate(name, length) => self.change(&name, Change::Truncate(length)),
            Record::Sync(name) => self.file(&name).sync(),
            Record::Rename(old, new) => {
                let file = self.names.remove(&old).expect("a file to rename");
                self.names.insert(new, file);
                self.history.push(self.names.clone());
            }
            Record::Remove(name) => {
                self.names.remove(&name).expect("a file to remove");
                self.history.push(self.names.clone());
            }
            Record::Link(old, new) => {
                let file = *self.names.get(&old).expect("a file to link to");
                self.names.insert(new, file);
                self.history.push(self.names.clone());
            }
            Record::SyncFolder => self.history = vec![self.names.clone()],
        }
    }

    /// What is there after a power cut now: one of the many images that may be.
    pub fn cut(&self, random: &mut Random) -> Image {
        let names = random.pick(&self.history).clone();
        names
            .into_iter()
            .map(|(name, file)| (name, self.files[file].cut(random)))
            .collect()
    }

    fn change(&mut self, name: &str, change: Change) {
        self.file(name).pending.push(change);
    }

    fn file(&mut self, name: &str) -> &mut Content {
        &mut self.files[*self.names.get(name).expect("a file of that name")]
    }
}

/// What becomes of a file's unsynced changes.
#[derive(Clone, Copy)]
enum Fate {
    AllLost,
    AllKept,
    /// The disk had come so far; the last one is torn.
    Prefix(usize),
    /// Each is kept, lost or torn by itself.
    Any,
}

impl Content {
    fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.synced);
        }
    }

    fn cut(&self, random: &mut Random) -> Vec<u8> {
        let fate = match random.below(8) {
            0 => Fate::AllLost,
            1 => Fate::AllKept,
            2..5 => Fate::Prefix(random.below(self.pending.len() as u64 + 1) as usize),
            _ => Fate::Any,
        };
        let mut bytes = self.synced.clone();
        for (number, change) in self.pending.iter().enumerate() {
            match fate {
                Fate::AllLost => {}
                Fate::AllKept => change.apply(&mut bytes),
                Fate::Prefix(end) if number < end => change.apply(&mut bytes),
                Fate::Prefix(end) if number == end => change.tear(&mut bytes, random),
                Fate::Prefix(_) => {}
                Fate::Any => match random.below(3) {
                    0 => {}
                    1 => change.apply(&mut bytes),
                    _ => change.tear(&mut bytes, random),
                },
            }
        }
        bytes
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Change::Write(at, bytes) => put(file, *at, bytes),
            Change::Truncate(length) => file.resize(*length, 0),
        }
    }

    /// Leaves some of its sectors, or its beginning down to the byte. Lengths don't tear.
    fn tear(&self, file: &mut Vec<u8>, random: &mut Random) {
        let Change::Write(at, bytes) = self else {
            return;
        };
        if random.one_in(2) {
            let kept = random.below(bytes.len() as u64 + 1) as usize;
            return put(file, *at, &bytes[..kept]);
        }
        // Sectors lie on the disk, not in the write.
        let mut done = 0;
        while done < bytes.len() {
            let end = bytes
                .len()
                .min(done + SECTOR_BYTES - (at + done) % SECTOR_BYTES);
            if random.one_in(2) {
                put(file, at + done, &bytes[done..end]);
            }
            done = end;
        }
    }
}

fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let end = at + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[at..end].copy_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn write(name: &str, at: usize, bytes: &[u8]) -> Record {
        Record::Write(name.into(), at, bytes.into())
    }

    /// Every image that a thousand cuts leave.
    fn cuts(records: &[Record]) -> BTreeSet<Image> {
        let mut disk = Disk::new(Image::new());
        records
            .iter()
            .cloned()
            .for_each(|record| disk.apply(record));
        let mut random = Random::new(1);
        (0..1_000).map(|_| disk.cut(&mut random)).collect()
    }

    fn contents(records: &[Record]) -> BTreeSet<Vec<u8>> {
        let begun = [Record::Create(String::new()), Record::SyncFolder];
        let records: Vec<_> = begun.into_iter().chain(records.to_vec()).collect();
        cuts(&records)
            .into_iter()
            .map(|mut image| image.remove("").expect("its name was synced"))
            .collect()
    }

    fn set<const N: usize>(all: [&[u8]; N]) -> BTreeSet<Vec<u8>> {
        all.into_iter().map(Vec::from).collect()
    }

    #[test]
    fn what_was_synced_is_there_and_of_the_rest_every_part_may_be() {
        let synced = [write("", 0, b"ab"), Record::Sync(String::new())];
        assert_eq!(contents(&synced), set([b"ab"]));
        let mut more = synced.to_vec();
        more.push(write("", 1, b"xy"));
        assert_eq!(contents(&more), set([b"ab", b"ax", b"axy"]));
        more.push(write("", 5, b"z"));
        let torn: &[u8] = b"ab\0\0\0z";
        assert!(contents(&more).contains(torn), "written later, there alone");
    }

    #[test]
    fn writes_tear_between_sectors_of_the_disk() {
        let three = [1; 3 * SECTOR_BYTES];
        let seen = contents(&[write("", 100, &three)]);
        let middle_only = seen.iter().any(|file| {
            file.len() == 2 * SECTOR_BYTES && file[SECTOR_BYTES - 1] == 0 && file[SECTOR_BYTES] == 1
        });
        assert!(middle_only);
    }

    #[test]
    fn a_truncation_may_be_undone() {
        let done = [
            write("", 0, b"abc"),
            Record::Sync(String::new()),
            Record::Truncate(String::new(), 1),
        ];
        assert_eq!(contents(&done), set([b"abc", b"a"]));
    }

    #[test]
    fn a_name_is_there_once_the_folder_was_synced() {
        let unsynced = [
            Record::Create("a".into()),
            write("a", 0, b"1"),
            Record::Sync("a".into()),
        ];
        let file = |name: &str| Image::from([(name.to_owned(), b"1".to_vec())]);
        assert_eq!(cuts(&unsynced), [Image::new(), file("a")].into());
        let mut renamed = unsynced.to_vec();
        renamed.extend([Record::SyncFolder, Record::Rename("a".into(), "b".into())]);
        assert_eq!(cuts(&renamed), [file("a"), file("b")].into());
        renamed.push(Record::Remove("b".into()));
        assert_eq!(cuts(&renamed), [file("a"), file("b"), Image::new()].into());
        let linked = [
            Record::SyncFolder,
            Record::Link("a".into(), "b".into()),
            Record::SyncFolder,
        ];
        let linked: Vec<_> = unsynced.iter().cloned().chain(linked).collect();
        let both: Image = file("a").into_iter().chain(file("b")).collect();
        assert_eq!(cuts(&linked), [both].into());
        renamed.push(Record::SyncFolder);
        assert_eq!(cuts(&renamed), [Image::new()].into());
    }

    #[test]
    fn a_journal_ends_with_its_last_whole_record() {
        let mut bytes = Vec::new();
        let mut record = |kind: u32, name: &str, at: u64, data: &[u8]| {
            bytes.extend(kind.to_le_bytes());
            bytes.extend((name.len() as u32).to_le_bytes());
            bytes.extend(at.to_le_bytes());
            bytes.extend((data.len() as u64).to_le_bytes());
            bytes.extend(name.as_bytes());
            bytes.extend(data);
        };
        record(1, "-wal", 0, b"");
        record(2, "-wal", 7, b"four");
        record(5, "-wal\0.old", 0, b"");
        let whole = [
            Record::Create("-wal".into()),
            write("-wal", 7, b"four"),
            Record::Rename("-wal".into(), ".old".into()),
        ];
        assert_eq!(read_journal(&bytes), whole);
        assert_eq!(read_journal(&bytes[..bytes.len() - 1]), whole[..2]);
        assert_eq!(read_journal(&[]), []);
    }
}
