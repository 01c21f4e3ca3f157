//! Power that fails while a backup is made or restored: in every call that changes or syncs a file,
//! from the first to the last.

use super::{Ran, add_task, board, check, restore, small_backup, start, verb};
use boardcast_sim::power::Power;
use boardcast_sim::random::Random;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

/// More calls than either makes.
const CALLS_MAX: u64 = 1_000;

/// A folder in which the power may fail, and a file in it.
struct Place {
    power: Power,
    file: PathBuf,
    random: Random,
}

impl Place {
    fn new(folder: &Path, name: &str) -> Self {
        let inner = folder.join("powered");
        fs::create_dir(&inner).expect("a folder");
        let file = inner.join(name);
        Self {
            power: Power::new(folder, &file).expect("a C compiler"),
            file,
            random: Random::new(1),
        }
    }

    /// Runs a verb until its so-manieth call, and lays out what is left. `None`: the power failed
    /// before it was done.
    async fn run(&mut self, name: &str, args: &[&OsStr], data: &Path, calls: u64) -> Option<Ran> {
        self.power.settle().expect("a folder that can be read");
        self.power.fail_after(calls);
        let output = verb(name, args, data).envs(self.power.env()).output();
        let output = output.await.expect("it runs");
        self.power.lay_out(&mut self.random).expect("a disk");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let was_cut = output.status.signal() == Some(9);
        (!was_cut).then(|| Ran {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_in_which_the_power_fails_leaves_the_old_file_or_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let (data, backup) = small_backup(&folder).await;
    let mut server = start(&data).await;
    add_task(server.addr(), "Only in the write-ahead log").await;
    server.kill9().await.unwrap();
    let log = folder.join("team.db-wal");

    let mut place = Place::new(&folder, "team.db");
    let (mut old, mut new) = (0, 0);
    for calls in 1..CALLS_MAX {
        let inner = place.file.parent().expect("a folder");
        fs::remove_dir_all(inner).unwrap();
        fs::create_dir(inner).unwrap();
        fs::copy(&data, &place.file).unwrap();
        fs::copy(&log, inner.join("team.db-wal")).unwrap();

        let target = place.file.clone();
        let args = [backup.as_os_str()];
        let ran = place.run("restore", &args, &target, calls).await;
        let mut server = start(&place.file).await;
        let board = board(server.addr()).await.to_string();
        assert!(server.terminate().await.unwrap().success());
        check(&place.file).await.expect(0);
        assert!(board.contains("In the backup"), "call {calls}: {board}");
        if board.contains("Only in the write-ahead log") {
            old += 1;
        } else {
            new += 1;
        }
        if let Some(ran) = ran {
            ran.expect(0);
            assert!(
                !board.contains("Only in the write-ahead log"),
                "it said that it was done"
            );
            assert!(old > 5 && new > 1, "{old} old, {new} new");
            return;
        }
    }
    panic!("a restore makes fewer calls than that");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_in_which_the_power_fails_has_its_name_only_if_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let (data, _) = small_backup(&folder).await;
    let mut place = Place::new(&folder, "backup");
    let target = folder.join("restored.db");
    let mut missing = 0;
    // What one leaves behind the next one finds, and none stumbles over.
    for calls in 1..CALLS_MAX {
        let file = place.file.clone();
        let args = [file.as_os_str(), OsStr::new("--force")];
        let ran = place.run("backup", &args, &data, calls).await;
        if file.exists() {
            restore(&file, &target).await.expect(0);
            check(&target).await.expect(0);
        } else {
            missing += 1;
        }
        if let Some(ran) = ran {
            ran.expect(0);
            assert!(file.exists(), "it said that it was done");
            assert!(missing > 5, "{missing} cuts before it had its name");
            return;
        }
    }
    panic!("a backup makes fewer calls than that");
}
