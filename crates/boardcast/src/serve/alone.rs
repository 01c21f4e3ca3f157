//! The desk where no server runs: the data file is opened under its lock, one wish is carried out by the
//! same engine, and the file is closed.

use super::{Machine, sqlite};
use crate::auth::Auth;
use crate::desk::{Answer, Desk, Wish, call};
use crate::engine::Engine;
use crate::outside::Outside;
use crate::store::Retention;
use crate::store::sqlite::OpenError;
use anyhow::{Context, anyhow};
use std::path::Path;
use std::sync::Arc;

/// Nothing is forgotten on the way: how long events are kept is the server's to say.
const EVERYTHING: Retention = Retention {
    events: u64::MAX,
    days: u32::MAX,
};

/// Has a wish carried out by the server that has the data file, or in its place if none has. `makes` a
/// data file where there is none, if it may.
pub fn ask_desk(data: &Path, makes: bool, wish: Wish) -> anyhow::Result<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let socket = sqlite::socket_path(data)?;
        let answered = call(&socket, data, &wish).await;
        match answered.with_context(|| format!("{} can't be asked", socket.display()))? {
            Some(answer) => Ok(answer),
            None if makes || data.exists() => carry_out(data, wish).await,
            None => Err(OpenError::Missing { path: data.into() }.into()),
        }
    })
}

async fn carry_out(data: &Path, wish: Wish) -> anyhow::Result<Answer> {
    let outside: Arc<dyn Outside> = Arc::new(Machine);
    let opened = sqlite::open(data, EVERYTHING, Arc::clone(&outside)).map_err(explain)?;
    let last_ordinal = opened.writer.last_ordinal()?;
    let engine = Engine::start(opened, last_ordinal, outside, 1, true)?;
    let auth = Arc::new(Auth::new(engine.outside()));
    let answer = Desk::new(Arc::clone(&engine), auth).carry_out(wish).await;
    let closing = tokio::task::spawn_blocking(move || engine.close());
    closing
        .await
        .expect("the writer's thread aborts instead of panicking");
    Ok(answer)
}

fn explain(error: OpenError) -> anyhow::Error {
    let OpenError::InUse { path, pid } = error else {
        return error.into();
    };
    let holder = pid.map_or_else(|| "another process".into(), |pid| format!("process {pid}"));
    anyhow!(
        "{} is in use by {holder}, which doesn't answer at its socket. If it is starting or stopping, try again. Else its \
         log says why, or it is an older Boardcast; stop it first.",
        path.display()
    )
}
