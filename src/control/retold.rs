//! A history read back from the object that a daemon tells of it: [`history_json`](super::history_json),
//! the other way round.
//!
//! Owns: what a person is shown of it is the same as from the ledger itself.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use serde_json::Value;

use super::why::Next;
use crate::ledger::{Attempt, Decision, FormerAsset, History, OwedRow, Row, State};
use crate::planner::{ContentHash, ErrandKind, FolderId, Wall};
use crate::row::parsed;

/// The history and what comes next; none if it is no such object.
pub fn retold(text: &str) -> Option<(History, Next)> {
    let object: Value = serde_json::from_str(text).ok()?;
    let list = |key: &str| object[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let history = History {
        now: row(&object)?,
        folder: words(&object, "folder").map(PathBuf::from),
        // It says no more than `next` and `commands` do.
        failed_itself: false,
        decisions: list("decisions").iter().map(decision).collect::<Option<_>>()?,
        attempts: list("tries").iter().map(attempt).collect::<Option<_>>()?,
        copies: list("copies").iter().map(row).collect::<Option<_>>()?,
        former: list("forgotten").iter().map(former).collect::<Option<_>>()?,
        owed: list("errands").iter().map(owed).collect::<Option<_>>()?,
    };
    let commands = list("commands").iter().filter_map(Value::as_str).map(str::to_owned);
    let next = Next { words: words(&object, "next")?, commands: commands.collect() };
    Some((history, next))
}

fn row(of: &Value) -> Option<Row> {
    let word = words(of, "state")?;
    let small = |key: &str| of[key].as_u64().and_then(|number| u32::try_from(number).ok());
    Some(Row {
        id: 0,
        path: path(of)?,
        folder: FolderId(0),
        state: State::ALL.into_iter().find(|state| state.as_str() == word)?,
        account: words(of, "account"),
        hash: words(of, "hash").and_then(|hash| ContentHash::parse(&hash)),
        size: of["size"].as_u64().unwrap_or(0),
        media_type: words(of, "media_type"),
        width: small("width"),
        height: small("height"),
        duration_ms: of["duration"].as_f64().map(|seconds| (seconds * 1_000.0).round() as u64),
        asset_id: words(of, "asset_id"),
        asset_url: words(of, "asset_url"),
        name: words(of, "name"),
        seen_at: time(of, "seen_at")?,
        uploaded_at: time(of, "uploaded_at"),
        attempts: small("attempts").unwrap_or(0),
        next_try_at: time(of, "next_try_at"),
        reason: words(of, "reason"),
        gone_at: time(of, "gone_at"),
    })
}

fn decision(of: &Value) -> Option<Decision> {
    let (kind, detail) = (words(of, "decision")?, words(of, "detail")?);
    Some(Decision { at: time(of, "at")?, kind, detail })
}

fn attempt(of: &Value) -> Option<Attempt> {
    Some(Attempt {
        path: path(of)?,
        current: of["of_content_now"].as_bool()?,
        account: words(of, "account"),
        name: words(of, "name")?,
        opened_at: time(of, "began_at")?,
        sent_at: time(of, "sent_at"),
        took_ms: None,
        looks: of["looks"].as_u64().and_then(|looks| u32::try_from(looks).ok()).unwrap_or(0),
        status: of["status"].as_u64().and_then(|status| u16::try_from(status).ok()),
        detail: words(of, "detail"),
        outcome: words(of, "outcome"),
        ended_at: time(of, "ended_at"),
    })
}

fn former(of: &Value) -> Option<FormerAsset> {
    Some(FormerAsset {
        asset_id: words(of, "asset_id")?,
        name: words(of, "name")?,
        uploaded_at: time(of, "uploaded_at")?,
        forgotten_at: time(of, "forgotten_at")?,
    })
}

fn owed(of: &Value) -> Option<OwedRow> {
    Some(OwedRow {
        kind: ErrandKind::parse(of["errand"].as_str()?)?,
        owed_at: time(of, "owed_at")?,
        tries: of["failures"].as_u64().and_then(|tries| u32::try_from(tries).ok())?,
        next_try_at: time(of, "next_try_at"),
        outcome: words(of, "outcome"),
        detail: words(of, "detail"),
        ended_at: time(of, "ended_at"),
        stale: false,
    })
}

fn words(of: &Value, key: &str) -> Option<String> {
    of[key].as_str().map(str::to_owned)
}

fn time(of: &Value, key: &str) -> Option<Wall> {
    of[key].as_str().and_then(parsed)
}

fn path(of: &Value) -> Option<PathBuf> {
    let Some(hex) = of["path_hex"].as_str() else { return words(of, "path").map(PathBuf::from) };
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    let bytes = digits.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect::<Option<_>>()?;
    Some(PathBuf::from(OsString::from_vec(bytes)))
}
