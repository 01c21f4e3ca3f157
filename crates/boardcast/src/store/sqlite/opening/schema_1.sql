-- A data file of schema 1 as the program that knew no other one left it: a board with two lists and a
-- task, a task and a board that were deleted, and the answer kept for one retry.
PRAGMA application_id = 1113875316;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
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
INSERT INTO "answer" VALUES('','create-list',X'050F02A476737CF486658F143AF48583A617C5ED49DAAEA7F8E717386A844979','plans','{"list":{"id":"todo","boardId":"plans","name":"To do","rank":"V","version":1,"createdAt":"2026-11-24T13:16:36.284Z","updatedAt":"2026-11-24T13:16:36.284Z"}}',1795526196284);
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
INSERT INTO "board" VALUES(1,'plans','Plans',1,1795526196222,1795526196334,X'42964CAA537F9854B4C5E2D181248DD9EA1283DE0D9EEBEF23E3C421A0629F3C',7,X'BF2469FDC0C3',0,X'000000000000',X'11547E0835FDB6D00FCA733AFE3DCB80D540D121EC319034D2F9EFC2E98CDACF',NULL);
INSERT INTO "board" VALUES(2,'past','Past',1,1795526196355,1795526196510,X'0A4E1D0B2F56C3C1AFFC6583E00F0828849ADE532E1640B7D051FBA89B18CED0',2,X'6EECB5322296',0,X'000000000000',X'B5AF37EACCCA6A9A25C8165E2A41762B2EFD897CC4442AC1A9844A946A753BAA',1795526196510);
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
INSERT INTO "event" VALUES(1,1,1,X'0C93876D1154',1795526196222,'{"type":"board_created","board":{"id":"plans","name":"Plans","version":1,"createdAt":"2026-11-24T13:16:36.222Z","updatedAt":"2026-11-24T13:16:36.222Z"},"boardId":"plans","by":null,"at":"2026-11-24T13:16:36.222Z"}');
INSERT INTO "event" VALUES(2,1,2,X'E459EBB83054',1795526196284,'{"type":"list_created","list":{"id":"todo","boardId":"plans","name":"To do","rank":"V","version":1,"createdAt":"2026-11-24T13:16:36.284Z","updatedAt":"2026-11-24T13:16:36.284Z"},"boardId":"plans","by":null,"at":"2026-11-24T13:16:36.284Z"}');
INSERT INTO "event" VALUES(3,1,3,X'3F07490DC72E',1795526196296,'{"type":"list_created","list":{"id":"done","boardId":"plans","name":"Done","rank":"V001","version":1,"createdAt":"2026-11-24T13:16:36.296Z","updatedAt":"2026-11-24T13:16:36.296Z"},"boardId":"plans","by":null,"at":"2026-11-24T13:16:36.296Z"}');
INSERT INTO "event" VALUES(4,1,4,X'F0A3367157EC',1795526196304,'{"type":"task_created","task":{"id":"paint","listId":"todo","title":"Paint the fence","description":"Green","rank":"V","version":1,"createdAt":"2026-11-24T13:16:36.304Z","updatedAt":"2026-11-24T13:16:36.304Z"},"boardId":"plans","by":null,"at":"2026-11-24T13:16:36.304Z"}');
INSERT INTO "event" VALUES(5,1,5,X'8472D573ACD4',1795526196315,'{"type":"task_created","task":{"id":"mow","listId":"todo","title":"Mow the lawn","description":"","rank":"V001","version":1,"createdAt":"2026-11-24T13:16:36.315Z","updatedAt":"2026-11-24T13:16:36.315Z"},"boardId":"plans","by":null,"at":"2026-11-24T13:16:36.315Z"}');
INSERT INTO "event" VALUES(6,1,6,X'E4C8057C3775',1795526196324,'{"type":"task_moved","task":{"id":"paint","listId":"done","title":"Paint the fence","description":"Green","rank":"V","version":2,"createdAt":"2026-11-24T13:16:36.304Z","updatedAt":"2026-11-24T13:16:36.324Z"},"boardId":"plans","by":null,"at":"2026-11-24T13:16:36.324Z"}');
INSERT INTO "event" VALUES(7,1,7,X'BF2469FDC0C3',1795526196334,'{"type":"task_deleted","taskId":"mow","boardId":"plans","by":null,"at":"2026-11-24T13:16:36.334Z"}');
INSERT INTO "event" VALUES(8,2,1,X'1C1469F2C4AE',1795526196355,'{"type":"board_created","board":{"id":"past","name":"Past","version":1,"createdAt":"2026-11-24T13:16:36.355Z","updatedAt":"2026-11-24T13:16:36.355Z"},"boardId":"past","by":null,"at":"2026-11-24T13:16:36.355Z"}');
INSERT INTO "event" VALUES(9,2,2,X'6EECB5322296',1795526196510,'{"type":"board_deleted","boardId":"past","by":null,"at":"2026-11-24T13:16:36.510Z"}');
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
INSERT INTO "list" VALUES('todo',1,'To do','V',1,1795526196284,1795526196284,X'4E4355BFDB8C3AE5E2240B20CBC184C57473C1F5C3C439D124FE866C40027F24',NULL,NULL);
INSERT INTO "list" VALUES('done',1,'Done','V001',1,1795526196296,1795526196296,X'5FC930612381D9E705CF54B5DE7CE963BCB33AA4772E063F57AD28312293C06C',NULL,NULL);
CREATE TABLE migration (
             version  INTEGER NOT NULL PRIMARY KEY,
             checksum BLOB    NOT NULL,
             at       INTEGER NOT NULL
         ) STRICT;
INSERT INTO "migration" VALUES(1,X'041F7DFDF791E7795138C9E79FAE299F4054E7A77144E54713AEA4AFC9F75A5E',1795526193130);
CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "setting" VALUES('demo','left out');
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
INSERT INTO "task" VALUES('paint',1,'done','Paint the fence','V',2,1795526196304,1795526196324,X'AB9948A7D7D90DB08232EEC962C4294848F9102927737A4646E4868D974BCEE9',NULL,NULL,'Green');
INSERT INTO "task" VALUES('mow',1,'todo','Mow the lawn','V001',1,1795526196315,1795526196315,X'C5523AF38083E58ECC2A2C2906BB2A471CA694B752A34E8B335D36D57EA9578F',1795526196334,7,'');
CREATE UNIQUE INDEX list_order ON list (board_no, rank) WHERE deleted_at IS NULL;
CREATE INDEX list_on_board ON list (board_no, deleted_at);
CREATE INDEX list_deleted ON list (board_no, deleted_seq) WHERE deleted_at IS NOT NULL;
CREATE INDEX list_gone ON list (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE UNIQUE INDEX task_order ON task (list_id, rank) WHERE deleted_at IS NULL;
CREATE INDEX task_on_board ON task (board_no, deleted_at);
CREATE INDEX task_deleted ON task (board_no, deleted_seq, rank) WHERE deleted_at IS NOT NULL;
CREATE INDEX task_gone ON task (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE UNIQUE INDEX event_of_board ON event (board_no, seq);
CREATE INDEX answer_age ON answer (at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('board',2);
INSERT INTO "sqlite_sequence" VALUES('event',9);
COMMIT;
