//! Whether accounts, credentials and members fit together. That rows belong to something SQLite's own
//! checks say.

use super::Report;
use crate::store::sqlite::{people, rows};
use boardcast_core::model::{Timestamp, UserId};
use rusqlite::Connection;

/// What must not be found: a part of the file, what is wrong with it, and the rows in which it is.
const WRONG: [(&str, &str, &str); 8] = [
    (
        "session",
        "has a secret that is no hash",
        "SELECT id FROM session WHERE length(secret) IS NOT 32",
    ),
    (
        "token",
        "has a secret that is no hash",
        "SELECT id FROM token WHERE length(secret) IS NOT 32",
    ),
    (
        "member",
        "is no role",
        "SELECT DISTINCT role FROM member WHERE role NOT IN ('viewer', 'editor', 'admin')",
    ),
    (
        "setting",
        "accounts are on, but no server admin can act",
        "SELECT name FROM setting WHERE name = 'accounts' AND value = 'on' AND NOT EXISTS
             (SELECT 1 FROM user WHERE is_admin = 1 AND disabled_at IS NULL)",
    ),
    (
        "member",
        "has no admin",
        "SELECT id FROM board
         WHERE EXISTS (SELECT 1 FROM setting WHERE name = 'accounts' AND value = 'on')
           AND deleted_at IS NOT 0 -- being purged
           AND NOT EXISTS (SELECT 1 FROM member WHERE board_no = no AND role = 'admin')",
    ),
    (
        "token_board",
        "is limited to boards, but says that it isn't",
        "SELECT DISTINCT id FROM token JOIN token_board ON token_id = id WHERE is_limited = 0",
    ),
    (
        "session",
        "is signed in, but disabled",
        "SELECT DISTINCT user.id FROM session JOIN user ON no = user_no
         WHERE disabled_at IS NOT NULL",
    ),
    (
        "invite",
        "has a link, but can't sign in",
        "SELECT DISTINCT user.id FROM invite JOIN user ON no = user_no
         WHERE disabled_at IS NOT NULL OR kind = 'service'",
    ),
];

/// Looks at everything about people.
pub(super) fn look(connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    for (part, problem, sql) in WRONG {
        let mut statement = connection.prepare(sql)?;
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            let id: String = row.get(0)?;
            report.find(None, part, format!("{id} {problem}"));
        }
    }
    look_at_values(connection, report)
}

/// Everything must read as the program reads it.
fn look_at_values(connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let ids: Vec<String> = connection
        .prepare("SELECT id FROM user ORDER BY no")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for id in ids {
        let read = UserId::parse(&id)
            .map_err(|error| error.to_string())
            .and_then(|id| {
                let read = || {
                    people::user(connection, &id)?;
                    people::password(connection, &id)?;
                    people::tokens(connection, &id, Timestamp(0))
                };
                read().map_err(|fault| rows::cause(fault).to_string())
            });
        if let Err(error) = read {
            report.find(None, "user", format!("{id} can't be read: {error}"));
        }
    }
    Ok(())
}
