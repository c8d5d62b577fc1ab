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

-- For people with a SQLite shell: SELECT * FROM files; SELECT * FROM tries WHERE path LIKE '%cat%'.
-- An attempt without an outcome is in flight while taxiway runs, and in doubt otherwise.
CREATE VIEW files AS
SELECT rtrim(CAST(d.path AS TEXT), '/') || '/' || CAST(p.name AS TEXT) AS path,
       CASE WHEN p.status <> 'linked' THEN replace(replace(replace(p.status,
                     'rule', 'ignored'), 'media', 'ignored'), 'existing', 'ignored')
            WHEN u.asset_id IS NOT NULL THEN 'uploaded'
            WHEN u.failed_at IS NOT NULL THEN 'failed'
            WHEN u.held_at IS NOT NULL THEN 'held'
            WHEN EXISTS (SELECT 1 FROM attempt a WHERE a.upload_id = u.id AND a.outcome IS NULL)
            THEN 'open' ELSE 'queued' END AS state,
       t.email AS account, u.asset_id,
       strftime('%Y-%m-%dT%H:%M:%SZ', u.uploaded_at / 1000, 'unixepoch') AS uploaded_at,
       coalesce(p.reason, u.reason) AS reason, p.size, c.media_type, lower(hex(c.hash)) AS hash,
       strftime('%Y-%m-%dT%H:%M:%SZ', p.gone_at / 1000, 'unixepoch') AS gone_at
FROM path p JOIN directory d ON d.id = p.directory_id
LEFT JOIN content c ON c.id = p.content_id LEFT JOIN upload u ON u.id = p.upload_id
LEFT JOIN account t ON t.id = u.account_id;

CREATE VIEW tries AS
SELECT a.id, rtrim(CAST(d.path AS TEXT), '/') || '/' || CAST(p.name AS TEXT) AS path,
       t.email AS account, a.name AS sent_as,
       strftime('%Y-%m-%dT%H:%M:%SZ', a.opened_at / 1000, 'unixepoch') AS opened_at,
       coalesce(a.outcome, 'open') AS outcome, a.status, a.looks, a.detail,
       strftime('%Y-%m-%dT%H:%M:%SZ', a.ended_at / 1000, 'unixepoch') AS ended_at
FROM attempt a JOIN path p ON p.id = a.path_id JOIN directory d ON d.id = p.directory_id
JOIN upload u ON u.id = a.upload_id JOIN account t ON t.id = u.account_id;
