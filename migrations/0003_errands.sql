-- What is done for a file once it is uploaded, or once it needs a person.

-- What the configuration of a folder wants done, as a sum: 1 the sidecar, 2 on_uploaded,
-- 4 after_upload, 8 on_failed. Set at each start.
ALTER TABLE folder ADD COLUMN wants INTEGER NOT NULL DEFAULT 0;

-- One thing to be done for one path; owed in the very transaction that makes the reason for it true.
-- What is owed to one path is done in the order of id, one at a time: next_try_at is empty until it
-- is its turn, 0 means now. An errand is stale once its path was gone: whatever comes back under
-- that name is owed everything anew.
CREATE TABLE errand (
    id          INTEGER PRIMARY KEY,
    path_id     INTEGER NOT NULL REFERENCES path (id),
    folder_id   INTEGER NOT NULL REFERENCES folder (id),
    upload_id   INTEGER REFERENCES upload (id),
    kind        TEXT NOT NULL CHECK (kind IN
                    ('sidecar', 'on_uploaded', 'after_upload', 'on_failed')),
    event       TEXT NOT NULL CHECK (event IN ('uploaded', 'deduplicated', 'failed', 'held')),
    asset_id    TEXT,
    reason      TEXT,
    owed_at     INTEGER NOT NULL,
    tries       INTEGER NOT NULL DEFAULT 0,
    next_try_at INTEGER,
    detail      TEXT,
    stale       INTEGER NOT NULL DEFAULT 0,
    outcome     TEXT CHECK (outcome IN ('done', 'failed', 'void')),
    ended_at    INTEGER,
    CHECK ((outcome IS NULL) = (ended_at IS NULL))
) STRICT;
CREATE INDEX errand_due ON errand (folder_id, kind, next_try_at)
    WHERE outcome IS NULL AND next_try_at IS NOT NULL;
CREATE INDEX errand_path ON errand (path_id, id);
CREATE INDEX errand_upload ON errand (upload_id) WHERE upload_id IS NOT NULL;
CREATE INDEX errand_open ON errand (folder_id) WHERE outcome IS NULL;
CREATE INDEX errand_failed ON errand (folder_id) WHERE outcome = 'failed';
