//! Flags, their environment variables, and what they mean. The only place that reads the
//! environment. A leaf but for types that flags are parsed into.

use boardcast_core::limits::{EVENTS_KEPT_COUNT, EVENTS_KEPT_DAYS};
use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A live task board you host yourself: one program, one file of data.
///
/// Without a command it serves. Everyone who watches a board sees each change at once over
/// Server-Sent Events: in order, once, none lost. People, scripts and agents change boards over
/// plain HTTP.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// The flags of `serve`, for when no command is given.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Serve the boards of one data file over HTTP (the default).
    #[command(after_help = EXAMPLES)]
    Serve(ServeArgs),
    /// Copy the data file into one sealed file, while a server runs or not.
    Backup(BackupArgs),
    /// Put a backup in the data file's place, and keep what was there. No server may run.
    Restore(RestoreArgs),
    /// Look whether everything in the data file fits together. Changes nothing.
    ///
    /// Exits with 0 if it does, 1 if something was found, 2 if it could not look.
    Check(CheckArgs),
}

const EXAMPLES: &str = "\
Examples:
  boardcast
      Serve ./boardcast.db on http://localhost:3000, with a demo board if the file is new.
  boardcast --data /var/lib/boardcast/team.db --listen 127.0.0.1:8080
      Another file, another port.
  boardcast --public-url https://board.example.org
      Behind a proxy that ends TLS under that name. Open mode has no accounts: whoever reaches
      the proxy can change everything.

Watch and change:
  curl -N http://localhost:3000/boards/board-1/events
  curl --json '{\"listId\":\"list-todo\",\"title\":\"Water the plants\"}' http://localhost:3000/tasks";

/// How to serve.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(
        long,
        env = "BOARDCAST_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:3000"
    )]
    pub listen: SocketAddr,

    /// The data file: a SQLite database, made if it doesn't exist. `-wal`, `-shm` and `.lock` files
    /// stand beside it while the server runs.
    #[arg(
        long,
        env = "BOARDCAST_DATA",
        value_name = "FILE",
        default_value = "./boardcast.db"
    )]
    pub data: PathBuf,

    /// An address under which people reach the server, such as https://board.example.org. Allows
    /// that host and its pages; may be given more than once (comma-separated in the environment).
    /// `localhost` and IP addresses are always allowed.
    #[arg(
        long = "public-url",
        env = "BOARDCAST_PUBLIC_URL",
        value_name = "URL",
        value_delimiter = ','
    )]
    pub public_urls: Vec<String>,

    /// Don't make the demo board in a new data file.
    #[arg(long, env = "BOARDCAST_NO_DEMO")]
    pub no_demo: bool,

    /// Listen beyond this machine although there are no accounts: whoever can connect can read and
    /// change everything.
    #[arg(long, env = "BOARDCAST_INSECURE_OPEN")]
    pub insecure_open: bool,

    /// Days for which a board's events are kept for watchers that come back.
    #[arg(long, env = "BOARDCAST_KEEP_DAYS", value_name = "DAYS", default_value_t = EVENTS_KEPT_DAYS)]
    pub keep_days: u32,

    /// Events kept for each board whatever their age.
    #[arg(long, env = "BOARDCAST_KEEP_EVENTS", value_name = "COUNT", default_value_t = EVENTS_KEPT_COUNT)]
    pub keep_events: u64,

    /// What to log to standard error: error, warn, info, debug (every request) or trace; or
    /// directives of the form target=level.
    #[arg(
        long,
        env = "BOARDCAST_LOG",
        value_name = "LEVEL",
        default_value = "info"
    )]
    pub log: String,
}

/// What to back up, and where to.
#[derive(Clone, Debug, Args)]
pub struct BackupArgs {
    /// The backup to make. It is complete once it has this name.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Replace the file if it exists.
    #[arg(long)]
    pub force: bool,

    /// Which data.
    #[command(flatten)]
    pub data: DataArg,
}

/// What to restore, and where to.
#[derive(Clone, Debug, Args)]
pub struct RestoreArgs {
    /// A file that `boardcast backup` made. Every byte of it is verified first.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Which data.
    #[command(flatten)]
    pub data: DataArg,
}

/// What to look at.
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// Print one JSON object instead of sentences.
    #[arg(long)]
    pub json: bool,

    /// Which data.
    #[command(flatten)]
    pub data: DataArg,
}

/// The data file of a verb that isn't `serve`.
#[derive(Clone, Debug, Args)]
pub struct DataArg {
    /// The data file.
    #[arg(
        long = "data",
        env = "BOARDCAST_DATA",
        value_name = "FILE",
        default_value = "./boardcast.db"
    )]
    pub path: PathBuf,
}

impl Default for ServeArgs {
    /// The defaults of the flags, whatever the environment says.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            data: "./boardcast.db".into(),
            public_urls: Vec::new(),
            no_demo: false,
            insecure_open: false,
            keep_days: EVENTS_KEPT_DAYS,
            keep_events: EVENTS_KEPT_COUNT,
            log: "info".into(),
        }
    }
}
