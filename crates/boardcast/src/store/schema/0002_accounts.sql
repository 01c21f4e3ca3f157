-- Accounts: people and programs, what each may on which board, and the credentials by which they come.
-- A secret never stands in here, only a hash of it. Nobody has an account until `setting` says that
-- accounts are 'on'.

CREATE TABLE user (
    -- Names the account inside the file. Accounts are never deleted, only disabled.
    no          INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT    NOT NULL UNIQUE,
    kind        TEXT    NOT NULL CHECK (kind IN ('person', 'service')),
    -- In lower case. Programs don't sign in.
    login       TEXT    UNIQUE CHECK ((login IS NOT NULL) = (kind = 'person')),
    name        TEXT    NOT NULL,
    -- A PHC string; none until the first password is set.
    password    TEXT    CHECK (password IS NULL OR kind = 'person'),
    -- Whether they may change other people.
    is_admin    INTEGER NOT NULL CHECK (is_admin = 0 OR (is_admin = 1 AND kind = 'person')),
    disabled_at INTEGER,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL
) STRICT;

CREATE INDEX user_admin ON user (is_admin) WHERE is_admin = 1 AND disabled_at IS NULL;

-- What somebody is on a board. Rows of a deleted board stay: it may come back.
CREATE TABLE member (
    board_no INTEGER NOT NULL REFERENCES board (no),
    user_no  INTEGER NOT NULL REFERENCES user (no),
    role     TEXT    NOT NULL CHECK (role IN ('viewer', 'editor', 'admin')),
    PRIMARY KEY (board_no, user_no)
) STRICT, WITHOUT ROWID;

CREATE INDEX member_of ON member (user_no);

-- A device that is signed in.
CREATE TABLE session (
    id         TEXT    NOT NULL PRIMARY KEY,
    secret     BLOB    NOT NULL UNIQUE CHECK (length(secret) = 32),
    user_no    INTEGER NOT NULL REFERENCES user (no),
    created_at INTEGER NOT NULL,
    -- When it was last used, to the minute: without that for long, it ends.
    seen_at    INTEGER NOT NULL,
    -- When it ends at the latest.
    ends_at    INTEGER NOT NULL,
    agent      TEXT    NOT NULL
) STRICT;

CREATE INDEX session_of ON session (user_no, created_at);
CREATE INDEX session_idle ON session (seen_at);
CREATE INDEX session_end ON session (ends_at);

-- A program's way in.
CREATE TABLE token (
    id         TEXT    NOT NULL PRIMARY KEY,
    secret     BLOB    NOT NULL UNIQUE CHECK (length(secret) = 32),
    user_no    INTEGER NOT NULL REFERENCES user (no),
    name       TEXT    NOT NULL,
    scope      TEXT    NOT NULL CHECK (scope IN ('read', 'write', 'admin')),
    -- Whether it is good only for the boards in `token_board`: also once they are all gone.
    is_limited INTEGER NOT NULL CHECK (is_limited IN (0, 1)),
    created_at INTEGER NOT NULL,
    ends_at    INTEGER,
    used_at    INTEGER
) STRICT;

CREATE INDEX token_of ON token (user_no, created_at);
CREATE INDEX token_end ON token (ends_at) WHERE ends_at IS NOT NULL;

CREATE TABLE token_board (
    token_id TEXT    NOT NULL REFERENCES token (id),
    board_no INTEGER NOT NULL REFERENCES board (no),
    PRIMARY KEY (token_id, board_no)
) STRICT, WITHOUT ROWID;

CREATE INDEX token_board_of ON token_board (board_no);

-- A link that was not used yet: it sets a password, once.
CREATE TABLE invite (
    secret     BLOB    NOT NULL PRIMARY KEY CHECK (length(secret) = 32),
    user_no    INTEGER NOT NULL REFERENCES user (no),
    created_at INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX invite_of ON invite (user_no);
CREATE INDEX invite_end ON invite (ends_at);
