//! The server as the world holds it: the real one from its routes down to its data file, but for
//! sockets and threads. Requests are put into its router, the writer's turns and the shard's are taken by
//! hand, and reads pass the gates.

use crate::fanout::Fanout;
use crate::gates::{Gated, Gates};
use crate::nature::Nature;
use crate::swarm::Mistake;
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use boardcast::auth::Auth;
use boardcast::engine::{Engine, Parts, Publisher};
use boardcast::http::{App, Assets, Edge, Guard, Peer, router};
use boardcast::live::hub::Hub;
use boardcast::live::{Hangup, Log, Pins};
use boardcast::store::Retention;
use boardcast::store::queue::{Submissions, Turns};
use boardcast::store::sqlite::{self, OpenError, Opened};
use boardcast_sim::random::Random;
use serde_json::Value;
use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tower::Service;

/// Streams that may be open: more than there are watchers.
const STREAMS_MAX: usize = 64;

/// A request on its way to its answer.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

pub(crate) struct Server {
    router: Router,
    pub(crate) engine: Arc<Engine>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) log: Arc<Gated>,
    pub(crate) pins: Arc<Pins>,
    /// Where streams go that aren't bodies.
    pub(crate) fanout: Fanout,
    /// None while a turn is taken.
    pub(crate) turns: Option<Turns>,
}

/// How a server is started.
pub(crate) struct Setup {
    pub(crate) retention: Retention,
    /// Bytes of snapshots that readers may hold.
    pub(crate) snapshots_bytes_max: usize,
    pub(crate) mistake: Option<Mistake>,
    /// For what is around its shard.
    pub(crate) random: Random,
    pub(crate) now: Duration,
}

/// A request as the contract writes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Value>,
}

impl Asked {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: None,
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

impl Server {
    pub(crate) fn open(
        data: &Path,
        nature: Arc<Nature>,
        gates: Arc<Gates>,
        setup: Setup,
    ) -> Result<Self, OpenError> {
        let Setup {
            retention,
            snapshots_bytes_max,
            mistake,
            random,
            now,
        } = setup;
        let Opened {
            writer,
            readers,
            has_accounts,
        } = sqlite::open(data, retention, Arc::clone(&nature) as _)?;
        let hub = Arc::new(Hub::new(writer.last_ordinal().expect("a readable file")));
        let publisher = Arc::new(Publisher::new(Arc::clone(&hub), has_accounts));
        let (submissions, turns) = Submissions::by_hand(writer);
        let log = Gated::new(Arc::clone(&readers), gates, mistake);
        let fanout = Fanout::new(
            Arc::clone(&log),
            Arc::clone(publisher.leases()),
            Arc::clone(&nature),
            random,
            now,
        );
        let pins = Arc::new(Pins::new(snapshots_bytes_max));
        let parts = Parts {
            submissions,
            readers,
            log: Arc::clone(&log) as Arc<dyn Log>,
            hub: Arc::clone(&hub),
            pins: Arc::clone(&pins),
            publisher: Arc::clone(&publisher),
        };
        let edge = Edge::new(0, 0, &*nature);
        let engine = Engine::around(parts, nature, STREAMS_MAX);
        let app = App {
            engine: Arc::clone(&engine),
            auth: Arc::new(Auth::new(engine.outside())),
            guard: Arc::new(Guard::default()),
            assets: Arc::new(Assets::embedded()),
            edge: Arc::new(edge),
        };
        Ok(Self {
            router: router(app),
            engine,
            publisher,
            log,
            pins,
            fanout,
            turns: Some(turns),
        })
    }

    /// Puts a request in. Nothing happens before the answer is polled.
    pub(crate) fn call(&mut self, asked: &Asked) -> Answering {
        self.call_on(asked, Hangup::default())
    }

    /// [`Server::call`] over a connection that may be hung up.
    pub(crate) fn call_on(&mut self, asked: &Asked, hangup: Hangup) -> Answering {
        let mut request = http::Request::builder()
            .method(asked.method)
            .uri(&asked.path)
            .header("host", "localhost")
            .extension(hangup)
            .extension(Peer::local());
        for (name, value) in &asked.headers {
            request = request.header(*name, value);
        }
        let body = match &asked.body {
            None => Body::empty(),
            Some(json) => {
                request = request.header("content-type", "application/json");
                Body::from(json.to_string())
            }
        };
        Box::pin(
            self.router
                .call(request.body(body).expect("a well-formed request")),
        )
    }

    /// Ends all streams in order, as a stop does.
    pub(crate) fn drain(&self) {
        self.engine.drain();
        self.fanout.drain();
    }

    /// Closes the data file; in order if all streams and requests are gone.
    pub(crate) fn close(self) {
        let Self {
            engine,
            turns,
            fanout,
            ..
        } = self;
        drop(fanout);
        engine.close();
        drop(turns);
    }
}
