//! Ours beside nginx with nchan, a well-known server of event streams: the same load, turn by turn.
//! nchan keeps messages in memory and knows nothing of boards, writes on disk or places in a log, so
//! it does less; what it does, it does well.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::cases::{net, of, per_second};
use super::host;
use super::idle::{memory_by_watchers, slope_of_many};
use super::report::{Part, digits, median, thousands};
use super::stage::{Figures, Stage, calm, fan_out, measure};
use super::swarm::{Swarm, Target};

/// Where Debian puts it.
const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/// As many as our server has threads.
const WORKERS: usize = 2;

struct Nchan {
    _child: Child,
    master: Pid,
    target: Target,
}

impl Drop for Nchan {
    /// Told, not killed: workers outlive a master that is killed.
    fn drop(&mut self) {
        let _ = kill_process(self.master, Signal::TERM);
        let begun = Instant::now();
        while !self.target.pids.iter().all(|pid| host::is_gone(*pid))
            && begun.elapsed() < Duration::from_secs(10)
        {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Whether what is compared with is on this machine.
///
/// # Errors
/// If not, with what to install.
pub fn find() -> Result<(), String> {
    if Path::new(MODULE).exists() {
        return Ok(());
    }
    Err(format!(
        "there is no {MODULE}: install nginx and libnginx-mod-nchan"
    ))
}

pub(crate) async fn compare(mut stage: Stage) -> Result<Part, String> {
    let mut part = Part::new(
        "Beside nginx with nchan",
        &[
            "watchers",
            "ours: CPU µs a delivery",
            "nchan",
            "floor",
            "ours ÷ nchan",
            "ours ÷ floor",
            "ours p50 ms",
            "p99",
            "nchan p50 ms",
            "p99",
            "ours deliveries/s",
            "nchan",
        ],
        "The same load, events of the same size, ours, nchan and the floor in turn; ratios are medians of the rounds. CPU a \
         delivery is without what the same write costs when nobody watches. Ours commits every event to disk before it \
         sends it and can replay all of them; nchan keeps the last few in memory and is asked for no more, so its latency \
         has no sync in it. nginx runs two workers.",
    );
    let ours = stage.ours(1).await?;
    let nchan = start_nchan(stage.folder()).await?;
    // First, while neither has had watchers before.
    let (own, other) = (
        slope_of_many(&memory_by_watchers(&stage, &ours.target)?),
        slope_of_many(&memory_by_watchers(&stage, &nchan.target)?),
    );
    let time = stage.time(1_500);
    let quiet = |target: &Target| Ok::<_, String>(fan_out(target, 0, time / 2)?.cpu_per_event());
    let nchan_quiet_us = quiet(&nchan.target)?;
    let floor_quiet_us = quiet(&stage.floor(400))?;
    let sizes: &[usize] = if stage.is_quick() {
        &[50]
    } else {
        &[100, 1_000, 10_000]
    };
    for watchers in sizes.iter().map(|wanted| stage.watchers(*wanted)) {
        let (mut own, mut other) = (Vec::new(), Vec::new());
        let (mut to_other, mut to_bare) = (Vec::new(), Vec::new());
        let (mut costs, mut other_costs, mut bare_costs) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..stage.pairs() {
            let quiet_us = quiet(&ours.target)?;
            let figures = fan_out(&ours.target, watchers, time)?;
            let bytes = figures.bytes_per_delivery();
            let theirs = fan_out(&same_bytes(&nchan.target, bytes), watchers, time)?;
            let floor = fan_out(&stage.floor(bytes), watchers, time)?;
            let cost = net(&figures, quiet_us);
            let (other_cost, bare_cost) =
                (net(&theirs, nchan_quiet_us), net(&floor, floor_quiet_us));
            to_other.push(cost / other_cost);
            to_bare.push(cost / bare_cost);
            costs.push(cost);
            other_costs.push(other_cost);
            bare_costs.push(bare_cost);
            own.push(figures);
            other.push(theirs);
        }
        let ratio = median(&to_other);
        part.row([
            thousands(watchers as f64),
            digits(median(&costs)),
            digits(median(&other_costs)),
            digits(median(&bare_costs)),
            digits(ratio),
            digits(median(&to_bare)),
            digits(of(&own, |figures| figures.latencies.percentile(50.0))),
            digits(of(&own, |figures| figures.latencies.percentile(99.0))),
            digits(of(&other, |figures| figures.latencies.percentile(50.0))),
            digits(of(&other, |figures| figures.latencies.percentile(99.0))),
            thousands(of(&own, per_second)),
            thousands(of(&other, per_second)),
        ]);
        stage.say(&format!("  {watchers} watchers: {ratio:.2} times nchan"));
        let latency = of(&own, |figures| figures.latencies.percentile(50.0))
            / of(&other, |figures| figures.latencies.percentile(50.0));
        part.ratio(format!(
            "Beside nchan, one delivery to each of {} watchers costs {} times its CPU and takes {} times as long (median, ours with the commit).",
            thousands(watchers as f64),
            digits(ratio),
            digits(latency)
        ));
    }
    part.ratio(format!(
        "An idle watcher costs {} KiB of our memory and {} KiB of nginx's with nchan, which has shared memory set aside besides.",
        digits(own / 1024.0),
        digits(other / 1024.0)
    ));
    Ok(part)
}

/// Many writers, each asking again as soon as it is answered: so events can go out together.
pub(crate) async fn in_flight(mut stage: Stage) -> Result<Part, String> {
    let mut part = Part::new(
        "Many events at once, beside nginx with nchan",
        &[
            "watchers",
            "writers",
            "ours: deliveries/s",
            "nchan",
            "ours ÷ nchan",
            "ours: CPU µs a delivery",
            "nchan",
            "ours: p50 ms",
            "p99",
            "nchan: p50 ms",
            "p99",
        ],
        "Every writer asks again as soon as it is answered, and all watchers follow all of them, so as many events are in flight \
         as there are writers. Ours is answered when the event is on disk; what several writers' events have in common, a commit \
         and a send to each watcher, is done once. CPU is all of it, the writes and commits included.",
    );
    let (writers, watchers) = (stage.size(64, 8), stage.watchers(stage.size(1_000, 50)));
    let time = stage.time(2_000);
    let ours = stage.ours(writers).await?;
    let nchan = start_nchan(stage.folder()).await?;
    let run = |target: &Target| {
        let mut swarm = Swarm::new(target, writers)?;
        swarm.watch(watchers)?;
        swarm.write_together(time / 10, u64::MAX)?;
        swarm.settle()?;
        calm(&target.pids);
        let figures = measure(&mut swarm, target, |swarm| {
            let writes = swarm.write_together(time, u64::MAX)?;
            swarm.settle()?;
            Ok(writes)
        })?;
        swarm.verify()?;
        drop(swarm);
        calm(&target.pids);
        Ok::<_, String>(figures)
    };
    let (mut own, mut other, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..stage.pairs() {
        let figures = run(&ours.target)?;
        let bytes = figures.bytes_per_delivery();
        let theirs = run(&same_bytes(&nchan.target, bytes))?;
        let ratio = per_second(&figures) / per_second(&theirs);
        stage.say(&format!(
            "  {:.0} deliveries/s, {ratio:.1} times nchan's; {:.2} µs each",
            per_second(&figures),
            figures.cpu_per_delivery()
        ));
        ratios.push(ratio);
        own.push(figures);
        other.push(theirs);
    }
    part.row([
        thousands(watchers as f64),
        writers.to_string(),
        thousands(of(&own, per_second)),
        thousands(of(&other, per_second)),
        digits(median(&ratios)),
        digits(of(&own, Figures::cpu_per_delivery)),
        digits(of(&other, Figures::cpu_per_delivery)),
        digits(of(&own, |figures| figures.latencies.percentile(50.0))),
        digits(of(&own, |figures| figures.latencies.percentile(99.0))),
        digits(of(&other, |figures| figures.latencies.percentile(50.0))),
        digits(of(&other, |figures| figures.latencies.percentile(99.0))),
    ]);
    part.ratio(format!(
        "With {writers} events in flight, each on disk first, {} watchers get {} times as many deliveries a second as from nchan, at \
         {} µs of CPU each, the writes included.",
        thousands(watchers as f64),
        digits(median(&ratios)),
        digits(of(&own, Figures::cpu_per_delivery))
    ));
    Ok(part)
}

/// As many bytes for each event as another server sends.
fn same_bytes(nchan: &Target, bytes: usize) -> Target {
    // An id and its line ends are some forty bytes there.
    Target {
        body_bytes: bytes.saturating_sub(40),
        ..nchan.clone()
    }
}

async fn start_nchan(folder: &Path) -> Result<Nchan, String> {
    let text = |fault: std::io::Error| fault.to_string();
    find()?;
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(text)?;
    let addr = free.local_addr().map_err(text)?;
    drop(free);
    let place = folder.join("nginx");
    fs::create_dir(&place).map_err(text)?;
    let file = place.join("nginx.conf");
    fs::write(&file, configuration(&place, addr)).map_err(text)?;
    let child = Command::new("/usr/sbin/nginx")
        .arg("-c")
        .arg(&file)
        .arg("-p")
        .arg(&place)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|fault| format!("nginx: {fault}"))?;
    let pid = child.id().ok_or("nginx ended at once")?;
    let master = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let master = master.ok_or("nginx has no pid")?;
    let begun = Instant::now();
    while TcpStream::connect(addr).is_err() || host::children(pid).len() < WORKERS {
        if begun.elapsed() > Duration::from_secs(10) {
            return Err(format!(
                "nginx does not listen; see {}",
                place.join("error.log").display()
            ));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let pids = host::children(pid);
    calm(&pids);
    let target = Target {
        addr,
        door: None,
        pids,
        watch: "/sub".into(),
        method: "POST".into(),
        path: "/pub".into(),
        body: "{mark}{fill}".into(),
        body_bytes: 350,
    };
    Ok(Nchan {
        _child: child,
        master,
        target,
    })
}

fn configuration(place: &Path, addr: SocketAddr) -> String {
    let place = place.display();
    format!(
        "load_module {MODULE};
daemon off;
worker_processes {WORKERS};
pid {place}/nginx.pid;
error_log {place}/error.log;
events {{ worker_connections 19000; }}
http {{
  access_log off;
  client_body_temp_path {place}/body;
  proxy_temp_path {place}/proxy;
  fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi;
  scgi_temp_path {place}/scgi;
  keepalive_requests 1000000000;
  server {{
    listen {addr} backlog=4096;
    location = /pub {{
      nchan_publisher;
      nchan_channel_id bench;
      nchan_message_buffer_length 200;
    }}
    location = /sub {{
      nchan_subscriber eventsource;
      nchan_channel_id bench;
      nchan_subscriber_first_message newest;
    }}
  }}
}}
"
    )
}
