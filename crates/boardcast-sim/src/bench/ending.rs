//! The end of a bench before its end: whatever it has started ends with it.

use std::fs;
use std::path::PathBuf;
use std::process::exit;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitOptions, kill_process, set_parent_process_death_signal, waitpid,
};
use tokio::signal::unix::{SignalKind, signal};

use super::host;

/// How long children may take to end in order.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a shell makes of SIGINT.
const INTERRUPTED: u8 = 130;

/// From now on this process is asked to end when whoever started it has ended.
///
/// # Errors
/// If the kernel refuses to tell.
pub fn end_with_parent() -> Result<(), String> {
    set_parent_process_death_signal(Some(Signal::TERM)).map_err(|fault| fault.to_string())
}

/// From now on an interrupt, a request to end, and the end of whoever started this process end its
/// children too, and remove the folder.
///
/// # Errors
/// If the kernel refuses to tell.
pub fn end_when_told(folder: PathBuf) -> Result<(), String> {
    let text = |fault: std::io::Error| fault.to_string();
    end_with_parent()?;
    let mut interrupts = signal(SignalKind::interrupt()).map_err(text)?;
    let mut requests = signal(SignalKind::terminate()).map_err(text)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupts.recv() => {}
            _ = requests.recv() => {}
        }
        end_children();
        let _ = fs::remove_dir_all(folder);
        exit(INTERRUPTED.into());
    });
    Ok(())
}

/// Told first: nginx's workers outlive a master that is killed. The bench goes on meanwhile and may
/// start another one, so this ends when it finds none.
fn end_children() {
    let begun = Instant::now();
    let mut left = children();
    while !left.is_empty() {
        let is_late = begun.elapsed() > PATIENCE;
        let signal = if is_late { Signal::KILL } else { Signal::TERM };
        for pid in left {
            let _ = kill_process(pid, signal);
            // Reaped here, if nobody else does: else it would be found again.
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
        sleep(Duration::from_millis(50));
        left = children();
    }
}

fn children() -> Vec<Pid> {
    let pids = host::children_of_all_threads().into_iter();
    let pid = |pid| i32::try_from(pid).ok().and_then(Pid::from_raw);
    pids.filter_map(pid).collect()
}
