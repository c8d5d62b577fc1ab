//! Whether a ledger is sound: what SQLite can tell, and what must hold of our rows.
//!
//! Owns:
//! - every promise about rows that no constraint of the schema can make is one query here, which
//!   lists what breaks it.

use super::step::Result;
use super::{Ledger, LedgerError};
use crate::text::escaped;

/// Faults of one kind that are listed; the rest are only said to be there.
const LISTED_MOST: usize = 20;

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What should hold.
    pub rule: &'static str,
    /// Which row breaks it, and how.
    pub what: String,
}

/// How much a ledger holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Contents on accounts.
    pub uploads: u64,
    /// Those that have an assetId.
    pub uploaded: u64,
    /// File names, gone ones too.
    pub paths: u64,
    /// Tries to send.
    pub attempts: u64,
}

/// What must hold of all rows.
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// The first schema that has the tables it speaks of.
    since: i64,
    /// Each row that breaks it, in words.
    sql: &'static str,
}

impl Ledger {
    /// Everything that does not fit: SQLite's own checks, and if these find nothing, ours.
    ///
    /// # Errors
    /// If the ledger cannot be read, or SQLite meets damage that it cannot get past.
    pub fn verify(&self) -> Result<Vec<Fault>> {
        let found = self.checked_by_sqlite().map_err(|error| self.name_in(error))?;
        if !found.is_empty() {
            return Ok(found);
        }
        self.broken_rules().map_err(|error| self.name_in(error))
    }

    /// How much there is.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn totals(&self) -> Result<Totals> {
        let sql = "SELECT (SELECT count(*) FROM upload),
                          (SELECT count(*) FROM upload WHERE asset_id IS NOT NULL),
                          (SELECT count(*) FROM path), (SELECT count(*) FROM attempt)";
        Ok(self.db.query_row(sql, [], |row| {
            let number = |at| row.get::<_, i64>(at).map(|number| number as u64);
            Ok(Totals {
                uploads: number(0)?,
                uploaded: number(1)?,
                paths: number(2)?,
                attempts: number(3)?,
            })
        })?)
    }

    /// An error of this ledger names its file.
    pub(crate) fn name_in(&self, error: LedgerError) -> LedgerError {
        match self.file() {
            Some(file) => error.of(&file),
            None => error,
        }
    }

    fn checked_by_sqlite(&self) -> Result<Vec<Fault>> {
        // One finding may be several lines.
        let pages = "SELECT replace(trim(integrity_check, char(10)), char(10), '; ')
                     FROM pragma_integrity_check
                     WHERE integrity_check <> 'ok'";
        let mut found = self.listed("the file is whole", pages)?;
        let references = "SELECT 'row ' || coalesce(rowid, '?') || ' of ' || \"table\" ||
                              ' refers to a row of ' || parent || ' that is not there'
                          FROM pragma_foreign_key_check";
        found.extend(self.listed("what is referred to is there", references)?);
        Ok(found)
    }

    pub(super) fn broken_rules(&self) -> Result<Vec<Fault>> {
        let schema: i64 = self.db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let mut found = Vec::new();
        for rule in RULES.iter().filter(|rule| rule.since <= schema) {
            found.extend(self.listed(rule.name, rule.sql)?);
        }
        Ok(found)
    }

    fn listed(&self, rule: &'static str, sql: &str) -> Result<Vec<Fault>> {
        let mut query = self.db.prepare_cached(sql)?;
        let mut rows = query.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            if found.len() == LISTED_MOST {
                found.push(Fault { rule, what: "and more of this kind".into() });
                break;
            }
            // Words and paths in one: bytes of any kind.
            let words = row.get_ref(0)?.as_bytes().unwrap_or_default();
            found.push(Fault { rule, what: escaped(&String::from_utf8_lossy(words)) });
        }
        Ok(found)
    }
}

/// In the order of what is worst.
pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "an assetId belongs to one upload",
        since: 1,
        sql: "SELECT asset_id || ' belongs to ' || count(*) || ' uploads: ' || group_concat(id, ', ')
              FROM upload WHERE asset_id IS NOT NULL GROUP BY asset_id HAVING count(*) > 1",
    },
    Rule {
        name: "an assetId that was forgotten is nobody's",
        since: 2,
        sql: "SELECT 'upload ' || u.id || ' has ' || u.asset_id || ', which was forgotten'
              FROM former_asset f JOIN upload u ON u.asset_id = f.asset_id",
    },
    // What was taken over from elsewhere has no attempts, or a reason that says so; what a person
    // settled has an attempt that could not tell.
    Rule {
        name: "what is uploaded was stored by an attempt",
        since: 1,
        sql: "SELECT 'upload ' || u.id || ' has ' || u.asset_id || ', and none of its attempts stored it'
              FROM upload u WHERE u.asset_id IS NOT NULL AND u.reason IS NULL
                AND EXISTS (SELECT 1 FROM attempt a WHERE a.upload_id = u.id)
                AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.upload_id = u.id
                                AND a.outcome IN ('stored', 'found', 'cannot_tell'))",
    },
    Rule {
        name: "what an attempt stored is not lost",
        since: 2,
        sql: "SELECT 'attempt ' || a.id || ' stored upload ' || u.id || ', which has no assetId'
              FROM upload u JOIN attempt a ON a.upload_id = u.id
              WHERE u.asset_id IS NULL AND a.outcome IN ('stored', 'found')
                AND NOT EXISTS (SELECT 1 FROM former_asset f WHERE f.upload_id = u.id)",
    },
    Rule {
        name: "an upload has one end at most, and an assetId its time",
        since: 1,
        sql: "SELECT 'upload ' || id || ' has ended in two ways, or at no time' FROM upload
              WHERE (asset_id IS NULL) <> (uploaded_at IS NULL)
                 OR (asset_id IS NOT NULL) + (failed_at IS NOT NULL) + (held_at IS NOT NULL) > 1",
    },
    Rule {
        name: "an upload has one open attempt at most",
        since: 1,
        sql: "SELECT 'upload ' || upload_id || ' has ' || count(*) || ' open attempts'
              FROM attempt WHERE outcome IS NULL GROUP BY upload_id HAVING count(*) > 1",
    },
    Rule {
        name: "what has ended has no open attempt",
        since: 1,
        sql: "SELECT 'attempt ' || a.id || ' is open, and upload ' || u.id || ' has ended'
              FROM attempt a JOIN upload u ON u.id = a.upload_id
              WHERE a.outcome IS NULL AND (u.asset_id IS NOT NULL OR u.failed_at IS NOT NULL
                                           OR u.held_at IS NOT NULL)",
    },
    Rule {
        name: "no two open attempts look the same in a list",
        since: 1,
        sql: "SELECT 'attempts ' || group_concat(a.id, ', ') || ' are open with one account, name and size'
              FROM attempt a JOIN upload u ON u.id = a.upload_id
              JOIN content c ON c.id = u.content_id
              WHERE a.outcome IS NULL GROUP BY u.account_id, a.name, c.size HAVING count(*) > 1",
    },
    Rule {
        name: "an attempt has its outcome and its end together",
        since: 1,
        sql: "SELECT 'attempt ' || id || ' has an outcome and no end, or an end and no outcome'
              FROM attempt WHERE (outcome IS NULL) <> (ended_at IS NULL)",
    },
    Rule {
        name: "a path that is linked has content and upload, and no other has",
        since: 1,
        sql: "SELECT 'path ' || id || ' is ' || status || ', and content or upload do not fit that'
              FROM path WHERE (status = 'linked') <> (upload_id IS NOT NULL)
                           OR (status = 'linked') <> (content_id IS NOT NULL)",
    },
    Rule {
        name: "a path's upload is of the path's content",
        since: 1,
        sql: "SELECT 'path ' || p.id || ' (' || d.path || '/' || p.name || ') holds content ' ||
                  p.content_id || ', and its upload ' || u.id || ' is of content ' || u.content_id
              FROM path p JOIN upload u ON u.id = p.upload_id
              JOIN directory d ON d.id = p.directory_id
              WHERE p.content_id IS NOT u.content_id",
    },
    Rule {
        name: "what could be sent is queued",
        since: 1,
        sql: "SELECT 'upload ' || u.id || ' is not queued in folder ' || p.folder_id || ', where path '
                  || p.id || ' (' || d.path || '/' || p.name || ') holds it'
              FROM path p JOIN upload u ON u.id = p.upload_id
              JOIN directory d ON d.id = p.directory_id
              WHERE p.gone_at IS NULL AND u.asset_id IS NULL AND u.failed_at IS NULL
                AND u.held_at IS NULL AND NOT EXISTS (
                    SELECT 1 FROM queue q WHERE q.folder_id = p.folder_id AND q.upload_id = u.id
                        AND q.account_id = u.account_id)",
    },
    Rule {
        name: "what is queued could be sent",
        since: 1,
        sql: "SELECT 'upload ' || q.upload_id || ' is queued in folder ' || q.folder_id ||
                  CASE WHEN u.asset_id IS NOT NULL OR u.failed_at IS NOT NULL
                            OR u.held_at IS NOT NULL THEN ', and has ended'
                       WHEN q.account_id <> u.account_id THEN ' for another account than its own'
                       ELSE ' from path ' || q.path_id || ', which does not hold it there' END
              FROM queue q JOIN upload u ON u.id = q.upload_id JOIN path p ON p.id = q.path_id
              WHERE u.asset_id IS NOT NULL OR u.failed_at IS NOT NULL OR u.held_at IS NOT NULL
                 OR q.account_id <> u.account_id
                 OR (q.folder_id <> 0 AND (p.upload_id IS NOT u.id OR p.folder_id <> q.folder_id
                                           OR p.gone_at IS NOT NULL))",
    },
    Rule {
        name: "a content has a hash of 32 bytes and a size",
        since: 1,
        sql: "SELECT 'content ' || id || ' has a hash of ' || length(hash) || ' bytes and size ' || size
              FROM content WHERE length(hash) <> 32 OR size < 0",
    },
    Rule {
        name: "e-mails are in lower case, and one account at most has none",
        since: 1,
        sql: "SELECT 'account ' || id || ' is ' || email FROM account WHERE email <> lower(email)
              UNION ALL
              SELECT count(*) || ' accounts have no e-mail' FROM account WHERE email IS NULL
              HAVING count(*) > 1",
    },
    Rule {
        name: "a directory lies in its parent",
        since: 1,
        sql: "SELECT 'directory ' || d.id || ' (' || d.path || ') does not lie in ' || p.path
              FROM directory d JOIN directory p ON p.id = d.parent_id
              WHERE substr(d.path, 1, length(p.path)) <> p.path",
    },
    Rule {
        name: "of what a folder owes to a path, exactly the first has its turn",
        since: 3,
        sql: "SELECT 'errand ' || e.id || ' has its turn, or waits, out of order' FROM errand e
              WHERE e.outcome IS NULL
                AND (e.next_try_at IS NULL) <> EXISTS (
                    SELECT 1 FROM errand o
                    WHERE o.path_id = e.path_id AND o.folder_id = e.folder_id
                      AND o.outcome IS NULL AND o.id < e.id)",
    },
    Rule {
        name: "no time is negative",
        since: 1,
        sql: "SELECT 'upload ' || id || ' has a negative time' FROM upload
              WHERE min(wanted_at, coalesce(next_try_at, 0), coalesce(failed_at, 0),
                        coalesce(held_at, 0), coalesce(uploaded_at, 0)) < 0
              UNION ALL
              SELECT 'path ' || id || ' has a negative time' FROM path
              WHERE min(seen_at, coalesce(gone_at, 0)) < 0
              UNION ALL
              SELECT 'attempt ' || id || ' has a negative time' FROM attempt
              WHERE min(opened_at, coalesce(sent_at, 0), coalesce(ended_at, 0)) < 0
              UNION ALL
              SELECT 'decision ' || id || ' has a negative time' FROM decision WHERE at < 0
              UNION ALL
              SELECT 'run ' || id || ' has a negative time' FROM run WHERE started_at < 0",
    },
];
