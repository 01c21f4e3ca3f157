//! The machine and its processes, as the kernel tells: CPU time, memory, descriptors. Linux.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// CPU that these processes have used since they began, user and system, in microseconds.
pub(crate) fn cpu_us(pids: &[u32]) -> f64 {
    pids.iter().map(|pid| cpu_of(*pid).unwrap_or(0.0)).sum()
}

/// None of one that is gone.
#[cfg(target_os = "linux")]
fn cpu_of(pid: u32) -> Option<f64> {
    use nix::time::{clock_getcpuclockid, clock_gettime};
    use nix::unistd::Pid;
    let pid = Pid::from_raw(i32::try_from(pid).ok()?);
    let used = clock_getcpuclockid(pid).and_then(clock_gettime).ok()?;
    Some(Duration::from(used).as_secs_f64() * 1e6)
}

/// Nor of others where the kernel has no such clock.
#[cfg(not(target_os = "linux"))]
fn cpu_of(_: u32) -> Option<f64> {
    None
}

/// Memory that these processes have resident, in bytes; what several share counts once.
pub(crate) fn resident(pids: &[u32]) -> f64 {
    pids.iter().map(|pid| resident_of(*pid)).sum()
}

fn resident_of(pid: u32) -> f64 {
    match fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        Ok(rollup) => number_after(&rollup, "\nPss:") * 1024.0,
        // Another user's.
        Err(_) => status_of(pid, "VmRSS:"),
    }
}

/// What they had until now doesn't count for [`resident_max`] any more.
pub(crate) fn forget_resident_max(pids: &[u32]) {
    for pid in pids {
        // Another user's can't be told, and then has a maximum that is too large.
        let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
    }
}

/// The most that they ever had.
pub(crate) fn resident_max(pids: &[u32]) -> f64 {
    pids.iter().map(|pid| status_of(*pid, "VmHWM:")).sum()
}

fn status_of(pid: u32, field: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    number_after(&status, field) * 1024.0
}

/// Memory of all TCP sockets in this network namespace, in bytes.
pub(crate) fn tcp_memory() -> f64 {
    let stat = fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    let tcp = stat.lines().find(|line| line.starts_with("TCP:"));
    number_after(tcp.unwrap_or_default(), " mem ") * 4096.0
}

fn number_after(text: &str, what: &str) -> f64 {
    let rest = text.find(what).map(|at| &text[at + what.len()..]);
    let word = rest.and_then(|rest| rest.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

/// A process's children.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let list = fs::read_to_string(path).unwrap_or_default();
    list.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// This process's own children, whichever of its threads started them.
pub(crate) fn children_of_all_threads() -> Vec<u32> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten();
    let lists = threads.filter_map(|thread| {
        let path = thread.ok()?.path().join("children");
        fs::read_to_string(path).ok()
    });
    lists
        .flat_map(|list| {
            let pids = list.split_whitespace().filter_map(|pid| pid.parse().ok());
            pids.collect::<Vec<_>>()
        })
        .collect()
}

/// Whether a process has ended.
pub(crate) fn is_gone(pid: u32) -> bool {
    !Path::new(&format!("/proc/{pid}")).exists()
}

/// Lets this process and those it starts have as many descriptors as the system allows; so many.
pub fn raise_descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // What there is already is the worst that can be left.
    let _ = setrlimit(Resource::Nofile, raised);
    let now = getrlimit(Resource::Nofile).current;
    now.map_or(usize::MAX, |count| {
        usize::try_from(count).unwrap_or(usize::MAX)
    })
}

/// Lines about this machine.
pub fn describe() -> Vec<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find(|line| line.starts_with("model name"));
    let model = model
        .and_then(|line| line.split(": ").nth(1))
        .unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = number_after(&memory, "MemTotal:") / 1024.0 / 1024.0;
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').take(3).collect::<Vec<_>>().join(" ");
    vec![
        format!("CPU: {model}, {cores} cores; {memory:.0} GiB of memory"),
        format!("Kernel: {}", said("uname", &["-sr"])),
        format!("Date: {} (UTC)", said("date", &["-u", "+%Y-%m-%d %H:%M"])),
        format!("Load average when it began: {load}"),
    ]
}

/// The first line that a program prints.
pub fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let output = output.map(|output| [output.stdout, output.stderr].concat());
    let text = String::from_utf8_lossy(&output.unwrap_or_default()).into_owned();
    text.lines().next().unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_uses_time() {
        let own = [std::process::id()];
        assert!(resident(&own) > 100_000.0 && resident_max(&own) >= resident(&own) / 2.0);
        let before = cpu_us(&own);
        let mut sum = 0_u64;
        while cpu_us(&own) - before < 20_000.0 {
            sum = (0..100_000).fold(sum, u64::wrapping_add);
        }
        assert!(sum > 0);
        assert_eq!(cpu_us(&[]), 0.0);
    }
}
