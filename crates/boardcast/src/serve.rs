//! The composition root: opens the data file, builds every part, hands in clock and randomness,
//! listens, and takes it all down again. Nothing else in the program starts anything.

mod alone;
mod demo;
mod ebb;

pub use alone::ask_desk;

use crate::auth::Auth;
use crate::config::ServeArgs;
use crate::desk::{Desk, Socket};
use crate::engine::Engine;
use crate::http::{
    App, Assets, Connections, Edge, Guard, PublicUrl, Service, Tls, TrustedProxies, router,
};
use crate::outside::Outside;
use crate::store::Retention;
use crate::store::sqlite::{self, Opened};
use anyhow::{Context, bail};
use boardcast_core::limits::{CONNECTIONS_DRAIN_SECONDS_MAX, DESCRIPTORS_RESERVED};
use boardcast_core::model::Timestamp;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// The machine's own clock and randomness.
#[derive(Debug)]
pub struct Machine;

#[allow(
    clippy::disallowed_methods,
    reason = "the one place where the machine is asked"
)]
impl Outside for Machine {
    fn now(&self) -> Timestamp {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since_1970.map_or(0, |elapsed| {
            i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
        }))
    }

    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the system has randomness");
    }
}

/// A server that listens.
pub struct Server {
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
    has_demo: bool,
    auth: Arc<Auth>,
    engine: Arc<Engine>,
    drain_tx: watch::Sender<bool>,
    connection_permits: Arc<Semaphore>,
    connections_max: usize,
    accepting: JoinHandle<()>,
    desk: Option<JoinHandle<()>>,
}

impl Server {
    /// Opens the data file and listens. On return the first request can come.
    pub async fn start(args: &ServeArgs, outside: Arc<dyn Outside>) -> anyhow::Result<Self> {
        if !args.data.exists() {
            // Refused before anything is made: in a new file nobody has an account.
            refuse_strangers(args, false)?;
        }
        let guard = read_guard(args)?;
        let proxies = read_proxies(args)?;
        let tls = load_tls(args)?.map(Arc::new);
        let assets = match &args.web_dir {
            Some(folder) => Assets::in_folder(folder)?,
            None => Assets::embedded(),
        };
        let listener = listen(args.listen)?;
        let address = listener.local_addr()?;
        let retention = Retention {
            events: args.keep_events,
            days: args.keep_days,
        };
        let mut opened = sqlite::open(&args.data, retention, Arc::clone(&outside))?;
        refuse_strangers(args, opened.has_accounts)?;
        let has_demo = demo::make_on_first_start(&mut opened, args, &*outside)?;
        let connections_max = connections_max()?;
        // The difference is for requests: streams alone can't shut everyone else out.
        let streams_max = connections_max - connections_max / 10;
        let last_ordinal = opened.writer.last_ordinal()?;
        let edge = Edge::new(args.writes_per_second, args.streams_per_address, &*outside);
        let engine = Engine::start(opened, last_ordinal, outside, streams_max, args.bodies_only)?;
        let auth = Arc::new(Auth::new(engine.outside()));
        let app = App {
            engine: Arc::clone(&engine),
            auth: Arc::clone(&auth),
            guard: Arc::new(guard),
            assets: Arc::new(assets),
            edge: Arc::new(edge),
        };
        let (drain_tx, drain_rx) = watch::channel(false);
        let connection_permits = Arc::new(Semaphore::new(connections_max));
        let connections = Connections::new(
            listener,
            Service {
                router: router(app),
                engine: Arc::clone(&engine),
                proxies: Arc::new(proxies),
                tls: tls.clone(),
            },
            Arc::clone(&connection_permits),
            drain_rx.clone(),
            CONNECTIONS_DRAIN_MAX,
        );
        let accepting = tokio::spawn(connections.serve());
        tokio::spawn(ebb::watch_connections(
            Arc::clone(&connection_permits),
            connections_max,
            drain_rx.clone(),
            boardcast_heap::give_back,
        ));
        let desk = open_desk(&args.data, &engine, &auth, drain_rx);
        Ok(Self {
            address,
            tls,
            has_demo,
            auth,
            engine,
            drain_tx,
            connection_permits,
            connections_max,
            accepting,
            desk,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as a person would type it.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let port = self.address.port();
        match self.address.ip() {
            IpAddr::V4(Ipv4Addr::LOCALHOST) => format!("{scheme}://localhost:{port}"),
            _ => format!("{scheme}://{}", self.address),
        }
    }

    /// Reads the certificate and its key again, if TLS ends here. Whatever is connected stays.
    pub fn reload_certificate(&self) -> anyhow::Result<()> {
        self.tls.as_ref().map_or(Ok(()), |tls| tls.reload())
    }

    /// Whether this start made the demo board.
    #[must_use]
    pub fn has_demo(&self) -> bool {
        self.has_demo
    }

    /// Connections that are open now, and one for which it waits.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections_max - self.connection_permits.available_permits()
    }

    /// What signing in needs.
    #[must_use]
    pub fn auth(&self) -> &Auth {
        &self.auth
    }

    /// What makes the first account, as long as there is none.
    #[must_use]
    pub fn setup_code(&self) -> Option<&str> {
        let is_open = !self.engine.is_accounts_on();
        is_open.then(|| self.auth.setup_code.text())
    }

    /// The board server behind the routes.
    #[must_use]
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Takes nothing new, ends streams in order, answers what was accepted, closes the data file.
    /// Connections that are not done in time are cut.
    pub async fn drain(self) {
        self.engine.drain();
        self.drain_tx.send_replace(true);
        self.accepting
            .await
            .expect("the accepting task doesn't panic");
        if let Some(desk) = self.desk {
            desk.await.expect("the desk's task doesn't panic");
        }
        let engine = self.engine;
        let closing = tokio::task::spawn_blocking(move || engine.close());
        closing
            .await
            .expect("the writer's thread aborts instead of panicking");
    }
}

/// Opens the desk beside the data file. A server serves without one, too.
fn open_desk(
    data: &Path,
    engine: &Arc<Engine>,
    auth: &Arc<Auth>,
    drain_rx: watch::Receiver<bool>,
) -> Option<JoinHandle<()>> {
    let bound = sqlite::socket_path(data).map(|path| (Socket::bind(path.clone()), path));
    match bound {
        Ok((Ok(socket), _)) => {
            let desk = Arc::new(Desk::new(Arc::clone(engine), Arc::clone(auth)));
            Some(tokio::spawn(socket.serve(desk, drain_rx)))
        }
        Ok((Err(error), path)) => {
            tracing::warn!(
                "`boardcast user` and `token` can't reach this server: there can be no socket {}: {error}",
                path.display()
            );
            None
        }
        Err(error) => {
            tracing::warn!("`boardcast user` and `token` can't reach this server: {error}");
            None
        }
    }
}

const CONNECTIONS_DRAIN_MAX: Duration = Duration::from_secs(CONNECTIONS_DRAIN_SECONDS_MAX);

/// Refuses to listen beyond this machine where that would give everything to everyone; or, with
/// accounts, where their secrets would go over the wire as they are.
fn refuse_strangers(args: &ServeArgs, has_accounts: bool) -> anyhow::Result<()> {
    let address = args.listen;
    let is_encrypted = args.tls_cert.is_some() || !args.trusted_proxies.is_empty();
    if address.ip().to_canonical().is_loopback() || args.insecure_open {
        return Ok(());
    }
    match (has_accounts, is_encrypted) {
        (true, true) => Ok(()),
        (true, false) => bail!(
            "{address} can be reached from other machines, and without TLS whoever is between can read passwords \
             and tokens. Give --tls-cert and --tls-key, or name the proxy that ends TLS with --trusted-proxy."
        ),
        (false, _) => bail!(
            "{address} can be reached from other machines, and without accounts whoever connects can read and change \
             everything. Listen on 127.0.0.1, or give --insecure-open if that is what you want."
        ),
    }
}

fn read_guard(args: &ServeArgs) -> anyhow::Result<Guard> {
    let read = |flag: &str, urls: &[String]| -> anyhow::Result<Vec<PublicUrl>> {
        let read = |url: &String| {
            url.parse()
                .map_err(|why: String| anyhow::anyhow!("{flag} {url:?} {why}"))
        };
        urls.iter().map(read).collect()
    };
    Ok(Guard::new(
        read("--public-url", &args.public_urls)?,
        read("--allow-origin", &args.allow_origins)?,
    ))
}

fn read_proxies(args: &ServeArgs) -> anyhow::Result<TrustedProxies> {
    TrustedProxies::read(&args.trusted_proxies)
        .map_err(|(word, why)| anyhow::anyhow!("--trusted-proxy {word:?} {why}"))
}

fn load_tls(args: &ServeArgs) -> anyhow::Result<Option<Tls>> {
    let files = args.tls_cert.as_ref().zip(args.tls_key.as_ref());
    files.map(|(cert, key)| Tls::load(cert, key)).transpose()
}

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    // Connections that wait to be accepted; as many as a reconnecting crowd may bring at once.
    const BACKLOG: u32 = 4_096;
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A restart finds the old connections' remains on the port.
    socket.set_reuseaddr(true)?;
    socket
        .bind(address)
        .with_context(|| explain_bind(address))?;
    socket
        .listen(BACKLOG)
        .with_context(|| explain_bind(address))
}

fn explain_bind(address: SocketAddr) -> String {
    format!(
        "can't listen on {address}: another program may have the port. Choose another one with --listen"
    )
}

/// As many as there are descriptors, less a reserve, after raising the limit as far as it goes.
fn connections_max() -> anyhow::Result<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = if setrlimit(Resource::Nofile, raised).is_ok() {
        limit.maximum
    } else {
        limit.current
    };
    let descriptors = current.unwrap_or(1 << 20);
    if descriptors < 2 * DESCRIPTORS_RESERVED {
        bail!(
            "only {descriptors} file descriptors are allowed; raise the limit (ulimit -n) to 1024 or more"
        );
    }
    Ok(usize::try_from(descriptors - DESCRIPTORS_RESERVED)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(has_accounts: bool, change: impl FnOnce(&mut ServeArgs)) -> Option<String> {
        let mut args = ServeArgs {
            listen: SocketAddr::from(([192, 0, 2, 1], 3000)),
            ..ServeArgs::default()
        };
        change(&mut args);
        let refused = refuse_strangers(&args, has_accounts).err();
        refused.map(|why| why.to_string())
    }

    fn with_tls(args: &mut ServeArgs) {
        args.tls_cert = Some("cert.pem".into());
    }

    fn with_proxy(args: &mut ServeArgs) {
        args.trusted_proxies = vec!["192.0.2.7".into()];
    }

    #[test]
    fn with_accounts_it_listens_beyond_this_machine_where_something_ends_tls() {
        assert_eq!(refusal(true, with_tls), None);
        assert_eq!(refusal(true, with_proxy), None);
        let why = refusal(true, |_| {}).expect("a refusal");
        for says in [
            "192.0.2.1:3000",
            "passwords",
            "--tls-cert",
            "--trusted-proxy",
        ] {
            assert!(why.contains(says), "{why}");
        }
        let anyway = |args: &mut ServeArgs| args.insecure_open = true;
        assert_eq!(refusal(true, anyway), None);
    }

    #[test]
    fn without_accounts_tls_keeps_nobody_out() {
        for change in [with_tls, with_proxy] {
            let why = refusal(false, change).expect("a refusal");
            assert!(why.contains("--insecure-open"), "{why}");
        }
        for listen in ["127.0.0.1:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
            let listen = listen.parse().expect("an address");
            assert_eq!(refusal(false, |args| args.listen = listen), None);
        }
    }
}
