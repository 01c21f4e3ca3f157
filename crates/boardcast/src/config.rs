//! Flags, their environment variables, and what they mean. The only place that reads the
//! environment. A leaf but for types that flags are parsed into.

mod accounts;
mod help;

pub use accounts::{
    InitArgs, RoleWord, ScopeWord, TokenAddArgs, TokenArgs, TokenListArgs, TokenRevokeArgs,
    TokenVerb, UserAddArgs, UserAdminArgs, UserArgs, UserListArgs, UserRoleArgs, UserVerb, WhoArgs,
};

use boardcast_core::limits::{
    EVENTS_KEPT_COUNT, EVENTS_KEPT_DAYS, STREAMS_PER_ADDRESS, WRITES_PER_SECOND,
};
use clap::builder::BoolishValueParser;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A live task board you host yourself: one program, one file of data.
///
/// Without a command it serves. Everyone who watches a board sees each change at once over
/// Server-Sent Events: in order, once, none lost. People, scripts and agents change boards over
/// plain HTTP, or with the other commands here.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, after_help = help::EVERYTHING)]
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
    #[command(after_help = help::SERVING)]
    Serve(ServeArgs),
    /// Follow boards: a line for each change, through cuts and restarts.
    #[command(after_help = help::WATCHING)]
    Watch(WatchArgs),
    /// List the boards.
    Boards(BoardsArgs),
    /// List the lists of a board.
    Lists(ListsArgs),
    /// List the tasks of a board.
    Tasks(TasksArgs),
    /// Add a task to a list.
    #[command(after_help = help::ADDING)]
    Add(AddArgs),
    /// Add a list to a board.
    AddList(AddListArgs),
    /// Add a board.
    AddBoard(AddBoardArgs),
    /// Move a task to another list or place.
    #[command(after_help = help::MOVING)]
    Move(MoveArgs),
    /// Change a task's title or description.
    Edit(EditArgs),
    /// Rename a board or a list.
    Rename(RenameArgs),
    /// Delete a task, a list with its tasks, or a board.
    Rm(RmArgs),
    /// Bring back what was deleted in the last 30 days, or the whole data file from a backup.
    #[command(after_help = help::RESTORING)]
    Restore(RestoreArgs),
    /// List what was deleted on a board, newest first; without one, the deleted boards.
    Deleted(DeletedArgs),
    /// Print a script that completes commands in a shell.
    #[command(after_help = help::COMPLETING)]
    Completions(CompletionsArgs),
    /// Copy the data file into one sealed file, while a server runs or not.
    Backup(BackupArgs),
    /// Switch accounts on and make the first one: yours, which has every board and rules all others.
    #[command(after_help = help::INITIAL)]
    Init(InitArgs),
    /// List, make and change accounts, beside a running server or without one.
    #[command(after_help = help::PEOPLE)]
    User(UserArgs),
    /// List, make and revoke tokens, beside a running server or without one.
    #[command(after_help = help::TOKENS)]
    Token(TokenArgs),
    /// Sign in to a server that has accounts: the commands here show it who you are from then on.
    #[command(after_help = help::SIGNING_IN)]
    Login(LoginArgs),
    /// Forget who you are to a server, and end the token that `login` made there.
    #[command(after_help = help::SIGNING_OUT)]
    Logout(LogoutArgs),
    /// Look whether everything in the data file fits together. Changes nothing.
    ///
    /// Exits with 0 if it does, 1 if something was found, 2 if it could not look.
    Check(CheckArgs),
}

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

    /// The data file: a SQLite database, made if it doesn't exist. `-wal`, `-shm`, `.lock` and
    /// `.sock` files stand beside it while the server runs.
    #[arg(
        long,
        env = "BOARDCAST_DATA",
        value_name = "FILE",
        default_value = "./boardcast.db"
    )]
    pub data: PathBuf,

    /// An address under which people reach the server, such as `https://board.example.org`. Allows
    /// that host and its pages; may be given more than once (comma-separated in the environment).
    /// `localhost` and IP addresses are always allowed.
    #[arg(
        long = "public-url",
        env = "BOARDCAST_PUBLIC_URL",
        value_name = "URL",
        value_delimiter = ','
    )]
    pub public_urls: Vec<String>,

    /// Another site, such as `https://wiki.example.org`, whose pages may read, change and watch boards as
    /// the server's own may; may be given more than once (comma-separated in the environment).
    #[arg(
        long = "allow-origin",
        env = "BOARDCAST_ALLOW_ORIGIN",
        value_name = "URL",
        value_delimiter = ','
    )]
    pub allow_origins: Vec<String>,

    /// A proxy in front, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: its address, a
    /// network such as 10.1.2.0/24, or `loopback`; may be given more than once (comma-separated in the
    /// environment). From anybody else they are ignored. Name the proxies, not their clients' networks.
    #[arg(
        long = "trusted-proxy",
        env = "BOARDCAST_TRUSTED_PROXY",
        value_name = "ADDRESS",
        value_delimiter = ','
    )]
    pub trusted_proxies: Vec<String>,

    /// Serve over TLS with the certificate in this PEM file, the server's own first and then those
    /// that vouch for it; its key must be given too. HTTP/2 and HTTP/1.1 are spoken, and plain HTTP no
    /// more. At a SIGHUP both are read again.
    #[arg(
        long,
        env = "BOARDCAST_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,

    /// The certificate's private key, in a PEM file of its own or the same one, without a password.
    #[arg(
        long,
        env = "BOARDCAST_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,

    /// Don't make the demo board in a new data file.
    #[arg(long, env = "BOARDCAST_NO_DEMO", value_parser = BoolishValueParser::new())]
    pub no_demo: bool,

    /// Listen beyond this machine although there are no accounts: whoever can connect can read and
    /// change everything.
    #[arg(long, env = "BOARDCAST_INSECURE_OPEN", value_parser = BoolishValueParser::new())]
    pub insecure_open: bool,

    /// Writes a second beyond this machine, for each account, and for each client address of those who
    /// are not signed in; ten times as many at once; 0 sets no limit. Addresses behind a proxy are told
    /// apart only if it is a trusted one.
    #[arg(
        long,
        env = "BOARDCAST_WRITES_PER_SECOND",
        value_name = "COUNT",
        default_value_t = WRITES_PER_SECOND,
        value_parser = clap::value_parser!(u32).range(..=1_000_000)
    )]
    pub writes_per_second: u32,

    /// Streams that each client address beyond this machine may have open; 0 sets no limit. Whoever wants
    /// more is told to come back. Clients behind a proxy are told apart only if it is a trusted one.
    #[arg(
        long,
        env = "BOARDCAST_STREAMS_PER_ADDRESS",
        value_name = "COUNT",
        default_value_t = STREAMS_PER_ADDRESS
    )]
    pub streams_per_address: usize,

    /// Days for which a board's events are kept for watchers that come back.
    #[arg(long, env = "BOARDCAST_KEEP_DAYS", value_name = "DAYS", default_value_t = EVENTS_KEPT_DAYS)]
    pub keep_days: u32,

    /// Events kept for each board whatever their age.
    #[arg(long, env = "BOARDCAST_KEEP_EVENTS", value_name = "COUNT", default_value_t = EVENTS_KEPT_COUNT)]
    pub keep_events: u64,

    /// Serve the board in the browser from this folder instead of the one built in, for working on
    /// it: `npm run build -- --watch` in web/ keeps web/dist fresh. Links out of the folder lead
    /// nowhere.
    #[arg(long, env = "BOARDCAST_WEB_DIR", value_name = "DIR")]
    pub web_dir: Option<PathBuf>,

    /// What to log to standard error: error, warn, info, debug (every request) or trace; or
    /// directives of the form target=level.
    #[arg(
        long,
        env = "BOARDCAST_LOG",
        value_name = "LEVEL",
        default_value = "info"
    )]
    pub log: String,

    /// Send every stream as the body of an ordinary response. Hidden: for tests of that path.
    #[arg(long, env = "BOARDCAST_BODIES_ONLY", value_parser = BoolishValueParser::new(), hide = true)]
    pub bodies_only: bool,
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
            allow_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            tls_cert: None,
            tls_key: None,
            no_demo: false,
            insecure_open: false,
            writes_per_second: WRITES_PER_SECOND,
            streams_per_address: STREAMS_PER_ADDRESS,
            keep_days: EVENTS_KEPT_DAYS,
            keep_events: EVENTS_KEPT_COUNT,
            web_dir: None,
            log: "info".into(),
            bodies_only: false,
        }
    }
}

/// Who signs in, and where.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// The server.
    #[command(flatten)]
    pub server: ServerArg,

    /// What you sign in with; asked for if it isn't given.
    #[arg(long)]
    pub login: Option<String>,

    /// Read the password from standard input instead of asking for it.
    #[arg(long, conflicts_with = "token_stdin")]
    pub password_stdin: bool,

    /// Read a token from standard input and keep that, instead of signing in for a new one.
    #[arg(long, conflicts_with_all = ["login", "scope"])]
    pub token_stdin: bool,

    /// What the commands here may at most, of what you may.
    #[arg(long, default_value = "admin")]
    pub scope: ScopeWord,
}

/// Where to be forgotten.
#[derive(Debug, Args)]
pub struct LogoutArgs {
    /// The server.
    #[command(flatten)]
    pub server: ServerArg,

    /// Says who asks, instead of what is kept: not ended, but pointed out.
    #[arg(
        long,
        env = "BOARDCAST_TOKEN",
        value_name = "TOKEN",
        hide = true,
        hide_env_values = true
    )]
    pub token: Option<String>,
}

/// Which server.
#[derive(Clone, Debug, Args)]
pub struct ServerArg {
    /// The server.
    #[arg(
        long = "server",
        env = "BOARDCAST_SERVER",
        value_name = "URL",
        default_value = "http://localhost:3000",
        value_parser = read_server
    )]
    pub url: String,
}

/// Where this user's settings are kept, if the environment says so: `$XDG_CONFIG_HOME/boardcast`, or
/// `~/.config/boardcast`.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the environment is read here")]
pub fn settings_folder() -> Option<PathBuf> {
    let folder = |variable: &str| {
        let folder = PathBuf::from(std::env::var_os(variable)?);
        folder.is_absolute().then_some(folder)
    };
    let config = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
    Some(config?.join("boardcast"))
}

/// Which server, and how to print what it says.
#[derive(Clone, Debug, Args)]
pub struct ClientArgs {
    /// The server.
    #[arg(
        long,
        env = "BOARDCAST_SERVER",
        value_name = "URL",
        default_value = "http://localhost:3000",
        value_parser = read_server
    )]
    pub server: String,

    /// Says who asks, where the server has accounts. From the environment, where no list of
    /// processes shows it.
    #[arg(
        long,
        env = "BOARDCAST_TOKEN",
        value_name = "TOKEN",
        hide = true,
        hide_env_values = true
    )]
    pub token: Option<String>,

    /// Print what the server says unchanged, one thing a line.
    #[arg(long)]
    pub json: bool,
}

/// The address without a slash at its end.
fn read_server(text: &str) -> Result<String, String> {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains([' ', '?', '#']) => {
            Ok(text.trim_end_matches('/').into())
        }
        _ => Err("must be like http://localhost:3000 or https://board.example.org".into()),
    }
}

/// What to watch.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Boards, by id or name.
    #[arg(value_name = "BOARD", required = true)]
    pub boards: Vec<String>,

    /// Begin after the event with this id, as --json prints it.
    #[arg(long, value_name = "ID", conflicts_with = "snapshot")]
    pub since: Option<String>,

    /// Begin with the boards as they stand.
    #[arg(long)]
    pub snapshot: bool,

    /// Server and output.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// Which boards to list.
#[derive(Debug, Args)]
pub struct BoardsArgs {
    /// Server and output.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// Which lists to list.
#[derive(Debug, Args)]
pub struct ListsArgs {
    /// The board, by id or name.
    pub board: String,

    /// Server and output.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// Which tasks to list.
#[derive(Debug, Args)]
pub struct TasksArgs {
    /// The board, by id or name.
    pub board: String,

    /// Only those of this list, by id or name.
    #[arg(long)]
    pub list: Option<String>,

    /// Server and output.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// A new task.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The list, by id or name.
    pub list: String,

    /// What is to be done, in a line.
    pub title: String,

    /// The details; - reads them from standard input.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub description: Option<String>,

    /// Where in the list.
    #[command(flatten)]
    pub slot: SlotArgs,

    /// Server and output.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// A place among tasks.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("slot").multiple(false))]
pub struct SlotArgs {
    /// First in the list.
    #[arg(long, group = "slot")]
    pub top: bool,

    /// Last in the list, as without any of these.
    #[arg(long, group = "slot")]
    pub bottom: bool,

    /// Right before this task, by id or title.
    #[arg(long, value_name = "TASK", group = "slot")]
    pub before: Option<String>,

    /// Right after this task, by id or title.
    #[arg(long, value_name = "TASK", group = "slot")]
    pub after: Option<String>,

    /// At this index from 0.
    #[arg(long, value_name = "INDEX", group = "slot")]
    pub position: Option<u64>,
}

/// A new list.
#[derive(Debug, Args)]
pub struct AddListArgs {
    /// The board, by id or name.
    pub board: String,

    /// What people call the list.
    pub name: String,

    /// Server and output.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// A new board.
#[derive(Debug, Args)]
pub struct AddBoardArgs {
    /// What people call the board.
    pub name: String,

    /// Server and output.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// Which task goes where.
#[derive(Debug, Args)]
pub struct MoveArgs {
    /// The task, by id or title.
    pub task: String,

    /// The list it goes to, by id or name; without it, its own, or that of the neighbour.
    pub list: Option<String>,

    /// Where in the list.
    #[command(flatten)]
    pub slot: SlotArgs,

    /// Server and output.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// What to change of a task.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true))]
pub struct EditArgs {
    /// The task, by id or title.
    pub task: String,

    /// The new title.
    #[arg(
        long,
        value_name = "TEXT",
        group = "change",
        allow_hyphen_values = true
    )]
    pub title: Option<String>,

    /// The new details; - reads them from standard input, an empty text removes them.
    #[arg(
        long,
        value_name = "TEXT",
        group = "change",
        allow_hyphen_values = true
    )]
    pub description: Option<String>,

    /// Server and output.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// A board or a list.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Named {
    /// A board.
    Board,
    /// A list.
    List,
}

/// A task, a list or a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A task.
    Task,
    /// A list with its tasks.
    List,
    /// A board.
    Board,
}

/// What to call something from now on.
#[derive(Debug, Args)]
pub struct RenameArgs {
    /// What it is.
    pub kind: Named,

    /// Which one, by id or name.
    pub thing: String,

    /// What people call it from now on.
    pub name: String,

    /// Server and output.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// What to delete.
#[derive(Debug, Args)]
pub struct RmArgs {
    /// What it is.
    pub kind: Kind,

    /// Which one, by id, name or title.
    pub thing: String,

    /// Server and output.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// What to bring back: a thing on a server, or the data file while no server runs.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct RestoreArgs {
    /// What was deleted.
    #[command(subcommand)]
    pub thing: Option<Deleted>,

    /// A file that `boardcast backup` made. Every byte of it is verified before it takes the data
    /// file's place, and what was there is kept.
    #[arg(value_name = "FILE", required = true)]
    pub file: Option<PathBuf>,

    /// Which data.
    #[command(flatten)]
    pub data: DataArg,
}

/// What was deleted and can come back.
#[derive(Debug, Subcommand)]
pub enum Deleted {
    /// Bring back a task, to its list.
    Task(DeletedThingArgs),
    /// Bring back a list, with the tasks that went with it.
    List(DeletedThingArgs),
    /// Bring back a board as it was.
    Board(DeletedThingArgs),
}

/// A deleted thing.
#[derive(Debug, Args)]
pub struct DeletedThingArgs {
    /// Its id, as `boardcast deleted` shows it.
    pub id: String,

    /// Server and output.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// Where to look for what was deleted.
#[derive(Debug, Args)]
pub struct DeletedArgs {
    /// The board, by id or name; without it, deleted boards are listed.
    pub board: Option<String>,

    /// Server and output.
    #[command(flatten)]
    pub client: ClientArgs,
}

/// Completions for which shell.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    pub shell: Shell,
}
