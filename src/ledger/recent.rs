//! The newest rows, how many there are, and how much was done when: for somebody who looks through
//! the ledger.
//!
//! Owns:
//! - what changed last comes first; a page goes on behind a row, and nothing is kept between two;
//! - a question is one pass over the paths at most, which keeps no more than a page of them; what
//!   was done when is read from its end, and no further than asked.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rusqlite::{OptionalExtension, Row as SqlRow, params};

use super::facts::fingerprint;
use super::views::{holds, may_be_of_hash, row, select, state_sql};
use super::{Filter, Ledger, LedgerError, Row, State};
use crate::planner::{Fingerprint, Wall};

type Result<T> = std::result::Result<T, LedgerError>;

/// The place of a row among all: when it changed last, and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Behind {
    /// When it was uploaded, else when it was first seen.
    pub at: Wall,
    /// Its row number.
    pub id: i64,
}

/// A page of rows.
#[derive(Debug, Default)]
pub struct Recent {
    /// The rows, newest first.
    pub rows: Vec<Row>,
    /// Behind which the next page begins, if there is one.
    pub next: Option<Behind>,
    /// How many paths were looked at for it, of those that SQL leaves.
    pub visited: u64,
}

/// What was done from one time to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Uploads that were finished.
    pub uploads: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files and uploads that failed.
    pub failed: u64,
}

/// What a pass sees of a path.
struct Seen {
    at: Behind,
    state: State,
}

impl Ledger {
    /// The newest rows that a filter chooses. `running` as for `each_row`.
    ///
    /// # Errors
    /// If the ledger cannot be read; so for all below.
    pub fn recent(
        &self,
        filter: &Filter,
        running: bool,
        behind: Option<Behind>,
        most: usize,
    ) -> Result<Recent> {
        // One state of the ledger for the pass and its rows; a reader blocks nobody.
        let _together = self.db.unchecked_transaction()?;
        let mut newest: BinaryHeap<Reverse<Behind>> = BinaryHeap::new();
        let is_newer = |newest: &BinaryHeap<Reverse<Behind>>, at: Behind| {
            behind.is_none_or(|behind| at < behind)
                && (newest.len() <= most || newest.peek().is_some_and(|oldest| at > oldest.0))
        };
        let (mut visited, mut place) = (0, Vec::new());
        let mut found = self.db.prepare_cached(&pass(filter, filter.state.is_some()))?;
        let like = like(filter);
        let mut rows = found.query(params![running, filter.email, filter.with_gone, like])?;
        while let Some(path) = rows.next()? {
            visited += 1;
            let seen = seen(path)?;
            let wanted = is_newer(&newest, seen.at)
                && filter.state.is_none_or(|state| state == seen.state)
                && chosen(filter, path, &mut place)?;
            if wanted {
                newest.push(Reverse(seen.at));
                if newest.len() > most + 1 {
                    newest.pop();
                }
            }
        }
        let mut places: Vec<Behind> = newest.into_iter().map(|place| place.0).collect();
        places.sort_unstable_by(|one, other| other.cmp(one));
        let more = places.len() > most;
        places.truncate(most);
        let next = places.last().copied().filter(|_| more);
        let ids = places.into_iter().map(|place| place.id);
        let rows = ids.filter_map(|id| self.row_numbered(id, running).transpose());
        Ok(Recent { rows: rows.collect::<Result<_>>()?, next, visited })
    }

    /// How many rows a filter chooses, whatever its state, by state in the order of [`State::ALL`].
    pub fn chosen(&self, filter: &Filter, running: bool) -> Result<[u64; 8]> {
        let (mut counts, mut place) = ([0; 8], Vec::new());
        let mut found = self.db.prepare_cached(&pass(filter, true))?;
        let like = like(filter);
        let mut rows = found.query(params![running, filter.email, filter.with_gone, like])?;
        while let Some(path) = rows.next()? {
            if chosen(filter, path, &mut place)? {
                counts[seen(path)?.state as usize] += 1;
            }
        }
        Ok(counts)
    }

    /// The row of this number.
    pub fn row_numbered(&self, id: i64, running: bool) -> Result<Option<Row>> {
        let sql = format!("{} WHERE p.id = ?2", select());
        let mut found = self.db.prepare_cached(&sql)?;
        Ok(found.query_row(params![running, id], row).optional()?)
    }

    /// What a file looked like when it was identified, if its look then was certain, and it has been
    /// there since.
    pub fn look_of(&self, id: i64) -> Result<Option<Fingerprint>> {
        let sql = "SELECT device, inode, size, mtime_ns, ctime_ns FROM path
                   WHERE id = ?1 AND certain AND gone_at IS NULL AND content_id IS NOT NULL";
        let mut found = self.db.prepare_cached(sql)?;
        Ok(found.query_row([id], |row| fingerprint(row, 0)).optional()?)
    }

    /// What was done since a time, in spans of so many milliseconds: by the number of the span since
    /// the epoch.
    pub fn done_since(&self, since: Wall, span_ms: i64) -> Result<BTreeMap<i64, Done>> {
        let mut spans: BTreeMap<i64, Done> = BTreeMap::new();
        let uploaded = "SELECT u.uploaded_at / ?2, count(*), sum(c.size)
            FROM account t CROSS JOIN upload u CROSS JOIN content c ON c.id = u.content_id
            WHERE u.account_id = t.id AND u.asset_id IS NOT NULL AND u.uploaded_at >= ?1
            GROUP BY 1";
        let mut found = self.db.prepare_cached(uploaded)?;
        let mut rows = found.query(params![since.0, span_ms])?;
        while let Some(row) = rows.next()? {
            let done = spans.entry(row.get(0)?).or_default();
            done.uploads = row.get::<_, i64>(1)?.unsigned_abs();
            done.bytes = row.get::<_, i64>(2)?.unsigned_abs();
        }
        for failed in [
            // Attempts and decisions are numbered as they come.
            "SELECT u.failed_at / ?2, count(*) FROM upload u
             WHERE u.failed_at >= ?1 AND u.id IN (SELECT upload_id FROM attempt WHERE id >
                 coalesce((SELECT id FROM attempt WHERE opened_at < ?1 ORDER BY id DESC LIMIT 1), 0))
             GROUP BY 1",
            "SELECT at / ?2, count(*) FROM decision
             WHERE kind = 'failed' AND at >= ?1 AND id >
                 coalesce((SELECT id FROM decision WHERE at < ?1 ORDER BY id DESC LIMIT 1), 0)
             GROUP BY 1",
        ] {
            let mut found = self.db.prepare_cached(failed)?;
            let mut rows = found.query(params![since.0, span_ms])?;
            while let Some(row) = rows.next()? {
                let count = row.get::<_, i64>(1)?.unsigned_abs();
                spans.entry(row.get(0)?).or_default().failed += count;
            }
        }
        Ok(spans)
    }
}

/// One look at every path that there is, or that was uploaded; with no more of it than the filter
/// asks for. `?1`: running, `?2`: the account, `?3`: with those that are gone, `?4`: [`like`].
pub(super) fn pass(filter: &Filter, with_state: bool) -> String {
    let state = if with_state { state_sql() } else { "iif(?1, '', '')".into() };
    let (place, directory) = match filter.text.is_some() || filter.under.is_some() {
        true => ("d.path, p.name", "CROSS JOIN directory d ON d.id = p.directory_id"),
        false => ("NULL, NULL", ""),
    };
    let words = match filter.text.is_some() {
        true => "u.name, u.asset_id",
        false => "NULL, NULL",
    };
    let (content, of_hash) = match filter.text.as_deref().is_some_and(may_be_of_hash) {
        true => {
            let content = "LEFT JOIN content c ON c.id = p.content_id";
            (content, "OR hex(c.hash) LIKE ?4 ESCAPE '\\'")
        }
        false => ("", ""),
    };
    let holds = match filter.text.is_some() {
        true => format!(
            "CAST(d.path || iif(d.path = x'2f', '', '/') || p.name AS TEXT) LIKE ?4 ESCAPE '\\'
             OR u.name LIKE ?4 ESCAPE '\\' OR u.asset_id LIKE ?4 ESCAPE '\\' {of_hash}"
        ),
        false => "1".into(),
    };
    let folders: Vec<String> = filter.folders.iter().map(|folder| folder.0.to_string()).collect();
    let of = match folders.is_empty() {
        true => String::new(),
        false => format!("AND p.folder_id IN ({})", folders.join(",")),
    };
    // CROSS JOIN keeps the paths outermost: each is met once.
    format!(
        "SELECT p.id, coalesce(u.uploaded_at, p.seen_at), {state}, {place}, {words}
         FROM path p {directory} {content} LEFT JOIN upload u ON u.id = p.upload_id
         LEFT JOIN account t ON t.id = u.account_id
         WHERE (?2 IS NULL OR t.email = ?2) {of} AND (?4 IS NULL OR {holds})
           AND (p.gone_at IS NULL OR (?3 AND u.asset_id IS NOT NULL))"
    )
}

/// Whether SQL can look for a text itself, many times faster: its letters have no case but that of
/// ASCII, and it does not end before its end.
fn is_for_sql(text: &str) -> bool {
    text.is_ascii() && !text.contains('\0')
}

/// The pattern that SQL looks for.
fn like(filter: &Filter) -> Option<String> {
    let text = filter.text.as_ref().filter(|text| is_for_sql(text))?;
    let mut like = String::with_capacity(text.len() + 2);
    like.push('%');
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            like.push('\\');
        }
        like.push(letter);
    }
    like.push('%');
    Some(like)
}

fn seen(path: &SqlRow<'_>) -> rusqlite::Result<Seen> {
    let state = State::parse(path.get_ref(2)?.as_str()?);
    Ok(Seen { at: Behind { at: Wall(path.get(1)?), id: path.get(0)? }, state })
}

/// Whether a path that a pass sees lies where the filter says, and holds its text. `place` is room
/// for its name, so that none has to be made for each.
fn chosen(filter: &Filter, path: &SqlRow<'_>, place: &mut Vec<u8>) -> rusqlite::Result<bool> {
    // What SQL looked for is not looked for again.
    let text = filter.text.as_ref().filter(|text| !is_for_sql(text));
    if filter.under.is_none() && text.is_none() {
        return Ok(true);
    }
    place.clear();
    place.extend(path.get_ref(3)?.as_blob()?);
    if !place.ends_with(b"/") {
        place.push(b'/');
    }
    place.extend(path.get_ref(4)?.as_blob()?);
    let lies = filter
        .under
        .as_ref()
        .is_none_or(|under| Path::new(OsStr::from_bytes(place)).starts_with(under));
    let Some(text) = text.filter(|_| lies) else { return Ok(lies) };
    let word = |at| path.get_ref(at).map(|word| word.as_str().unwrap_or_default());
    Ok(holds(&String::from_utf8_lossy(place), text)
        || holds(word(5)?, text)
        || holds(word(6)?, text))
}
