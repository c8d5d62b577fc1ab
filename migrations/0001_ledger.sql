-- What lies where, what it is, and what became of it.
-- Times are milliseconds since the Unix epoch by the wall clock; hashes are BLAKE3-256; names and
-- paths are bytes. Device and inode numbers are unsigned and stored as the signed number of the
-- same bits.

-- What this ledger is about: base_url.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a start of a process that held the lock. The newest is the holder, if there is one.
CREATE TABLE run (
    id         INTEGER PRIMARY KEY,
    pid        INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    version    TEXT NOT NULL
) STRICT;

-- A Runway account. One row at most has no e-mail: it is learnt from the first assetId.
CREATE TABLE account (
    id    INTEGER PRIMARY KEY,
    email TEXT UNIQUE
) STRICT;

-- A watched folder. Row 0 is the lane of files pushed by name.
CREATE TABLE folder (
    id            INTEGER PRIMARY KEY,
    root          BLOB NOT NULL UNIQUE,
    first_scan_at INTEGER
) STRICT;
INSERT INTO folder (id, root) VALUES (0, x'');

CREATE TABLE directory (
    id        INTEGER PRIMARY KEY,
    parent_id INTEGER REFERENCES directory (id),
    path      BLOB NOT NULL UNIQUE
) STRICT;
CREATE INDEX directory_parent ON directory (parent_id);

CREATE TABLE content (
    id          INTEGER PRIMARY KEY,
    hash        BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    size        INTEGER NOT NULL,
    media_type  TEXT NOT NULL,
    width       INTEGER,
    height      INTEGER,
    duration_ms INTEGER
) STRICT;

-- One content on one account: at most one assetId. Being uploaded is not a column but an
-- attempt without an outcome.
CREATE TABLE upload (
    id           INTEGER PRIMARY KEY,
    content_id   INTEGER NOT NULL REFERENCES content (id),
    account_id   INTEGER NOT NULL REFERENCES account (id),
    name         TEXT NOT NULL,
    wanted_at    INTEGER NOT NULL,
    failures     INTEGER NOT NULL DEFAULT 0,
    doubts       INTEGER NOT NULL DEFAULT 0,
    next_try_at  INTEGER,
    reason       TEXT,
    failed_at    INTEGER,
    held_at      INTEGER,
    asset_id     TEXT,
    asset_url    TEXT,
    uploaded_at  INTEGER,
    UNIQUE (content_id, account_id),
    CHECK ((asset_id IS NULL) = (uploaded_at IS NULL)),
    CHECK ((asset_id IS NOT NULL) + (failed_at IS NOT NULL) + (held_at IS NOT NULL) <= 1)
) STRICT;
CREATE INDEX upload_asset ON upload (asset_id) WHERE asset_id IS NOT NULL;
CREATE INDEX upload_held ON upload (account_id) WHERE held_at IS NOT NULL;
CREATE INDEX upload_recent ON upload (account_id, uploaded_at) WHERE asset_id IS NOT NULL;

-- One file name. content_id is what it held when it was last identified, upload_id where that
-- is wanted; both are empty while it settles.
CREATE TABLE path (
    id           INTEGER PRIMARY KEY,
    directory_id INTEGER NOT NULL REFERENCES directory (id),
    name         BLOB NOT NULL,
    folder_id    INTEGER NOT NULL REFERENCES folder (id),
    status       TEXT NOT NULL CHECK (status IN
                     ('settling', 'linked', 'failed', 'rule', 'media', 'existing')),
    reason       TEXT,
    device       INTEGER NOT NULL,
    inode        INTEGER NOT NULL,
    size         INTEGER NOT NULL,
    mtime_ns     INTEGER NOT NULL,
    ctime_ns     INTEGER NOT NULL,
    certain      INTEGER NOT NULL DEFAULT 0,
    content_id   INTEGER REFERENCES content (id),
    upload_id    INTEGER REFERENCES upload (id),
    seen_at      INTEGER NOT NULL,
    gone_at      INTEGER,
    UNIQUE (directory_id, name),
    CHECK ((status = 'linked') = (upload_id IS NOT NULL)),
    CHECK ((status = 'linked') = (content_id IS NOT NULL))
) STRICT;
CREATE INDEX path_content ON path (content_id) WHERE content_id IS NOT NULL;
CREATE INDEX path_upload ON path (upload_id) WHERE upload_id IS NOT NULL;
CREATE INDEX path_folder ON path (folder_id, status);

-- What could be sent, lane by lane: derived from path and upload, kept so that the next one is
-- found without looking at the rest. next_try_at 0 means now.
CREATE TABLE queue (
    folder_id   INTEGER NOT NULL REFERENCES folder (id),
    account_id  INTEGER NOT NULL REFERENCES account (id),
    upload_id   INTEGER NOT NULL REFERENCES upload (id),
    path_id     INTEGER NOT NULL REFERENCES path (id),
    next_try_at INTEGER NOT NULL DEFAULT 0,
    newest      INTEGER NOT NULL,
    PRIMARY KEY (folder_id, upload_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX queue_order ON queue (folder_id, account_id, next_try_at, newest DESC);
CREATE INDEX queue_upload ON queue (upload_id);
CREATE INDEX queue_path ON queue (path_id);

-- One try to send one upload; durable before its first byte. Without an outcome it is in flight
-- while the run that opened it holds the lock, and in doubt otherwise, or once sent_at is set.
CREATE TABLE attempt (
    id        INTEGER PRIMARY KEY,
    upload_id INTEGER NOT NULL REFERENCES upload (id),
    path_id   INTEGER NOT NULL REFERENCES path (id),
    run_id    INTEGER NOT NULL REFERENCES run (id),
    opened_at INTEGER NOT NULL,
    name      TEXT NOT NULL,
    skew_ms   INTEGER,
    sent_at   INTEGER,
    took_ms   INTEGER,
    looks     INTEGER NOT NULL DEFAULT 0,
    status    INTEGER,
    detail    TEXT,
    outcome   TEXT CHECK (outcome IN
                  ('stored', 'found', 'absent', 'cannot_tell', 'not_sent', 'refused')),
    ended_at  INTEGER,
    CHECK ((outcome IS NULL) = (ended_at IS NULL))
) STRICT;
CREATE INDEX attempt_upload ON attempt (upload_id);
CREATE UNIQUE INDEX attempt_open ON attempt (upload_id) WHERE outcome IS NULL;

-- What was decided of a path, in order; never changed.
CREATE TABLE decision (
    id      INTEGER PRIMARY KEY,
    path_id INTEGER NOT NULL REFERENCES path (id),
    at      INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    detail  TEXT NOT NULL
) STRICT;
CREATE INDEX decision_path ON decision (path_id);

-- Files that a person asked for by name and that are not identified yet.
CREATE TABLE push (
    path       BLOB NOT NULL,
    account_id INTEGER NOT NULL REFERENCES account (id),
    force      INTEGER NOT NULL,
    name       TEXT,
    asked_at   INTEGER NOT NULL,
    PRIMARY KEY (path, account_id)
) STRICT, WITHOUT ROWID;
