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
