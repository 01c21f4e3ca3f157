//! `boardcast init`: switches accounts on and makes the first one.

use super::client::Failure;
use super::client::print::Output;
use super::desk::{self, Account};
use super::prompt;
use crate::auth::password::Password;
use crate::config::InitArgs;
use crate::desk::Wish;
use boardcast_core::model::Malformed;

pub(super) fn run(args: &InitArgs) -> Result<(), Failure> {
    let login = given_or_asked("Login", "--login", args.login.as_ref())?;
    let name = given_or_asked("Name", "--name", args.name.as_ref())?;
    let password = if args.password_stdin {
        prompt::secret_from_stdin()?
    } else {
        prompt::new_password()?
    };
    if let Err(why) = password.parse::<Password>() {
        return Err(Failure::Refused(format!("the password {why}")));
    }
    let wish = Wish::SetUp {
        login,
        name,
        password,
    };
    let made: Account = desk::read(&desk::begin(&args.data.path, wish)?)?;
    let mut output = Output::new(false);
    output.line(&format!(
        "Accounts are on in {}. {} signs in as {}, rules all accounts and is admin of every board.",
        args.data.path.display(),
        made.name,
        made.who()
    ))?;
    output.line("Next: `boardcast user add LOGIN --name NAME` lets others in, `boardcast login` the commands here.")
}

fn given_or_asked<T>(question: &str, flag: &str, given: Option<&T>) -> Result<T, Failure>
where
    T: Clone + std::str::FromStr<Err = Malformed>,
{
    if let Some(given) = given {
        return Ok(given.clone());
    }
    let typed = prompt::line(question, flag)?;
    typed
        .parse()
        .map_err(|why| Failure::Refused(format!("{question} {why}")))
}
