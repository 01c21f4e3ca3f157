//! The socket beside the data file: whoever may open the file may ask there, and nobody else. Bounded in
//! callers, bytes and time.

use super::{Answer, Desk, Wish};
use boardcast_core::limits::{
    DESK_ANSWER_BYTES_MAX, DESK_CALLERS_MAX, DESK_SECONDS_MAX, DESK_WISH_BYTES_MAX,
};
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const ROOT: u32 = 0;
const SECONDS_MAX: Duration = Duration::from_secs(DESK_SECONDS_MAX);

/// A server's end of the desk. The name goes with it.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens under that name, for the holder of the data file's lock alone: a socket that stands there
    /// was left behind by a server that was killed.
    pub fn bind(path: PathBuf) -> io::Result<Self> {
        match fs::symlink_metadata(&path) {
            Ok(found) if found.file_type().is_socket() => fs::remove_file(&path)?,
            Ok(_) => return Err(ErrorKind::AlreadyExists.into()),
            Err(_) => {}
        }
        let listener = UnixListener::bind(&path)?;
        let socket = Self { listener, path };
        // Whoever is quicker than this is turned away for who they are.
        fs::set_permissions(&socket.path, fs::Permissions::from_mode(0o600))?;
        Ok(socket)
    }

    /// Answers callers until the drain, and then those that have asked.
    pub async fn serve(self, desk: Arc<Desk>, mut drain_rx: watch::Receiver<bool>) {
        const PAUSE: Duration = Duration::from_secs(1);
        let mut callers = JoinSet::new();
        let for_callers = drain_rx.clone();
        loop {
            let accepted = tokio::select! {
                _ = drain_rx.wait_for(|is_draining| *is_draining) => break,
                _ = callers.join_next(), if !callers.is_empty() => continue,
                accepted = self.listener.accept(), if callers.len() < DESK_CALLERS_MAX => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    callers.spawn(attend(stream, Arc::clone(&desk), for_callers.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the data file's socket accepts nobody");
                    sleep(PAUSE).await;
                }
            }
        }
        while callers.join_next().await.is_some() {}
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// One caller. Whatever goes wrong on the way is theirs to see.
async fn attend(mut stream: UnixStream, desk: Arc<Desk>, mut drain_rx: watch::Receiver<bool>) {
    let own = rustix::process::geteuid().as_raw();
    let peer = stream.peer_cred().map(|peer| peer.uid());
    if !peer.is_ok_and(|peer| is_trusted(peer, &[own])) {
        tracing::warn!("somebody else called at the data file's socket");
        return;
    }
    let read = tokio::select! {
        read = timeout(SECONDS_MAX, read_all(&mut stream, DESK_WISH_BYTES_MAX)) => read,
        _ = drain_rx.wait_for(|is_draining| *is_draining) => return,
    };
    let Ok(Ok(bytes)) = read else { return };
    let answer = match serde_json::from_slice::<Wish>(&bytes) {
        Ok(wish) => desk.carry_out(wish).await,
        Err(_) => Answer::Refused(
            "The server that runs is another version of this program and doesn't understand it. Restart it with this one."
                .into(),
        ),
    };
    let answer = serde_json::to_vec(&answer).expect("plain data");
    let _ = timeout(SECONDS_MAX, stream.write_all(&answer)).await;
}

/// Asks whoever serves the data file; `None` if nobody answers there.
pub async fn call(path: &Path, data: &Path, wish: &Wish) -> io::Result<Option<Answer>> {
    let mut stream = match UnixStream::connect(path).await {
        Ok(stream) => stream,
        Err(error) if is_nobody(error.kind()) => return Ok(None),
        Err(error) => return Err(error),
    };
    // In a folder that others may write to, the name could be anybody's.
    let own = rustix::process::geteuid().as_raw();
    let owner = fs::metadata(data).map_or(own, |data| data.uid());
    if !is_trusted(stream.peer_cred()?.uid(), &[own, owner]) {
        return Err(io::Error::other("another user listens there"));
    }
    let wish = serde_json::to_vec(wish).expect("plain data");
    let ask = async {
        stream.write_all(&wish).await?;
        stream.shutdown().await?;
        read_all(&mut stream, DESK_ANSWER_BYTES_MAX).await
    };
    // A server in trouble with its disk takes as long as that does, so it may have more time than it gives.
    let answered = timeout(3 * SECONDS_MAX, ask).await??;
    let cut =
        |_| io::Error::other("the server broke off; look what became of it before you try again");
    serde_json::from_slice(&answered).map(Some).map_err(cut)
}

/// No socket, one that a killed server left behind, or a name that is too long for one.
fn is_nobody(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::InvalidInput
    )
}

/// Root can read the data file anyway.
fn is_trusted(peer: u32, owners: &[u32]) -> bool {
    peer == ROOT || owners.contains(&peer)
}

/// Everything until the other end is done, unless it is too much.
async fn read_all(stream: &mut UnixStream, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(max + 1).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 > max {
        return Err(ErrorKind::InvalidData.into());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn only_the_owner_and_root_are_trusted() {
        assert!(is_trusted(1_000, &[1_000]) && is_trusted(ROOT, &[1_000]));
        assert!(is_trusted(1_001, &[1_000, 1_001]));
        assert!(!is_trusted(1_001, &[1_000]) && !is_trusted(1_000, &[ROOT]));
    }

    #[tokio::test]
    async fn the_name_is_the_owners_alone_and_goes_with_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("board.db.sock");
        let socket = Socket::bind(path.clone()).unwrap();
        assert_eq!(mode(&path), 0o600);
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_a_killed_server_left_behind_is_replaced_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("board.db.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let wish = Wish::Users { after: None };
        assert!(call(&path, &path, &wish).await.unwrap().is_none());
        drop(Socket::bind(path.clone()).unwrap());
        assert!(call(&path, &path, &wish).await.unwrap().is_none());
        fs::write(&path, "a diary").unwrap();
        assert!(Socket::bind(path.clone()).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"a diary");
    }
}
