//! Uploads as another ledger exported them: lines of JSON, or CSV, told apart by the first of them.
//!
//! Owns:
//! - what leaves here was checked field by field, and what was not names its line.

use std::io::BufRead;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::config::Email;
use crate::ledger::Foreign;
use crate::planner::{Asset, Content, ContentHash, MediaType, Wall};
use crate::text::reason;

/// The longest line: that of a content with some hundred thousand copies.
const LINE_MOST: usize = 64 << 20;
/// The longest assetId, e-mail, name or address.
const TEXT_MOST: usize = 4_096;
/// The columns without which there is nothing to import.
const COLUMNS: [&str; 5] = ["hash", "size", "media_type", "account", "asset_id"];

/// A line that cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Counted from 1.
    pub line: u64,
    /// In words.
    pub why: String,
}

/// A record.
#[derive(Debug)]
pub struct Line {
    /// Where it begins, counted from 1.
    pub number: u64,
    /// The base URL of the ledger that it is from, if it says so.
    pub server: Option<String>,
    /// What was uploaded; none if it has no assetId, or no account.
    pub foreign: Option<Foreign>,
}

/// The records of a file, one by one.
pub struct Records<R> {
    lines: Lines<R>,
    /// The names of the columns, if it is CSV.
    header: Option<Vec<String>>,
    /// The first line, if it is a record.
    first: Option<(u64, String)>,
    /// When what has no time was uploaded.
    now: Wall,
}

impl<R: BufRead> Records<R> {
    /// Reads as much as says what it is. What has no time counts as uploaded `now`.
    pub fn read(reader: R, now: Wall) -> Result<Records<R>, BadLine> {
        let mut lines = Lines { reader, read: 0 };
        let Some((number, line)) = lines.next_filled(false)? else {
            return Ok(Records { lines, header: None, first: None, now });
        };
        if line.trim_start().starts_with('{') {
            return Ok(Records { lines, header: None, first: Some((number, line)), now });
        }
        let bad = |why: String| BadLine { line: number, why };
        let header = cells(&line).map_err(bad)?;
        if let Some(missing) = COLUMNS.iter().find(|name| !header.iter().any(|cell| cell == *name))
        {
            let why = "neither JSON nor the header of CSV: there is no column";
            return Err(bad(format!("{why} {missing}")));
        }
        Ok(Records { lines, header: Some(header), first: None, now })
    }

    fn next_line(&mut self) -> Result<Option<Line>, BadLine> {
        let first = self.first.take();
        let line = match first {
            Some(first) => Some(first),
            None => self.lines.next_filled(self.header.is_some())?,
        };
        let Some((number, line)) = line else { return Ok(None) };
        let fields = match &self.header {
            None => object(&line),
            Some(header) => row(header, &line),
        };
        let read = fields.and_then(|fields| {
            let foreign = foreign(&fields, self.now)?;
            Ok(Line { number, server: text(&fields, "server")?, foreign })
        });
        read.map(Some).map_err(|why| BadLine { line: number, why })
    }
}

impl<R: BufRead> Iterator for Records<R> {
    type Item = Result<Line, BadLine>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_line().transpose()
    }
}

/// Lines and their numbers.
struct Lines<R> {
    reader: R,
    read: u64,
}

impl<R: BufRead> Lines<R> {
    /// The next line that is not empty. `quoting`: what is quoted may go on over several.
    fn next_filled(&mut self, quoting: bool) -> Result<Option<(u64, String)>, BadLine> {
        loop {
            let number = self.read + 1;
            let Some(line) = self.next_record(quoting, number)? else { return Ok(None) };
            if !line.trim().is_empty() {
                return Ok(Some((number, line)));
            }
        }
    }

    fn next_record(&mut self, quoting: bool, number: u64) -> Result<Option<String>, BadLine> {
        let bad = |why: &str| BadLine { line: number, why: why.to_owned() };
        let mut record = Vec::new();
        loop {
            let left = LINE_MOST.saturating_sub(record.len());
            let mut limited = std::io::Read::take(&mut self.reader, left as u64);
            let taken = limited.read_until(b'\n', &mut record);
            let taken = taken.map_err(|error| bad(&reason(&error)))?;
            if record.is_empty() {
                return Ok(None);
            }
            if record.len() >= LINE_MOST {
                return Err(bad("it is longer than any line that is exported"));
            }
            let open = quoting && record.iter().filter(|byte| **byte == b'"').count() % 2 == 1;
            if taken == 0 && open {
                return Err(bad("a quoted cell does not end"));
            }
            self.read += u64::from(taken > 0);
            if !open {
                break;
            }
        }
        let mark = if number == 1 { "\u{FEFF}".as_bytes() } else { b"" };
        let record = record.strip_prefix(mark).unwrap_or(&record);
        let text = std::str::from_utf8(record).map_err(|_| bad("it is not UTF-8"))?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        Ok(Some(text.strip_suffix('\r').unwrap_or(text).to_owned()))
    }
}

/// The cells of a record of CSV (RFC 4180).
fn cells(record: &str) -> Result<Vec<String>, String> {
    let mut cells = Vec::new();
    let mut rest = record;
    loop {
        let (cell, behind) = match rest.strip_prefix('"') {
            Some(inside) => quoted_cell(inside)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let cell = &rest[..end];
                if cell.contains('"') {
                    return Err("a quote inside a cell that is not quoted".into());
                }
                (cell.to_owned(), &rest[end..])
            }
        };
        cells.push(cell);
        match behind.strip_prefix(',') {
            Some(next) => rest = next,
            None if behind.is_empty() => return Ok(cells),
            None => return Err("something behind the end of a quoted cell".into()),
        }
    }
}

fn quoted_cell(inside: &str) -> Result<(String, &str), String> {
    let mut cell = String::new();
    let mut rest = inside;
    loop {
        let end = rest.find('"').ok_or("a quoted cell does not end")?;
        cell.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                cell.push('"');
                rest = more;
            }
            None => return Ok((cell, rest)),
        }
    }
}

fn object(line: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(line) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("it is no JSON object".into()),
        Err(error) => Err(format!("it is no JSON object: {error}")),
    }
}

fn row(header: &[String], line: &str) -> Result<Map<String, Value>, String> {
    let cells = cells(line)?;
    if cells.len() != header.len() {
        return Err(format!("{} cells under a header of {}", cells.len(), header.len()));
    }
    let filled = header.iter().cloned().zip(cells).filter(|(_, cell)| !cell.is_empty());
    Ok(filled.map(|(name, cell)| (name, Value::String(cell))).collect())
}

/// What the fields say was uploaded, if they have an assetId and an account.
fn foreign(fields: &Map<String, Value>, now: Wall) -> Result<Option<Foreign>, String> {
    if number(fields, "schema")?.is_some_and(|schema| schema != 1) {
        return Err("its schema is not 1: a newer taxiway exported it".into());
    }
    let Some(asset_id) = text(fields, "asset_id")? else { return Ok(None) };
    if asset_id.contains(char::is_whitespace) {
        return Err("asset_id has white space inside".into());
    }
    let asset = Asset { asset_id, url: text(fields, "asset_url")? };
    let Some(account) = text(fields, "account")?.or_else(|| asset.email()) else {
        return Ok(None);
    };
    let email: Email = account.parse().map_err(|bad| format!("account {account:?}: {bad}"))?;
    // Whatever is generated with an asset runs on the account that its id names.
    if asset.email().is_some_and(|of| of != email.as_str()) {
        return Err(format!("asset_id is not on the account {email}"));
    }
    let hash = text(fields, "hash")?.ok_or("there is no hash")?;
    let hash = ContentHash::parse(&hash).ok_or("hash is not 64 hex digits")?;
    let size = number(fields, "size")?.ok_or("there is no size")?;
    i64::try_from(size).map_err(|_| "size is larger than any file")?;
    let media_type = text(fields, "media_type")?.ok_or("there is no media_type")?;
    let content = Content {
        hash,
        size,
        media_type: MediaType::parse(&media_type)
            .ok_or_else(|| format!("media_type {media_type:?} is none that can be uploaded"))?,
        width: pixels(fields, "width")?,
        height: pixels(fields, "height")?,
        duration_ms: duration_ms(fields)?,
    };
    let name = text(fields, "name")?.unwrap_or_else(|| hash.to_string()[..8].to_owned());
    let uploaded_at = time(fields, "uploaded_at")?.unwrap_or(now);
    Ok(Some(Foreign { content, email: email.as_str().to_owned(), asset, name, uploaded_at }))
}

/// A text; none if it is null, missing or empty.
fn text(fields: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) if text.len() > TEXT_MOST => Err(format!("{key} is too long")),
        Some(Value::String(text)) if text.chars().any(char::is_control) => {
            Err(format!("{key} has control characters inside"))
        }
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("{key} is no text")),
    }
}

/// A whole number, as such or in a cell.
fn number(fields: &Map<String, Value>, key: &str) -> Result<Option<u64>, String> {
    let found = match fields.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    found.map(Some).ok_or_else(|| format!("{key} is no whole number"))
}

fn pixels(fields: &Map<String, Value>, key: &str) -> Result<Option<u32>, String> {
    let found = number(fields, key)?.map(u32::try_from).transpose();
    found.map_err(|_| format!("{key} is too large"))
}

/// Seconds, kept in milliseconds.
fn duration_ms(fields: &Map<String, Value>) -> Result<Option<u64>, String> {
    let seconds = match fields.get("duration") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    // Up to a thousand years.
    let sane = seconds.filter(|seconds| (0.0..3.2e10).contains(seconds));
    let seconds = sane.ok_or("duration is no number of seconds")?;
    Ok(Some((seconds * 1_000.0).round() as u64))
}

fn time(fields: &Map<String, Value>, key: &str) -> Result<Option<Wall>, String> {
    let Some(text) = text(fields, key)? else { return Ok(None) };
    let time: Option<Timestamp> = text.parse().ok();
    let time = time.map(Timestamp::as_millisecond).filter(|ms| *ms >= 0);
    let ms =
        time.ok_or_else(|| format!("{key} {text:?} is no time such as 2026-01-31T12:00:00Z"))?;
    Ok(Some(Wall(ms)))
}

#[cfg(test)]
mod tests;
