//! How many paths stand how.
//!
//! Owns:
//! - what is counted is what the list of paths would show, state by state;
//! - nothing is sorted, and what is uploaded, nearly all of a ledger, is looked at once at most:
//!   what waits is found in the queue, and what needs a person by an index.

use std::collections::BTreeMap;

use rusqlite::Row;

use super::views::State;
use super::{Ledger, LedgerError};
use crate::planner::{AccountId, FolderId, Wall};

type Result<T> = std::result::Result<T, LedgerError>;

/// What waits, in one folder (`?1`): its paths.
const WAITING: &str = "FROM queue q CROSS JOIN path p
        ON p.upload_id = q.upload_id AND p.folder_id = q.folder_id
    WHERE q.folder_id = ?1 AND p.gone_at IS NULL";

/// Paths of one folder (`?1`) whose uploads ended in a way that needs a person, by index.
const FAILED: &str = "FROM upload u CROSS JOIN path p ON p.upload_id = u.id
    WHERE u.failed_at IS NOT NULL AND p.folder_id = ?1 AND p.gone_at IS NULL";
const HELD: &str = "FROM upload u CROSS JOIN path p ON p.upload_id = u.id
    WHERE u.held_at IS NOT NULL AND p.folder_id = ?1 AND p.gone_at IS NULL";

/// Paths of one folder (`?1`) whose uploads have an attempt without an outcome.
const OPEN: &str = "FROM attempt a CROSS JOIN upload u ON u.id = a.upload_id
        CROSS JOIN path p ON p.upload_id = u.id
    WHERE a.outcome IS NULL AND p.folder_id = ?1 AND p.gone_at IS NULL";

/// What is read of each: files, bytes, the oldest.
const SUMS: &str = "count(*), coalesce(sum(p.size), 0), min(p.seen_at)";

/// What is in one state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the one was first seen that was seen first; not found out of what is uploaded.
    pub oldest: Option<Wall>,
}

/// How the paths stand that somebody waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// Files that do not rest yet.
    pub settling: u64,
    /// Accounts that some are still to be sent to, or in doubt on, and how many.
    pub waiting: Vec<(AccountId, u64)>,
    /// All of them.
    pub files: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that are held.
    pub held: u64,
}

/// Whether anything is left, without how much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Left {
    /// Something is on its way, or waits.
    pub open: bool,
    /// Something needs a person.
    pub needs_person: bool,
}

impl Amount {
    fn add(&mut self, more: Amount) {
        self.files += more.files;
        self.bytes += more.bytes;
        let oldest = [self.oldest, more.oldest];
        self.oldest = oldest.into_iter().flatten().min();
    }

    fn without(self, part: Amount) -> Amount {
        let files = self.files.saturating_sub(part.files);
        Amount { files, bytes: self.bytes.saturating_sub(part.bytes), oldest: self.oldest }
    }
}

impl Ledger {
    /// How many paths are in each state, in the order of [`State::ALL`], and how many bytes are
    /// left to send.
    ///
    /// # Errors
    /// If the ledger cannot be read; so for all below.
    pub fn counts(&self, folders: &[FolderId], running: bool) -> Result<([u64; 8], u64)> {
        let amounts = self.amounts(folders, running)?;
        let left = [State::Queued, State::Uploading, State::Unknown];
        let bytes_left = left.into_iter().map(|state| amounts[state as usize].1).sum();
        Ok((amounts.map(|(files, _)| files), bytes_left))
    }

    /// How many paths are in each state, in the order of [`State::ALL`], and their bytes.
    pub fn amounts(&self, folders: &[FolderId], running: bool) -> Result<[(u64, u64); 8]> {
        Ok(self.by_state(folders, running)?.map(|amount| (amount.files, amount.bytes)))
    }

    /// What is in each state, in the order of [`State::ALL`].
    pub fn by_state(&self, folders: &[FolderId], running: bool) -> Result<[Amount; 8]> {
        let mut amounts = [Amount::default(); 8];
        for folder in folders {
            self.by_status(*folder, &mut amounts)?;
            let ended = "AND NOT EXISTS (SELECT 1 FROM attempt a
                         WHERE a.upload_id = q.upload_id AND a.outcome IS NULL)";
            let parts = [
                (State::Queued, format!("{WAITING} {ended}")),
                (State::Uploading, format!("{OPEN} AND {}", in_flight(running))),
                (State::Unknown, format!("{OPEN} AND NOT ({})", in_flight(running))),
                (State::Failed, FAILED.to_owned()),
                (State::Held, HELD.to_owned()),
            ];
            for (state, from) in parts {
                let part = self.sum(&from, *folder)?;
                amounts[state as usize].add(part);
                let uploaded = &mut amounts[State::Uploaded as usize];
                *uploaded = uploaded.without(part);
            }
        }
        amounts[State::Uploaded as usize].oldest = None;
        Ok(amounts)
    }

    /// Adds up a folder's paths by their own status; what is linked counts as uploaded.
    fn by_status(&self, folder: FolderId, amounts: &mut [Amount; 8]) -> Result<()> {
        // In the order of the index.
        let sql = format!(
            "SELECT p.status, {SUMS} FROM path p INDEXED BY path_folder
             WHERE p.folder_id = ?1 AND p.gone_at IS NULL GROUP BY p.status"
        );
        let mut found = self.db.prepare_cached(&sql)?;
        let mut rows = found.query([folder.0])?;
        while let Some(row) = rows.next()? {
            let word: String = row.get(0)?;
            let state = match word.as_str() {
                "settling" => State::Settling,
                "failed" => State::Failed,
                "linked" => State::Uploaded,
                _ => State::Ignored,
            };
            amounts[state as usize].add(amount(row, 1)?);
        }
        Ok(())
    }

    fn sum(&self, from: &str, folder: FolderId) -> Result<Amount> {
        let mut found = self.db.prepare_cached(&format!("SELECT {SUMS} {from}"))?;
        Ok(found.query_row([folder.0], |row| amount(row, 0))?)
    }

    /// Whether anything is left in these folders: a few look-ups, however many paths there are.
    pub fn left(&self, folders: &[FolderId]) -> Result<Left> {
        let mut left = Left::default();
        for folder in folders {
            let any = |from: &str| -> Result<bool> {
                let mut found =
                    self.db.prepare_cached(&format!("SELECT EXISTS (SELECT 1 {from})"))?;
                Ok(found.query_row([folder.0], |row| row.get(0))?)
            };
            let of = |status: &str| {
                format!(
                    "FROM path p WHERE p.folder_id = ?1 AND p.status = '{status}'
                     AND p.gone_at IS NULL"
                )
            };
            left.open |= any(&of("settling"))? || any(WAITING)?;
            left.needs_person |= any(&of("failed"))? || any(FAILED)? || any(HELD)?;
        }
        Ok(left)
    }

    /// The number of the newest path of these folders; 0 if there is none.
    pub fn newest_path(&self, folders: &[FolderId]) -> Result<i64> {
        let sql = format!(
            "SELECT coalesce(max(id), 0) FROM path WHERE folder_id IN ({})",
            listed(folders)
        );
        Ok(self.db.query_row(&sql, [], |row| row.get(0))?)
    }

    /// How the paths of these folders stand that were there when `upto` was the newest.
    pub fn noted(&self, folders: &[FolderId], upto: i64) -> Result<Noted> {
        let mut noted = Noted::default();
        let mut waiting = BTreeMap::new();
        for folder in folders {
            let count = |from: &str| -> Result<u64> {
                let sql = format!("SELECT count(*) {from} AND p.id <= ?2");
                let mut found = self.db.prepare_cached(&sql)?;
                Ok(found.query_row([folder.0, upto], |row| row.get::<_, i64>(0))?.unsigned_abs())
            };
            let all = "FROM path p WHERE p.folder_id = ?1 AND p.gone_at IS NULL";
            noted.settling += count(&format!("{all} AND p.status = 'settling'"))?;
            noted.failed += count(&format!("{all} AND p.status = 'failed'"))? + count(FAILED)?;
            noted.held += count(HELD)?;
            noted.files += count(all)?;
            let sql = format!(
                "SELECT q.account_id, count(*) {WAITING} AND p.id <= ?2 GROUP BY q.account_id"
            );
            let mut found = self.db.prepare_cached(&sql)?;
            let mut rows = found.query([folder.0, upto])?;
            while let Some(row) = rows.next()? {
                let files = waiting.entry(AccountId(row.get(0)?)).or_insert(0);
                *files += row.get::<_, i64>(1)?.unsigned_abs();
            }
        }
        noted.waiting = waiting.into_iter().collect();
        Ok(noted)
    }
}

/// Whether an attempt is under way rather than in doubt.
fn in_flight(running: bool) -> &'static str {
    match running {
        true => "a.sent_at IS NULL AND a.run_id = (SELECT max(id) FROM run)",
        false => "0",
    }
}

fn amount(row: &Row<'_>, at: usize) -> rusqlite::Result<Amount> {
    let number = |at| row.get::<_, i64>(at).map(i64::unsigned_abs);
    let oldest = row.get::<_, Option<i64>>(at + 2)?.map(Wall);
    Ok(Amount { files: number(at)?, bytes: number(at + 1)?, oldest })
}

fn listed(folders: &[FolderId]) -> String {
    folders.iter().map(|folder| folder.0.to_string()).collect::<Vec<_>>().join(",")
}
