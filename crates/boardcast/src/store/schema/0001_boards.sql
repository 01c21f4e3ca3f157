-- Boards, lists and tasks as they now stand, each board's log, and answers kept for retries.
-- Times are milliseconds since 1970, UTC. Nothing is ever deleted at once: `deleted_at` hides a
-- row, so that it can be brought back and its id stays taken.

CREATE TABLE board (
    -- Names the board inside the file. Never used again, unlike the id.
    no         INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- The secret of this board's marks; never leaves the file.
    mark_key   BLOB    NOT NULL CHECK (length(mark_key) = 32),
    -- The newest event.
    head_seq   INTEGER NOT NULL,
    head_mark  BLOB    NOT NULL CHECK (length(head_mark) = 6),
    -- The newest event that is no longer served: a cursor here is still good.
    floor_seq  INTEGER NOT NULL,
    floor_mark BLOB    NOT NULL CHECK (length(floor_mark) = 6),
    -- A hash of the create that chose the id, if a client did.
    birth      BLOB,
    deleted_at INTEGER
) STRICT;

CREATE TABLE list (
    id          TEXT    NOT NULL PRIMARY KEY,
    board_no    INTEGER NOT NULL REFERENCES board (no),
    name        TEXT    NOT NULL,
    rank        TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    birth       BLOB,
    deleted_at  INTEGER,
    -- The number of the event that deleted it.
    deleted_seq INTEGER
) STRICT;

-- The order of a board's lists, and the promise that no two living ones share a rank.
CREATE UNIQUE INDEX list_order ON list (board_no, rank) WHERE deleted_at IS NULL;
CREATE INDEX list_on_board ON list (board_no, deleted_at);
-- What can come back to a board, and what is too old for that.
CREATE INDEX list_deleted ON list (board_no, deleted_seq) WHERE deleted_at IS NOT NULL;
CREATE INDEX list_gone ON list (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE task (
    id          TEXT    NOT NULL PRIMARY KEY,
    board_no    INTEGER NOT NULL REFERENCES board (no),
    list_id     TEXT    NOT NULL,
    title       TEXT    NOT NULL,
    rank        TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    birth       BLOB,
    deleted_at  INTEGER,
    -- The number of the event that deleted it: tasks that went with their list share the list's.
    deleted_seq INTEGER,
    -- Last, so that reading the other columns touches none of a long text's pages.
    description TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX task_order ON task (list_id, rank) WHERE deleted_at IS NULL;
-- Counts a board's living tasks, and finds all of a board that is purged.
CREATE INDEX task_on_board ON task (board_no, deleted_at);
CREATE INDEX task_deleted ON task (board_no, deleted_seq, rank) WHERE deleted_at IS NOT NULL;
CREATE INDEX task_gone ON task (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE event (
    -- Orders the events of all boards as they were committed; never used again.
    ordinal  INTEGER PRIMARY KEY AUTOINCREMENT,
    board_no INTEGER NOT NULL REFERENCES board (no),
    seq      INTEGER NOT NULL,
    mark     BLOB    NOT NULL CHECK (length(mark) = 6),
    at       INTEGER NOT NULL,
    -- The bytes after `data: ` on the wire, to the letter.
    json     TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX event_of_board ON event (board_no, seq);

CREATE TABLE answer (
    caller      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL CHECK (length(fingerprint) = 32),
    -- The board it was about; the answer is given again only to who may see that.
    board_id    TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (caller, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX answer_age ON answer (at);

-- Facts about the file itself.
CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
