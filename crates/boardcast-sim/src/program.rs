//! The server as a child of the test: started on a loopback port, ended by a signal or by `kill
//! -9`, its output kept for messages; what only the system can say about it (memory, descriptors) is
//! read here. Signals only the child it started.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::port::Port;
use crate::wait::within;

/// The last lines of output that are kept.
const LINES_MAX: usize = 1_000;

/// What stands before the port in the line that says where the server listens.
const URL: &str = "://localhost:";

/// A running server. It is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    pid: u32,
    port: Port,
    addr: SocketAddr,
    output: Output,
    /// Until all of the output is read.
    reading: Vec<JoinHandle<()>>,
}

impl Program {
    /// Starts `binary --listen 127.0.0.1:PORT --data DATA`, on a port of its own, with `extra_args`
    /// after that and `extra_env` added to the environment, and waits until its standard output says
    /// where it listens.
    ///
    /// # Errors
    /// If it can't be started, or ends or closes its output before it says so; with its output in
    /// the message.
    pub async fn start(
        binary: impl AsRef<OsStr>,
        data: &Path,
        extra_args: &[&str],
        extra_env: &[(String, String)],
    ) -> io::Result<Program> {
        Self::start_on(Port::reserve()?, binary, data, extra_args, extra_env).await
    }

    /// [`Program::start`] on a given port, to come back where it was before.
    ///
    /// # Errors
    /// As for [`Program::start`].
    pub async fn start_on(
        port: Port,
        binary: impl AsRef<OsStr>,
        data: &Path,
        extra_args: &[&str],
        extra_env: &[(String, String)],
    ) -> io::Result<Program> {
        let mut child = Command::new(binary)
            .args(["--listen", &port.addr().to_string(), "--data"])
            .arg(data)
            .args(extra_args)
            .envs(extra_env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let output = Output::default();
        let (addr_tx, addr_rx) = oneshot::channel();
        let mut reading = vec![
            tokio::spawn(keep(child.stdout.take(), output.clone(), Some(addr_tx))),
            tokio::spawn(keep(child.stderr.take(), output.clone(), None)),
        ];
        let pid = child
            .id()
            .expect("a child that was not waited for has a pid");
        let said = within("the server's address", async { Ok(addr_rx.await) }).await;
        match said {
            Ok(Ok(addr)) => Ok(Program {
                child,
                pid,
                port,
                addr,
                output,
                reading,
            }),
            // Its output has ended without an address, or it says nothing at all.
            silent => {
                child.kill().await?;
                let status = child.wait().await?;
                read_to_the_end(&mut reading).await;
                let why = silent.err().map_or_else(
                    || "never said where it listens".to_owned(),
                    |late| late.to_string(),
                );
                Err(io::Error::other(format!(
                    "{why} ({status}):\n{}",
                    output.text()
                )))
            }
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its port, which is nobody else's as long as this is kept.
    pub fn port(&self) -> Port {
        self.port.clone()
    }

    /// Its id while it runs, and what it was after.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its resident memory in bytes.
    ///
    /// # Panics
    /// If it doesn't run, or this isn't Linux; so do the next two.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(self.proc("status")).expect("its status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        let kib = kib.and_then(|kib| kib.parse::<u64>().ok());
        kib.expect("VmRSS in KiB") * 1_024
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        self.open_files().count()
    }

    /// How many of them are sockets.
    pub fn sockets(&self) -> usize {
        let is_socket = |file: &PathBuf| file.to_string_lossy().starts_with("socket:");
        self.open_files().filter(is_socket).count()
    }

    fn open_files(&self) -> impl Iterator<Item = PathBuf> {
        let entries = fs::read_dir(self.proc("fd")).expect("its descriptors");
        // One that is closed just now has no target any more.
        entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
    }

    fn proc(&self, what: &str) -> PathBuf {
        Path::new("/proc").join(self.pid.to_string()).join(what)
    }

    /// The last lines it wrote, standard output and standard error as they came.
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// Kills it as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    /// If it can't be waited for.
    pub async fn kill9(&mut self) -> io::Result<ExitStatus> {
        self.child.start_kill()?;
        self.wait().await
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// If it has ended already, or doesn't within [`crate::wait::WAIT`].
    pub async fn terminate(&mut self) -> io::Result<ExitStatus> {
        self.signal("TERM").await?;
        self.wait().await
    }

    /// Sends it a signal, named as for `kill`: `"STOP"` freezes it, `"CONT"` lets it go on.
    ///
    /// # Errors
    /// If it has ended already or `kill` fails.
    pub async fn signal(&mut self, name: &str) -> io::Result<()> {
        // Until it has been waited for, its id is its own.
        if let Some(status) = self.child.try_wait()? {
            return Err(io::Error::other(format!(
                "ended already ({status}):\n{}",
                self.output()
            )));
        }
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.pid.to_string())
            .status()
            .await?;
        if sent.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("kill -{name}: {sent}")))
        }
    }

    /// Waits until it ends by itself, and until all of its output is kept.
    ///
    /// # Errors
    /// If it doesn't within [`crate::wait::WAIT`].
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        let ended = within("the server's end", self.child.wait()).await?;
        read_to_the_end(&mut self.reading).await;
        Ok(ended)
    }
}

/// The last lines of a child's output.
#[derive(Clone, Debug, Default)]
struct Output {
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Output {
    fn push(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn text(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// Waits for what an ended child still has in its pipes. A child of its own may hold them: then what has
/// come is all.
async fn read_to_the_end(reading: &mut Vec<JoinHandle<()>>) {
    for reading in reading.drain(..) {
        let _ = within("the rest of its output", async { Ok(reading.await) }).await;
    }
}

/// Reads to the end, so that the child never waits for us, and tells the first address it sees.
async fn keep<R: AsyncRead + Unpin>(
    source: Option<R>,
    output: Output,
    mut addr_tx: Option<oneshot::Sender<SocketAddr>>,
) {
    let Some(source) = source else { return };
    let mut source = BufReader::new(source);
    let mut line = Vec::new();
    while matches!(source.read_until(b'\n', &mut line).await, Ok(1..)) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        let addr = addr_in(&text);
        output.push(text);
        if let (Some(addr), Some(tx)) = (addr, addr_tx.take_if(|_| addr.is_some())) {
            // Nobody waits any more: the start was given up.
            let _ = tx.send(addr);
        }
    }
}

fn addr_in(line: &str) -> Option<SocketAddr> {
    let rest = &line[line.find(URL)? + URL.len()..];
    let end = rest
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or(rest.len());
    let port = rest[..end].parse().ok()?;
    Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;
    use crate::scratch::Scratch;
    use crate::shim::compile;

    fn stand_in(folder: &Scratch) -> PathBuf {
        let binary = folder.path().join("stand_in");
        compile(include_str!("../shim/stand_in.c"), &[], &binary).unwrap();
        binary
    }

    #[test]
    fn the_address_is_found_in_a_line() {
        let addr = Some(SocketAddr::from(([127, 0, 0, 1], 8080)));
        assert_eq!(addr_in("listening on http://localhost:8080"), addr);
        assert_eq!(addr_in("Board is at http://localhost:8080/ now"), addr);
        assert_eq!(addr_in("https://localhost:8080"), addr);
        assert_eq!(addr_in("http://localhost:"), None);
        assert_eq!(addr_in("http://localhost:808080"), None);
    }

    #[tokio::test]
    async fn it_says_where_it_listens_and_ends_when_told() {
        let folder = Scratch::new();
        let (binary, data) = (stand_in(&folder), folder.path().join("board.db"));
        let env = [("STAND_IN_PORT".to_owned(), "4321".to_owned())];
        let mut program = Program::start(&binary, &data, &[], &env).await.unwrap();
        assert_eq!(program.addr(), "127.0.0.1:4321".parse().unwrap());
        assert!(program.terminate().await.unwrap().success());
        assert!(program.terminate().await.is_err());
        let mut again = Program::start_on(program.port(), &binary, &data, &[], &[])
            .await
            .unwrap();
        assert_eq!(again.addr(), program.port().addr());
        assert_eq!(again.kill9().await.unwrap().signal(), Some(9));
        assert!(again.output().starts_with("starting\n"));
    }

    #[tokio::test]
    async fn one_that_does_not_start_says_why() {
        let folder = Scratch::new();
        let (binary, data) = (stand_in(&folder), folder.path().join("board.db"));
        let refused = Program::start(&binary, &data, &["refuse"], &[])
            .await
            .unwrap_err()
            .to_string();
        assert!(refused.contains("exit status: 3"), "{refused}");
        assert!(
            refused.contains("cannot open") && refused.contains("board.db"),
            "{refused}"
        );
        assert!(
            Program::start(folder.path().join("none"), &data, &[], &[])
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn one_that_writes_much_is_not_held_up() {
        let folder = Scratch::new();
        let (binary, data) = (stand_in(&folder), folder.path().join("board.db"));
        let mut program = Program::start(&binary, &data, &["chatter"], &[])
            .await
            .unwrap();
        // The pipe holds far less than this; "ready" comes only if all of it was read.
        while !program.output().ends_with("ready\n") {
            tokio::task::yield_now().await;
        }
        assert_eq!(program.output().lines().count(), LINES_MAX);
        program.kill9().await.unwrap();
    }
}
