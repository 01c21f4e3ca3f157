//! TLS where it ends here: the certificate and its key, and the handshake, which is bounded in time
//! and in number. What is said over it is no concern of this file.

use crate::live::takeover::LentSocket;
use anyhow::{Context, bail, ensure};
use boardcast_core::limits::{
    HANDSHAKE_SECONDS_MAX, HANDSHAKES_AT_ONCE_MAX, PEM_BYTES_MAX, TICKETS_PER_HANDSHAKE,
};
use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error, ServerConfig};
use tokio_rustls::server::TlsStream;

/// What a client that speaks both prefers is HTTP/2.
const HTTP_2: &[u8] = b"h2";
const HTTP_1_1: &[u8] = b"http/1.1";

/// The server's end of TLS.
pub struct Tls {
    certificates: PathBuf,
    key: PathBuf,
    /// As the files said when they were last read.
    acceptor: Mutex<TlsAcceptor>,
    handshakes: Handshakes,
}

impl Tls {
    /// With the certificates of a file in PEM form, the server's own first, and the key of another
    /// one, or of the same.
    pub fn load(certificates: &Path, key: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            acceptor: Mutex::new(read_acceptor(certificates, key)?),
            certificates: certificates.into(),
            key: key.into(),
            handshakes: Handshakes::default(),
        })
    }

    /// Reads the files again, for the connections that come. If they can't be used, what there was
    /// stays.
    pub fn reload(&self) -> anyhow::Result<()> {
        let acceptor = read_acceptor(&self.certificates, &self.key)?;
        *self.lock() = acceptor;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, TlsAcceptor> {
        self.acceptor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection once both ends agree; none if they don't, or not in time.
    pub(super) async fn shake_hands(&self, socket: LentSocket) -> Option<TlsStream<LentSocket>> {
        let given_up = self.handshakes.begin();
        let limit = Duration::from_secs(HANDSHAKE_SECONDS_MAX);
        let accepting = self.lock().accept(socket);
        let agreed = tokio::select! {
            agreed = timeout(limit, accepting) => agreed,
            _ = given_up => return None,
        };
        match agreed {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a TLS handshake failed");
                None
            }
            Err(_) => {
                tracing::debug!("a TLS handshake took too long");
                None
            }
        }
    }
}

/// Whether both ends agreed on HTTP/2.
pub(super) fn is_http2(stream: &TlsStream<LentSocket>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP_2)
}

/// Those under way. When they are too many the oldest is given up, not the newest refused: who is in
/// earnest is done in a moment, and who only holds a place loses it.
#[derive(Default)]
struct Handshakes(Mutex<VecDeque<oneshot::Sender<()>>>);

impl Handshakes {
    /// Ends when this one is to be given up.
    fn begin(&self) -> oneshot::Receiver<()> {
        let (tx, rx) = oneshot::channel();
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.len() >= HANDSHAKES_AT_ONCE_MAX {
            under_way.retain(|tx| !tx.is_closed());
        }
        if under_way.len() >= HANDSHAKES_AT_ONCE_MAX {
            under_way.pop_front();
        }
        under_way.push_back(tx);
        rx
    }
}

fn read_acceptor(certificates: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    let named = format!("--tls-cert {}", certificates.display());
    let key_named = format!("--tls-key {}", key.display());
    let chain = read_certificates(&read_bounded(certificates, &named)?, &named)?;
    let key = read_key(&read_bounded(key, &key_named)?, &key_named)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key);
    let mut config = match config {
        Ok(config) => config,
        Err(Error::InconsistentKeys(_)) => bail!(
            "the key of {key_named} doesn't belong to the first certificate of {named}: the server's own must stand \
             first, before those that vouch for it"
        ),
        Err(error) => bail!("{named} and {key_named} can't be used: {error}"),
    };
    config.alpn_protocols = vec![HTTP_2.into(), HTTP_1_1.into()];
    // A crowd that comes back after a restart or a cut is spared most of the work.
    config.ticketer = ring::Ticketer::new()?;
    config.send_tls13_tickets = TICKETS_PER_HANDSHAKE;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn read_bounded(path: &Path, named: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| format!("{named} can't be read"))?;
    file.take(PEM_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{named} can't be read"))?;
    ensure!(
        bytes.len() as u64 <= PEM_BYTES_MAX,
        "{named} is larger than {PEM_BYTES_MAX} bytes"
    );
    Ok(bytes)
}

fn read_certificates(pem: &[u8], named: &str) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .with_context(|| format!("{named} is no PEM file"))?;
    ensure!(
        !chain.is_empty(),
        "{named} holds no certificate: it must have a line -----BEGIN CERTIFICATE-----"
    );
    Ok(chain)
}

fn read_key(pem: &[u8], named: &str) -> anyhow::Result<PrivateKeyDer<'static>> {
    let is_encrypted = pem
        .windows(b"ENCRYPTED".len())
        .any(|word| word == b"ENCRYPTED");
    ensure!(
        !is_encrypted,
        "{named} is encrypted, and there is nobody to ask for the password: give the key without one"
    );
    match PrivateKeyDer::pem_slice_iter(pem).next() {
        Some(key) => key.with_context(|| format!("{named} is no PEM file")),
        None => bail!("{named} holds no key: it must have a line -----BEGIN PRIVATE KEY-----"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot::error::TryRecvError;

    #[test]
    fn of_too_many_handshakes_the_oldest_that_is_not_done_is_given_up() {
        let handshakes = Handshakes::default();
        let mut begun: Vec<_> = (0..HANDSHAKES_AT_ONCE_MAX)
            .map(|_| handshakes.begin())
            .collect();
        // One is done, so there is room for another.
        drop(begun.remove(1));
        begun.push(handshakes.begin());
        let is_given_up =
            |rx: &mut oneshot::Receiver<()>| rx.try_recv() == Err(TryRecvError::Closed);
        assert!(!begun.iter_mut().any(is_given_up));
        begun.push(handshakes.begin());
        assert!(is_given_up(&mut begun[0]));
        assert!(!begun[1..].iter_mut().any(is_given_up));
    }
}
