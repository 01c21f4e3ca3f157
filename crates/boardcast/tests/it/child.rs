//! The built program as a child of the test, on a port and a data file that it keeps when it is
//! killed and started again.

use boardcast_sim::hearing::Hearing;
use boardcast_sim::port::Port;
use boardcast_sim::program::Program;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::sleep;

/// A running program with the demo board.
pub(crate) struct ChildApp {
    program: Program,
    _hearing: Hearing,
    folder: TempDir,
}

impl ChildApp {
    /// The program on a new data file.
    pub(crate) async fn start() -> Self {
        Self::start_after_kills(&[]).await
    }

    /// The program on a data file whose very first starts were killed after so long.
    pub(crate) async fn start_after_kills(kills: &[Duration]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = data_in(&folder);
        for &after in kills {
            start_and_kill(&data, "127.0.0.1:0", after).await;
        }
        let port = Port::reserve().expect("a port");
        let program = start_on(port, &data).await;
        let hearing = Hearing::of(program.addr(), crate::described::judge);
        Self {
            program,
            _hearing: hearing,
            folder,
        }
    }

    /// Kills it as a crash would.
    pub(crate) async fn kill(&mut self) {
        self.program.kill9().await.expect("it can be killed");
    }

    /// Starts it again where it was, after it ended.
    pub(crate) async fn restart(&mut self) {
        self.program = start_on(self.program.port(), &data_in(&self.folder)).await;
    }

    /// Starts it after it ended, and kills it before it has come far.
    pub(crate) async fn start_and_kill(&self, after: Duration) {
        let address = self.address().to_string();
        start_and_kill(&data_in(&self.folder), &address, after).await;
    }

    /// Tells it to stop: it does so in order, within its deadline, and leaves one file (and the
    /// empty lock beside it).
    pub(crate) async fn stop_in_order(&mut self) {
        let status = self.program.terminate().await.expect("it ends");
        assert!(status.success(), "{status}:\n{}", self.program.output());
        assert_eq!(self.files(), ["test.db", "test.db.lock"]);
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.program.addr()
    }

    pub(crate) fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// Its resident memory in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.program.memory()
    }

    /// How many sockets it has open.
    pub(crate) fn sockets(&self) -> usize {
        self.program.sockets()
    }

    /// What lies in the data file's folder, by name.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names
            .map(|name| name.into_string().expect("a plain name"))
            .collect();
        names.sort();
        names
    }
}

fn data_in(folder: &TempDir) -> PathBuf {
    folder.path().join("test.db")
}

async fn start_on(port: Port, data: &Path) -> Program {
    let binary = env!("CARGO_BIN_EXE_boardcast");
    let quiet = ["--log", "warn"];
    let program = Program::start_on(port, binary, data, &quiet, &[]).await;
    program.expect("the program starts")
}

async fn start_and_kill(data: &Path, address: &str, after: Duration) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_boardcast"));
    command
        .args(["--log", "off", "--listen", address, "--data"])
        .arg(data);
    let command = command.stdout(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().expect("it starts");
    sleep(after).await;
    child.kill().await.expect("it can be killed");
}
