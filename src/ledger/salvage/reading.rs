//! A damaged table read row by row, around what cannot be read.
//!
//! Owns:
//! - rows come in the order of their numbers, each once: a table that leads in a circle ends;
//! - behind a stretch that cannot be read, the next one that can is looked for;
//! - trouble of the system is not damage: who meets it has not read what there is.

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode};

/// Stretches that could not be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gaps {
    /// How many.
    pub count: u64,
}

/// Whether an error says nothing about what is in the file: it may be read another time.
pub fn is_of_the_system(error: &rusqlite::Error) -> bool {
    use ErrorCode as E;
    let code = error.sqlite_error_code();
    let busy =
        matches!(code, Some(E::DatabaseBusy | E::DatabaseLocked | E::FileLockingProtocolFailed));
    let disk = matches!(code, Some(E::CannotOpen | E::SystemIoFailure | E::DiskFull));
    busy || disk || matches!(code, Some(E::OutOfMemory | E::PermissionDenied | E::ReadOnly))
}

/// More stretches than any ledger's damage leaves; past them, the rest counts as unreadable.
const GAPS_MOST: u64 = 100_000;

/// Hands every row of a table with row numbers to `each`, until it says stop.
///
/// # Errors
/// Trouble of the system; so for all below.
pub fn each_row(
    db: &Connection,
    table: &str,
    columns: &[String],
    mut each: impl FnMut(Vec<Value>) -> bool,
) -> rusqlite::Result<Gaps> {
    let mut gaps = Gaps::default();
    let mut from = i64::MIN;
    loop {
        match stretch(db, table, columns, from, &mut each)? {
            Stretch::End => return Ok(gaps),
            Stretch::Broke { next } => {
                gaps.count += 1;
                match next_readable(db, table, next) {
                    Some(readable) if gaps.count < GAPS_MOST => from = readable,
                    Some(_) | None => return Ok(gaps),
                }
            }
        }
    }
}

enum Stretch {
    End,
    /// Reading broke off at or behind this number.
    Broke {
        next: i64,
    },
}

fn stretch(
    db: &Connection,
    table: &str,
    columns: &[String],
    from: i64,
    each: &mut impl FnMut(Vec<Value>) -> bool,
) -> rusqlite::Result<Stretch> {
    let sql = format!(
        "SELECT rowid, {} FROM {table} NOT INDEXED WHERE rowid >= ?1 ORDER BY rowid",
        columns.join(", ")
    );
    let mut next = from;
    let mut read = || -> rusqlite::Result<()> {
        let mut found = db.prepare(&sql)?;
        let mut rows = found.query([from])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            if id < next {
                return Err(rusqlite::Error::QueryReturnedNoRows);
            }
            // Whatever is wrong with this row, the next is behind it.
            next = id.saturating_add(1);
            let cells = (0..columns.len()).map(|cell| row.get::<_, Value>(cell + 1));
            let cells = cells.collect::<rusqlite::Result<Vec<Value>>>()?;
            if !each(cells) || id == i64::MAX {
                return Ok(());
            }
        }
        Ok(())
    };
    match read() {
        Ok(()) => Ok(Stretch::End),
        Err(error) if is_of_the_system(&error) => Err(error),
        Err(_) => Ok(Stretch::Broke { next }),
    }
}

/// The first number from which rows can be read again, at or behind `from`: what lies on one page
/// fails together, so the end of the failing numbers is searched for in ever longer strides, and
/// then between the last two.
fn next_readable(db: &Connection, table: &str, from: i64) -> Option<i64> {
    let reads = |from: i64| -> rusqlite::Result<bool> {
        let sql = format!("SELECT rowid FROM {table} NOT INDEXED WHERE rowid >= ?1 ORDER BY rowid");
        let mut found = db.prepare(&sql)?;
        let mut rows = found.query([from])?;
        Ok(rows.next()?.is_some())
    };
    if matches!(reads(from), Ok(true)) && from > i64::MIN {
        return Some(from);
    }
    // Row numbers begin at 0 or 1.
    let (mut fails, mut stride) = (from.max(-1), 1_i64);
    let mut works = loop {
        let next = fails.checked_add(stride)?;
        match reads(next) {
            Ok(_) => break next,
            Err(_) => (fails, stride) = (next, stride.checked_mul(2)?),
        }
    };
    while works - fails > 1 {
        let middle = fails + (works - fails) / 2;
        match reads(middle) {
            Ok(_) => works = middle,
            Err(_) => fails = middle,
        }
    }
    Some(works)
}

/// Hands the rows of a table without row numbers to `each`, from the front as far as they can be
/// read, then from the back.
pub fn scan_once(
    db: &Connection,
    table: &str,
    columns: &[String],
    mut each: impl FnMut(Vec<Value>) -> bool,
) -> rusqlite::Result<Gaps> {
    let mut last = None;
    let mut scan = |order: &str| -> rusqlite::Result<()> {
        // The first column is the first of the key.
        let (all, key) = (columns.join(", "), &columns[0]);
        let mut found = db.prepare(&format!("SELECT {all} FROM {table} ORDER BY {key} {order}"))?;
        let mut rows = found.query([])?;
        let met = last.take();
        while let Some(row) = rows.next()? {
            let cells = (0..columns.len()).map(|cell| row.get::<_, Value>(cell));
            let cells = cells.collect::<rusqlite::Result<Vec<Value>>>()?;
            if met.as_ref() == Some(&cells) {
                return Ok(());
            }
            last = Some(cells.clone());
            if !each(cells) {
                return Ok(());
            }
        }
        Ok(())
    };
    let Err(error) = scan("ASC") else { return Ok(Gaps::default()) };
    // From the back, up to the row that was the last from the front.
    let again = scan("DESC").err();
    match [Some(error), again].into_iter().flatten().find(is_of_the_system) {
        Some(error) => Err(error),
        None => Ok(Gaps { count: 1 }),
    }
}
