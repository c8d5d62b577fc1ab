-- Assets that a person said to forget: ours once, and nobody's any more. A list may still show
-- them, and no upload may take one for its own.
CREATE TABLE former_asset (
    asset_id     TEXT PRIMARY KEY,
    upload_id    INTEGER NOT NULL REFERENCES upload (id),
    name         TEXT NOT NULL,
    uploaded_at  INTEGER NOT NULL,
    forgotten_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX former_asset_upload ON former_asset (upload_id);

-- Since when a person wants it by name, whatever the folders hold. Uploads of a ledger before
-- this one were pushed if they wait in that lane, or if a file outside of the folders is theirs.
ALTER TABLE upload ADD COLUMN pushed_at INTEGER;
UPDATE upload SET pushed_at = wanted_at
WHERE id IN (SELECT upload_id FROM queue WHERE folder_id = 0
             UNION SELECT upload_id FROM path WHERE folder_id = 0 AND upload_id IS NOT NULL);

-- What was tried with a file is part of its history.
CREATE INDEX attempt_path ON attempt (path_id);

-- Pauses that the server asked for: of one account, or of all (0). A start keeps to them.
CREATE TABLE stop (
    account_id INTEGER PRIMARY KEY,
    cause      TEXT NOT NULL CHECK (cause IN ('rate', 'server')),
    reason     TEXT NOT NULL,
    tries      INTEGER NOT NULL,
    until_at   INTEGER NOT NULL
) STRICT;
