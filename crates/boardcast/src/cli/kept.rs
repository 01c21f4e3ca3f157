//! Tokens that `boardcast login` keeps: a file in the user's settings, for its owner alone. Each belongs to
//! one server, under one URL, and is shown to no other.

use super::client::Failure;
use crate::config::settings_folder;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The file's content: a token for each server's URL.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    tokens: BTreeMap<String, String>,
    /// Servers whose token was given.
    #[serde(default)]
    given: BTreeSet<String>,
}

/// A token, and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) secret: String,
    /// Somebody had it before, so others may use it. Else it was made to be kept here.
    pub(super) is_given: bool,
}

/// The token for a server, if one is kept.
pub(super) fn token_for(server: &str) -> Result<Option<Token>, Failure> {
    match settings_folder() {
        Some(folder) => token_in(&folder, server),
        None => Ok(None),
    }
}

/// Keeps a token for a server, instead of the one before, and says where.
pub(super) fn keep(server: &str, token: Token) -> Result<PathBuf, Failure> {
    keep_in(&folder()?, server, Some(token))
}

/// Forgets the token for a server.
pub(super) fn forget(server: &str) -> Result<(), Failure> {
    keep_in(&folder()?, server, None)?;
    Ok(())
}

fn folder() -> Result<PathBuf, Failure> {
    settings_folder().ok_or_else(|| {
        Failure::Refused("nothing can be kept: neither XDG_CONFIG_HOME nor HOME is set".into())
    })
}

fn file_in(folder: &Path) -> PathBuf {
    folder.join("tokens.json")
}

fn token_in(folder: &Path, server: &str) -> Result<Option<Token>, Failure> {
    let mut kept = read(&file_in(folder))?;
    let is_given = kept.given.contains(server);
    let secret = kept.tokens.remove(server);
    Ok(secret.map(|secret| Token { secret, is_given }))
}

fn read(path: &Path) -> Result<Kept, Failure> {
    let refuse = |why: &str| Failure::Refused(format!("{} {why}", path.display()));
    let mut text = String::new();
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
            return Ok(Kept::default());
        }
        Err(error) => return Err(refuse(&format!("can't be read: {error}"))),
    };
    let can_others = file
        .metadata()
        .is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
    if can_others {
        return Err(refuse(
            "can be read by others; give it to yourself alone with chmod 600",
        ));
    }
    file.read_to_string(&mut text)
        .map_err(|error| refuse(&format!("can't be read: {error}")))?;
    let not_ours = |_| refuse("is not as `boardcast login` writes it; delete it and log in again");
    serde_json::from_str(&text).map_err(not_ours)
}

fn keep_in(folder: &Path, server: &str, token: Option<Token>) -> Result<PathBuf, Failure> {
    let path = file_in(folder);
    let mut kept = read(&path)?;
    kept.tokens.remove(server);
    kept.given.remove(server);
    if let Some(Token { secret, is_given }) = token {
        kept.tokens.insert(server.into(), secret);
        kept.given.extend(is_given.then(|| server.into()));
    }
    let text = serde_json::to_string_pretty(&kept).expect("plain data");
    let explain = |error: io::Error| {
        Failure::Refused(format!("{} can't be written: {error}", path.display()))
    };
    write(folder, &path, &text).map_err(explain)?;
    Ok(path)
}

/// All of it or nothing, and never readable by others.
fn write(folder: &Path, path: &Path, text: &str) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let partial = path.with_extension(format!("{}.part", std::process::id()));
    let _ = fs::remove_file(&partial);
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partial)?;
    let written = writeln!(file, "{text}").and_then(|()| file.sync_all());
    let renamed = written.and_then(|()| fs::rename(&partial, path));
    if renamed.is_err() {
        let _ = fs::remove_file(&partial);
    }
    renamed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(secret: &str) -> Option<Token> {
        Some(Token {
            secret: secret.into(),
            is_given: false,
        })
    }

    fn given(secret: &str) -> Option<Token> {
        made(secret).map(|token| Token {
            is_given: true,
            ..token
        })
    }

    #[test]
    fn a_token_is_kept_for_one_server_and_its_owner() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("config/boardcast");
        let (here, there) = ("http://localhost:3000", "http://localhost:30001");
        assert_eq!(token_in(&folder, here).unwrap(), None);
        let path = keep_in(&folder, here, given("bct_a")).unwrap();
        keep_in(&folder, there, given("bct_b")).unwrap();
        keep_in(&folder, here, made("bct_c")).unwrap();
        assert_eq!(token_in(&folder, here).unwrap(), made("bct_c"));
        assert_eq!(token_in(&folder, there).unwrap(), given("bct_b"));
        assert_eq!(token_in(&folder, "http://localhost").unwrap(), None);
        keep_in(&folder, here, None).unwrap();
        assert_eq!(token_in(&folder, here).unwrap(), None);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&folder)), (0o600, 0o700));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn what_others_can_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = keep_in(folder.path(), "http://localhost:3000", made("bct_a")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let why = token_in(folder.path(), "http://localhost:3000").unwrap_err();
        assert!(why.to_string().contains("chmod 600"), "{why}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "a diary").unwrap();
        let why = token_in(folder.path(), "http://localhost:3000").unwrap_err();
        assert!(why.to_string().contains("log in again"), "{why}");
    }
}
