//! `boardcast serve`: runs the server until it is told to stop.

use crate::config::ServeArgs;
use crate::serve::{Machine, Server};
use crate::{spine, telemetry};
use anyhow::anyhow;
use boardcast_core::limits::DRAIN_SECONDS_MAX;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    telemetry::start(&args.log).map_err(|why| anyhow!("--log {:?} {why}", args.log))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(args))?;
    // Whatever still runs on a blocking thread is a read that nobody waits for.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    let mut hangups = match args.tls_cert {
        Some(_) => Some(signal(SignalKind::hangup())?),
        // A terminal that is closed takes the server along.
        None => None,
    };
    let server = Server::start(args, Arc::new(Machine)).await?;
    greet(args, &server);
    loop {
        tokio::select! {
            () = next_of(&mut interrupts, &mut terminations) => break,
            () = next_if_any(&mut hangups) => reload_certificate(&server),
        }
    }
    tracing::info!(
        "stopping: streams end, what was accepted is answered (a second signal stops at once)"
    );
    give_up_after_deadline();
    tokio::select! {
        () = server.drain() => tracing::info!("stopped"),
        () = next_of(&mut interrupts, &mut terminations) => std::process::exit(1),
    }
    Ok(())
}

async fn next_of(interrupts: &mut Signal, terminations: &mut Signal) {
    tokio::select! {
        _ = interrupts.recv() => {}
        _ = terminations.recv() => {}
    }
}

async fn next_if_any(hangups: &mut Option<Signal>) {
    match hangups {
        Some(hangups) => _ = hangups.recv().await,
        None => std::future::pending().await,
    }
}

fn reload_certificate(server: &Server) {
    match server.reload_certificate() {
        Ok(()) => tracing::info!("read the certificate again"),
        Err(why) => tracing::error!("the old certificate stays: {why:#}"),
    }
}

/// Whatever hangs, the process ends within its deadline. What was answered is on disk.
fn give_up_after_deadline() {
    spine::spawn("deadline", || {
        std::thread::sleep(Duration::from_secs(DRAIN_SECONDS_MAX));
        tracing::error!("the drain took longer than {DRAIN_SECONDS_MAX} s; ending now");
        std::process::exit(1);
    });
}

/// Tells the person at the terminal where to look. Whoever has closed the output doesn't want to
/// know.
fn greet(args: &ServeArgs, server: &Server) {
    let url = server.url();
    let mut text = format!("Boardcast serves {} on {url}\n", args.data.display());
    if server.has_demo() {
        text += &format!(
            "\nIt holds a demo board. Watch it:\n  \
             curl -N {url}/boards/board-1/events\n\
             and change it from another terminal:\n  \
             curl --json '{{\"listId\":\"list-todo\",\"title\":\"Water the plants\"}}' {url}/tasks\n"
        );
    }
    if let Some(code) = server.setup_code() {
        tell_setup_code(&url, code);
    }
    let mut stdout = std::io::stdout();
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
}

/// Where only whoever runs the server looks. Whoever can't read it can't make the first account.
fn tell_setup_code(url: &str, code: &str) {
    let text = format!(
        "Everyone who can connect can do everything. To have accounts instead, run `boardcast init`, or open {url}/#setup and type {code}\n"
    );
    let mut stderr = std::io::stderr();
    let _ = stderr.write_all(text.as_bytes());
}
