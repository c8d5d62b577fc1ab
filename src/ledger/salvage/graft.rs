//! A first page for a ledger that has lost its own: without it, SQLite does not even begin.
//!
//! Owns:
//! - only a copy is written to;
//! - the page comes from a ledger of this schema made anew: the same steps put the same tables
//!   on the same pages.
//!
//! Source: sqlite.org/fileformat.html, "The Database Header".

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::super::error::with_suffix;
use super::super::{Ledger, LedgerError};
use crate::planner::Wall;

/// Where the header keeps the number of pages, and the first and the number of free ones.
const PAGE_COUNT: std::ops::Range<usize> = 28..32;
const FREE_PAGES: std::ops::Range<usize> = 32..40;
/// Where it keeps the size of a page.
const PAGE_SIZE: std::ops::Range<usize> = 16..18;

/// Gives a copy the first page of a new ledger.
///
/// # Errors
/// If a new ledger cannot be made beside the copy, or the copy not be written.
pub fn graft(copy: &Path, now: Wall) -> Result<(), LedgerError> {
    let template = with_suffix(copy, "-new");
    let made = Ledger::open(&template, "", 0, now).map(drop);
    let grafted = made.and_then(|()| {
        plant(&template, copy)
            .map_err(|source| LedgerError::HalfRebuilt { path: copy.to_owned(), source })
    });
    for beside in ["", "-wal", "-shm"] {
        // What is not there need not go.
        let _ = fs::remove_file(with_suffix(&template, beside));
    }
    grafted
}

fn plant(template: &Path, copy: &Path) -> io::Result<()> {
    let new = fs::read(template)?;
    let short = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let size = new.get(PAGE_SIZE).and_then(|two| two.try_into().ok()).ok_or_else(short)?;
    let size = usize::from(u16::from_be_bytes(size));
    let mut page = new.get(..size).filter(|page| !page.is_empty()).ok_or_else(short)?.to_vec();
    let pages = fs::metadata(copy)?.len().div_ceil(size as u64);
    let pages = u32::try_from(pages).unwrap_or(u32::MAX);
    page[PAGE_COUNT].copy_from_slice(&pages.to_be_bytes());
    page[FREE_PAGES].fill(0);
    let file = OpenOptions::new().write(true).open(copy)?;
    file.write_all_at(&page, 0)?;
    file.set_len(u64::from(pages) * size as u64)
}
