-- What needs a person is few among many, and is asked for often. An index of these alone is written
-- only when an upload fails or is taken up again.
CREATE INDEX upload_failed ON upload (account_id) WHERE failed_at IS NOT NULL;
