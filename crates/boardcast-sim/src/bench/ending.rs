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

/// From now on an interrupt, a request to end, and the end of whoever started this process end its
/// children too, and remove the folder.
///
/// # Errors
/// If the kernel refuses to tell.
pub fn end_when_told(folder: PathBuf) -> Result<(), String> {
    let text = |fault: std::io::Error| fault.to_string();
    set_parent_process_death_signal(Some(Signal::TERM)).map_err(|fault| fault.to_string())?;
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

/// Told first: nginx's workers outlive a master that is killed.
fn end_children() {
    let pids = host::children_of_all_threads();
    let pid = |pid: &u32| i32::try_from(*pid).ok().and_then(Pid::from_raw);
    let mut left: Vec<Pid> = pids.iter().filter_map(pid).collect();
    let tell = |left: &[Pid], what| {
        for pid in left {
            let _ = kill_process(*pid, what);
        }
    };
    tell(&left, Signal::TERM);
    let begun = Instant::now();
    while !left.is_empty() && begun.elapsed() < PATIENCE {
        // Anything but "not yet" means that it is gone.
        left.retain(|pid| matches!(waitpid(Some(*pid), WaitOptions::NOHANG), Ok(None)));
        sleep(Duration::from_millis(20));
    }
    tell(&left, Signal::KILL);
    for pid in left {
        let _ = waitpid(Some(pid), WaitOptions::empty());
    }
}
