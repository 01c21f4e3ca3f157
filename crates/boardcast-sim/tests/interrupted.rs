//! A bench that is interrupted leaves nothing behind: no process and no file.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Says where it listens, and is there until it is told to go.
fn stand_in(folder: &Path, port: u16) -> std::path::PathBuf {
    let server = folder.join("server");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exit\necho http://localhost:{port}\nexec sleep 60\n"
    );
    fs::write(&server, script).unwrap();
    fs::set_permissions(&server, fs::Permissions::from_mode(0o700)).unwrap();
    server
}

fn children(load: &Child) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{}/task", load.id())).unwrap();
    let lists = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("children")));
    let lists: String = lists.filter_map(Result::ok).collect();
    lists.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn an_interrupted_bench_takes_its_children_and_files_along() {
    let folder = tempfile::tempdir().unwrap();
    // Takes connections and answers nothing, so the bench waits.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = stand_in(folder.path(), silent.local_addr().unwrap().port());
    for signal in [Signal::INT, Signal::TERM] {
        let temporary = folder.path().join(format!("{signal:?}"));
        fs::create_dir(&temporary).unwrap();
        let mut load = Command::new(env!("CARGO_BIN_EXE_boardcast-load"))
            .args(["bench", "--quick", "fanout", "--server"])
            .arg(&server)
            .env("TMPDIR", &temporary)
            .spawn()
            .unwrap();
        while children(&load).len() < 2 {
            assert!(load.try_wait().unwrap().is_none(), "it runs");
            std::thread::sleep(Duration::from_millis(10));
        }
        let started = children(&load);
        let pid = Pid::from_raw(i32::try_from(load.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        assert_eq!(load.wait().unwrap().code(), Some(130));
        for pid in started {
            assert!(
                !Path::new(&format!("/proc/{pid}")).exists(),
                "{pid} is left"
            );
        }
        assert_eq!(
            fs::read_dir(&temporary).unwrap().count(),
            0,
            "no file is left"
        );
    }
}
