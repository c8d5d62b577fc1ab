//! What is made right once all rows are taken: places, attempts, queues.
//!
//! Owns:
//! - the new ledger keeps every rule that `ledger verify` knows.

use rusqlite::params;

use super::super::step::{Result, name_of};
use super::Salvage;
use super::reading::is_of_the_system;

impl Salvage<'_> {
    /// All of it, in the order in which one rests on the other.
    pub(super) fn mend(&mut self) -> Result<()> {
        self.parents()?;
        self.hold_lost_attempts()?;
        self.one_story()?;
        self.queue()?;
        let open = "SELECT id FROM attempt WHERE outcome IS NULL";
        self.salvaged.in_doubt = self.ids(open)?.len() as u64;
        Ok(())
    }

    /// Each directory points to the one above it, which may have to be made.
    fn parents(&self) -> Result<()> {
        let sql = "SELECT path FROM directory ORDER BY id";
        let paths: Vec<Vec<u8>> = {
            let mut found = self.new.db.prepare(sql)?;
            let rows = found.query_map([], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<_>>()?
        };
        for bytes in paths {
            let path = std::path::PathBuf::from(name_of(bytes.clone()));
            let Some(parent) = path.parent() else { continue };
            let parent = self.new.ensure_directory(parent)?;
            let sql = "UPDATE directory SET parent_id = ?2 WHERE path = ?1";
            self.new.execute(sql, params![bytes, parent])?;
        }
        Ok(())
    }

    /// Which uploads have an open attempt stands in an index of its own: where rows of attempts
    /// are lost, it still tells.
    fn hold_lost_attempts(&mut self) -> Result<()> {
        let sql = "SELECT upload_id FROM attempt INDEXED BY attempt_open WHERE outcome IS NULL";
        let read = || -> rusqlite::Result<Vec<i64>> {
            self.old.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
        };
        match read() {
            Ok(uploads) => {
                for upload in uploads {
                    let open = "SELECT 1 FROM attempt WHERE upload_id = ?1 AND outcome IS NULL";
                    if !self.there(open, [upload])? {
                        self.hold(upload)?;
                    }
                }
            }
            Err(error) if is_of_the_system(&error) => return Err(error.into()),
            Err(_) => self.salvaged.doubts_lost = true,
        }
        let lost = |table: &str| self.salvaged.tables.get(table).is_some_and(|t| t.gaps > 0);
        let lost = lost("upload") || lost("content");
        self.salvaged.doubts_lost |= lost;
        Ok(())
    }

    /// Only a person, or a comparison of bytes, ends this.
    pub(super) fn hold(&mut self, upload: i64) -> Result<()> {
        let sql = "UPDATE upload SET held_at = ?2, failed_at = NULL, next_try_at = NULL,
                       reason = 'it may have been under way when the ledger was damaged'
                   WHERE id = ?1 AND asset_id IS NULL AND held_at IS NULL";
        let held = self.new.db.execute(sql, params![upload, self.now.0])?;
        self.salvaged.held += held as u64;
        Ok(())
    }

    /// Attempts and uploads must tell one story, whichever of the two is damaged.
    fn one_story(&mut self) -> Result<()> {
        // Stored once and without an assetId now: it is on the server as something.
        let lost = "SELECT DISTINCT u.id FROM upload u JOIN attempt a ON a.upload_id = u.id
                    WHERE u.asset_id IS NULL AND a.outcome IN ('stored', 'found')
                      AND NOT EXISTS (SELECT 1 FROM former_asset f WHERE f.upload_id = u.id)";
        let alike = "SELECT u.id FROM attempt a JOIN upload u ON u.id = a.upload_id
                     JOIN content c ON c.id = u.content_id
                     WHERE a.outcome IS NULL AND EXISTS (
                         SELECT 1 FROM attempt b JOIN upload v ON v.id = b.upload_id
                         JOIN content d ON d.id = v.content_id
                         WHERE b.outcome IS NULL AND b.id <> a.id AND b.name = a.name
                           AND v.account_id = u.account_id AND d.size = c.size)";
        for stored in self.ids(lost)? {
            self.hold(stored)?;
            let sql = "UPDATE attempt SET outcome = 'cannot_tell',
                           detail = 'its assetId could not be read any more'
                       WHERE upload_id = ?1 AND outcome IN ('stored', 'found')";
            self.new.execute(sql, [stored])?;
        }
        for doubt in self.ids(alike)? {
            self.hold(doubt)?;
        }
        let ended = "UPDATE attempt SET ended_at = ?1, detail = 'the ledger was damaged',
                         outcome = 'cannot_tell'
                     WHERE outcome IS NULL AND EXISTS (SELECT 1 FROM upload u
                         WHERE u.id = attempt.upload_id AND (u.asset_id IS NOT NULL
                             OR u.failed_at IS NOT NULL OR u.held_at IS NOT NULL))";
        self.new.execute(ended, [self.now.0])?;
        let reason = "UPDATE upload SET reason = 'the attempt that stored it was lost'
                      WHERE asset_id IS NOT NULL AND reason IS NULL
                        AND EXISTS (SELECT 1 FROM attempt a WHERE a.upload_id = upload.id)
                        AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.upload_id = upload.id
                            AND a.outcome IN ('stored', 'found', 'cannot_tell'))";
        self.new.execute(reason, [])
    }

    fn ids(&self, sql: &str) -> Result<Vec<i64>> {
        let mut found = self.new.db.prepare(sql)?;
        let rows = found.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn queue(&self) -> Result<()> {
        let sql = "SELECT id FROM upload
                   WHERE asset_id IS NULL AND failed_at IS NULL AND held_at IS NULL";
        for upload in self.ids(sql)? {
            self.new.enqueue_all(upload)?;
        }
        // A time that an upload waits for stands in its own row.
        let sql = "UPDATE queue SET next_try_at = (SELECT coalesce(u.next_try_at, 0)
                       FROM upload u WHERE u.id = queue.upload_id)";
        self.new.execute(sql, [])
    }
}
