//! The flags of the verbs about accounts that whoever has the data file at hand may use.

use super::DataArg;
use boardcast_core::model::{BoardId, Login, PersonName, TokenId, TokenName};
use clap::{Args, Subcommand, ValueEnum};

/// The first account.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// What you sign in with; asked for if it isn't given.
    #[arg(long, value_parser = Login::parse)]
    pub login: Option<Login>,

    /// What people call you; asked for if it isn't given.
    #[arg(long, value_parser = PersonName::parse)]
    pub name: Option<PersonName>,

    /// Read the password from standard input instead of asking for it twice.
    #[arg(long)]
    pub password_stdin: bool,

    /// Which data.
    #[command(flatten)]
    pub data: DataArg,
}

/// What to do with accounts.
#[derive(Debug, Args)]
pub struct UserArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: UserVerb,
}

/// What can be done with accounts.
#[derive(Debug, Subcommand)]
pub enum UserVerb {
    /// List all accounts.
    List(UserListArgs),
    /// Make an account; for a person with a one-time link, by which they set their password.
    Add(UserAddArgs),
    /// Print a new one-time link to set a password. Earlier links end.
    Invite(WhoArgs),
    /// Lock somebody out: what they have open ends before this does.
    Disable(WhoArgs),
    /// Let somebody in again.
    Enable(WhoArgs),
    /// Let somebody rule accounts in the browser, or no longer.
    Admin(UserAdminArgs),
    /// Give somebody a role on a board, or take them off it.
    Role(UserRoleArgs),
}

/// Which accounts to list.
#[derive(Debug, Args)]
pub struct UserListArgs {
    /// Print JSON, one account a line.
    #[arg(long)]
    pub json: bool,

    /// Which data.
    #[command(flatten)]
    pub data: DataArg,
}

/// A new account.
#[derive(Debug, Args)]
pub struct UserAddArgs {
    /// What the person signs in with.
    #[arg(
        value_name = "LOGIN",
        value_parser = Login::parse,
        required_unless_present = "service",
        conflicts_with = "service"
    )]
    pub login: Option<Login>,

    /// What people call them.
    #[arg(long, value_parser = PersonName::parse)]
    pub name: PersonName,

    /// For a program, which has tokens and doesn't sign in.
    #[arg(long)]
    pub service: bool,

    /// Which data.
    #[command(flatten)]
    pub data: DataArg,
}

/// Somebody with an account.
#[derive(Debug, Args)]
pub struct WhoArgs {
    /// Their login, a program's name, or an id as `boardcast user list` shows it.
    pub user: String,

    /// Which data.
    #[command(flatten)]
    pub data: DataArg,
}

/// Whether somebody rules accounts.
#[derive(Debug, Args)]
pub struct UserAdminArgs {
    /// No longer.
    #[arg(long)]
    pub off: bool,

    /// Who.
    #[command(flatten)]
    pub who: WhoArgs,
}

/// Who is what on a board.
#[derive(Debug, Args)]
pub struct UserRoleArgs {
    /// Their login, a program's name, or an id as `boardcast user list` shows it.
    pub user: String,

    /// The board's id.
    #[arg(value_parser = BoardId::parse)]
    pub board: BoardId,

    /// What they shall be.
    pub role: RoleWord,

    /// Which data.
    #[command(flatten)]
    pub data: DataArg,
}

/// What somebody can be on a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleWord {
    /// Reads and watches.
    Viewer,
    /// Changes lists and tasks.
    Editor,
    /// Changes the board itself and its members.
    Admin,
    /// Is no member.
    None,
}

/// What to do with tokens.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: TokenVerb,
}

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenVerb {
    /// Make a token and print it, once and never again.
    Add(TokenAddArgs),
    /// List the tokens of an account, without their secrets.
    List(TokenListArgs),
    /// End a token: what it has open ends before this does.
    Revoke(TokenRevokeArgs),
}

/// A new token.
#[derive(Debug, Args)]
pub struct TokenAddArgs {
    /// Whose: a login, a program's name, or an id as `boardcast user list` shows it.
    #[arg(long)]
    pub user: String,

    /// What it is for, such as "deploy script".
    #[arg(long, value_parser = TokenName::parse)]
    pub name: TokenName,

    /// What it may at most.
    #[arg(long, default_value = "write")]
    pub scope: ScopeWord,

    /// A board that it is good for, by id; may be given more than once. Without any it is good for all
    /// of its owner's.
    #[arg(long = "board", value_name = "ID", value_parser = BoardId::parse)]
    pub boards: Vec<BoardId>,

    /// Days after which it ends by itself; without this it doesn't.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub days: Option<u32>,

    /// Which data.
    #[command(flatten)]
    pub data: DataArg,
}

/// What a token may at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScopeWord {
    /// Read and watch.
    Read,
    /// Also change lists and tasks, and make boards.
    Write,
    /// Whatever its owner may on boards.
    Admin,
}

/// Whose tokens to list.
#[derive(Debug, Args)]
pub struct TokenListArgs {
    /// Whose: a login, a program's name, or an id as `boardcast user list` shows it.
    #[arg(long)]
    pub user: String,

    /// Print JSON, one token a line.
    #[arg(long)]
    pub json: bool,

    /// Which data.
    #[command(flatten)]
    pub data: DataArg,
}

/// Which token to end.
#[derive(Debug, Args)]
pub struct TokenRevokeArgs {
    /// Its id, as `boardcast token list` shows it.
    #[arg(value_name = "ID", value_parser = TokenId::parse)]
    pub token: TokenId,

    /// Whose: a login, a program's name, or an id as `boardcast user list` shows it.
    #[arg(long)]
    pub user: String,

    /// Which data.
    #[command(flatten)]
    pub data: DataArg,
}
