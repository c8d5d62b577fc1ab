//! A row of the ledger as programs read it: the fields of JSON and CSV, and times.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::ledger::Row;
use crate::planner::{Paused, Wall};
use crate::text::about;

/// The fields of a row, in the order in which they are printed.
#[derive(Debug, Serialize)]
pub struct RowFields {
    schema: u8,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    account: Option<String>,
    hash: Option<String>,
    size: u64,
    media_type: Option<String>,
    state: Option<&'static str>,
    asset_id: Option<String>,
    asset_url: Option<String>,
    name: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    duration: Option<f64>,
    seen_at: Option<String>,
    uploaded_at: Option<String>,
    attempts: u32,
    next_try_at: Option<String>,
    reason: Option<String>,
}

impl RowFields {
    /// The fields of a row of the ledger.
    pub fn of(row: &Row) -> RowFields {
        RowFields {
            schema: 1,
            path: row.path.to_string_lossy().into_owned(),
            path_hex: path_hex(&row.path),
            account: row.account.clone(),
            hash: row.hash.map(|hash| hash.to_string()),
            size: row.size,
            media_type: row.media_type.clone(),
            state: Some(row.state.as_str()),
            asset_id: row.asset_id.clone(),
            asset_url: row.asset_url.clone(),
            name: row.name.clone(),
            width: row.width,
            height: row.height,
            duration: row.duration_ms.map(|ms| ms as f64 / 1_000.0),
            seen_at: Some(time(row.seen_at)),
            uploaded_at: row.uploaded_at.map(time),
            attempts: row.attempts,
            next_try_at: row.next_try_at.map(time),
            reason: reason(row),
        }
    }

    /// The fields of a pushed file that the ledger has no row of.
    pub fn of_unlisted(path: &Path, asset_id: Option<String>, reason: Option<String>) -> RowFields {
        let state = if asset_id.is_some() { "uploaded" } else { "failed" };
        RowFields { state: Some(state), asset_id, ..RowFields::of_nothing(path, reason) }
    }

    /// The fields of a file of which nothing is known but why that is so.
    pub fn of_nothing(path: &Path, reason: Option<String>) -> RowFields {
        let found = std::fs::metadata(path).ok();
        RowFields {
            schema: 1,
            path: path.to_string_lossy().into_owned(),
            path_hex: path_hex(path),
            account: None,
            hash: None,
            size: found.map_or(0, |metadata| metadata.len()),
            media_type: None,
            state: None,
            asset_id: None,
            asset_url: None,
            name: None,
            width: None,
            height: None,
            duration: None,
            seen_at: None,
            uploaded_at: None,
            attempts: 0,
            next_try_at: None,
            reason,
        }
    }

    /// An event about the row: when, what, and those of its fields that apply.
    pub fn event(&self, event: &str, at: Wall) -> serde_json::Value {
        let mut object = serde_json::Map::new();
        object.insert("schema".into(), 1.into());
        object.insert("at".into(), time(at).into());
        object.insert("event".into(), event.into());
        if let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(self) {
            let told =
                fields.into_iter().filter(|(key, value)| key != "schema" && !value.is_null());
            object.extend(told);
        }
        serde_json::Value::Object(object)
    }

    /// One line of JSON.
    pub fn json(&self) -> String {
        // Strings, numbers and nulls: there is nothing in it that has no JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The names of the columns of CSV.
    pub const CSV_HEADER: &str = "path,path_hex,account,hash,size,media_type,state,asset_id,\
        asset_url,name,width,height,duration,seen_at,uploaded_at,attempts,next_try_at,reason";

    /// One line of CSV (RFC 4180).
    pub fn csv(&self) -> String {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let number = |number: Option<u32>| number.map_or(String::new(), |n| n.to_string());
        let cells = [
            self.path.clone(),
            text(&self.path_hex),
            text(&self.account),
            text(&self.hash),
            self.size.to_string(),
            text(&self.media_type),
            self.state.unwrap_or_default().to_owned(),
            text(&self.asset_id),
            text(&self.asset_url),
            text(&self.name),
            number(self.width),
            number(self.height),
            self.duration.map_or(String::new(), |seconds| seconds.to_string()),
            text(&self.seen_at),
            text(&self.uploaded_at),
            self.attempts.to_string(),
            text(&self.next_try_at),
            text(&self.reason),
        ];
        cells.map(|cell| quoted(&cell)).join(",")
    }
}

/// The same line of CSV, from the JSON of a row.
pub fn csv_of(row: &serde_json::Value) -> String {
    use serde_json::Value;
    let cell = |column: &str| match &row[column] {
        Value::Null => String::new(),
        Value::String(text) => quoted(text),
        other => quoted(&other.to_string()),
    };
    RowFields::CSV_HEADER.split(',').map(cell).collect::<Vec<_>>().join(",")
}

/// A time as programs read it: RFC 3339, UTC, milliseconds.
pub fn time(wall: Wall) -> String {
    match Timestamp::from_millisecond(wall.0) {
        Ok(time) => time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        Err(_) => String::new(),
    }
}

/// Reads a time as [`time`] writes it.
pub fn parsed(text: &str) -> Option<Wall> {
    text.parse::<Timestamp>().ok().map(|time| Wall(time.as_millisecond()))
}

/// A time of day as a person here reads it.
pub fn time_of_day(wall: Wall) -> String {
    local(wall, "%H:%M:%S")
}

/// How the reason of a pause begins that ends by itself.
pub const PAUSED_WHILE: &str = "paused while ";

/// What completes "paused" for a person.
pub fn paused(paused: Paused) -> String {
    match paused {
        Paused::Asked { until: Some(until) } => format!("until {}", when_and_how_far(until)),
        Paused::Asked { until: None } => "until somebody says: taxiway resume".to_owned(),
        Paused::While(condition) => {
            format!("{} (to go on all the same: taxiway resume)", condition.words())
        }
    }
}

/// A time before or after this moment as a person here says it: the day only if it is not today.
pub fn when(wall: Wall) -> String {
    when_said(wall, Timestamp::now(), TimeZone::system())
}

/// The same, and how far from now it is: "14:03:05, in 4 min".
pub fn when_and_how_far(wall: Wall) -> String {
    let now = Timestamp::now();
    when_said(wall, now, TimeZone::system()) + &how_far(wall, now)
}

/// How far a time is from now, behind it: ", in 4 min", ", 2 h ago"; nothing if it is now.
fn how_far(wall: Wall, now: Timestamp) -> String {
    let seconds = (wall.0 - now.as_millisecond()) / 1_000;
    match seconds {
        1.. => format!(", in {}", about(seconds.unsigned_abs())),
        0 => String::new(),
        _ => format!(", {} ago", about(seconds.unsigned_abs())),
    }
}

fn when_said(wall: Wall, now: Timestamp, zone: TimeZone) -> String {
    let Ok(at) = Timestamp::from_millisecond(wall.0) else { return String::new() };
    let at = at.to_zoned_datetime(zone.clone());
    let today = now.to_zoned_datetime(zone).date();
    let is = |day: Result<jiff::civil::Date, jiff::Error>| day.is_ok_and(|day| day == at.date());
    let day = match () {
        () if at.date() == today => "",
        () if is(today.tomorrow()) => "tomorrow ",
        () if is(today.yesterday()) => "yesterday ",
        () => "%Y-%m-%d ",
    };
    at.strftime(&format!("{day}%H:%M:%S")).to_string()
}

/// A day and its time as a person here reads it.
pub fn day_and_time(wall: Wall) -> String {
    local(wall, "%Y-%m-%d %H:%M:%S")
}

fn local(wall: Wall, format: &str) -> String {
    match Timestamp::from_millisecond(wall.0) {
        Ok(time) => time.to_zoned_datetime(TimeZone::system()).strftime(format).to_string(),
        Err(_) => String::new(),
    }
}

/// The bytes of a path that is not UTF-8.
pub fn path_hex(path: &Path) -> Option<String> {
    let bytes = path.as_os_str().as_bytes();
    let exact = std::str::from_utf8(bytes).is_err();
    exact.then(|| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn reason(row: &Row) -> Option<String> {
    let moved = row.reason.as_ref().filter(|reason| reason.starts_with("moved to "));
    match (row.gone_at, moved) {
        (Some(_), Some(moved)) => Some(moved.clone()),
        (Some(at), None) => Some(format!("gone since {}", time(at))),
        (None, _) => row.reason.clone(),
    }
}

/// A cell of CSV (RFC 4180).
pub fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_a_z() {
        assert_eq!(time(Wall(1_700_000_000_005)), "2023-11-14T22:13:20.005Z");
    }

    #[test]
    fn a_time_of_another_day_says_which() {
        let now: Timestamp = "2026-11-28T23:30:00Z".parse().expect("a time");
        for (at, said) in [
            ("2026-11-28T23:40:00.500Z", "23:40:00"),
            ("2026-11-28T00:00:00Z", "00:00:00"),
            ("2026-11-29T00:30:00Z", "tomorrow 00:30:00"),
            ("2026-11-27T23:59:59Z", "yesterday 23:59:59"),
            ("2026-11-30T00:00:00Z", "2026-11-30 00:00:00"),
            ("2025-11-28T12:00:00Z", "2025-11-28 12:00:00"),
        ] {
            let at = parsed(at).expect("a time");
            assert_eq!(when_said(at, now, TimeZone::UTC), said);
        }
        // It is tomorrow already further east.
        let east = TimeZone::fixed(jiff::tz::offset(2));
        let at = parsed("2026-11-29T00:30:00Z").expect("a time");
        assert_eq!(when_said(at, now, east), "02:30:00");
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        assert_eq!(quoted("a"), "a");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
