//! What a run says: lines for a person, or one JSON object an event.

use serde_json::{Map, Value, json};

use crate::daemon::Said;
use crate::engine::Engine;
use crate::planner::{Notice, Paused, Wall};
use crate::text::{shell_word, shown};

use super::log::Severity;
use super::row::{self, RowFields, path_hex, time, time_of_day, when_and_how_far};
use super::session::remedy;

/// The event as a JSON object; none for what is no event.
pub fn json(said: Said<'_>, engine: &Engine, now: Wall) -> Option<Value> {
    let mut object = Map::new();
    object.insert("schema".into(), json!(1));
    object.insert("at".into(), json!(time(now)));
    let word = match said {
        Said::Idle => "idle",
        Said::Notice(notice) => word(notice)?,
    };
    object.insert("event".into(), json!(word));
    if let Said::Notice(notice) = said {
        add_path(notice, engine, &mut object);
        add_rest(notice, engine, &mut object);
    }
    Some(Value::Object(object))
}

/// The event's name, as programs know it.
fn word(notice: &Notice) -> Option<&'static str> {
    Some(match notice {
        Notice::Seen(_) => "seen",
        Notice::Waits { .. } | Notice::Moved { .. } | Notice::ErrandFailed { .. } => return None,
        Notice::Settled { .. } => "settled",
        Notice::Deduplicated { .. } => "deduplicated",
        Notice::Pushed { .. } | Notice::Missed { .. } | Notice::EventsUnreliable { .. } => {
            return None;
        }
        Notice::Uploading { .. } => "uploading",
        Notice::Uploaded { .. } => "uploaded",
        Notice::Retry { .. } => "retry",
        Notice::Unknown { .. } => "unknown",
        Notice::Failed { .. } => "failed",
        Notice::Held { .. } => "held",
        Notice::Ignored { .. } => "ignored",
        Notice::Gone(_) => "gone",
        Notice::Scanned { .. } => "scanned",
        Notice::FolderAway { .. } => "folder_away",
        Notice::FolderBack(_) => "folder_back",
        Notice::AccountStopped { .. } => "account_stopped",
        Notice::AccountResumed { .. } => "account_resumed",
        Notice::Paused(_) => "paused",
        Notice::Unpaused => "resumed",
    })
}

/// The path that a notice is about, with all that the ledger knows of it.
fn add_path(notice: &Notice, engine: &Engine, object: &mut Map<String, Value>) {
    let Some(path) = notice.path() else { return };
    object.insert("path".into(), json!(path.to_string_lossy()));
    if let Some(hex) = path_hex(path) {
        object.insert("path_hex".into(), json!(hex));
    }
    let Ok(Some(row)) = engine.ledger().row_of(path, true) else { return };
    let Ok(Value::Object(fields)) = serde_json::to_value(RowFields::of(&row)) else { return };
    let told = fields.into_iter().filter(|(key, value)| key != "schema" && !value.is_null());
    object.extend(told);
}

fn add_rest(notice: &Notice, engine: &Engine, object: &mut Map<String, Value>) {
    let mut put = |key: &str, value: Value| object.insert(key.into(), value);
    match notice {
        Notice::Uploaded { asset, .. } => {
            put("asset_id", json!(asset.asset_id));
            put("asset_url", json!(asset.url));
        }
        Notice::Deduplicated { asset_id, .. } => {
            put("asset_id", json!(asset_id));
        }
        Notice::Retry { at, reason, .. } => {
            put("next_try_at", json!(at.map(time)));
            put("reason", json!(reason));
        }
        Notice::Unknown { reason, .. }
        | Notice::Failed { reason, .. }
        | Notice::Held { reason, .. }
        | Notice::Ignored { reason, .. } => {
            put("reason", json!(reason));
        }
        Notice::FolderAway { folder, reason } => {
            put("path", json!(root(engine, *folder)));
            put("reason", json!(reason));
        }
        Notice::FolderBack(folder) => {
            put("path", json!(root(engine, *folder)));
        }
        Notice::Scanned { folder, incomplete } => {
            put("path", json!(root(engine, *folder)));
            put("reason", json!(incomplete));
        }
        Notice::AccountStopped { account, cause, until, reason } => {
            put("account", json!(account.and_then(|id| email(engine, id))));
            put("state", json!(cause.as_str()));
            put("until", json!(until.map(time)));
            put("reason", json!(reason));
        }
        Notice::AccountResumed { account } => {
            put("account", json!(account.and_then(|id| email(engine, id))));
        }
        Notice::Paused(Paused::Asked { until }) => {
            put("until", json!(until.map(time)));
        }
        Notice::Paused(Paused::While(condition)) => {
            put("reason", json!(condition.words()));
        }
        Notice::Unpaused
        | Notice::Seen(_)
        | Notice::Gone(_)
        | Notice::Waits { .. }
        | Notice::Settled { .. }
        | Notice::Pushed { .. }
        | Notice::Missed { .. }
        | Notice::EventsUnreliable { .. }
        | Notice::Moved { .. }
        | Notice::ErrandFailed { .. }
        | Notice::Uploading { .. } => {}
    }
}

/// The event as a line for a person; none for what would only be noise.
pub fn human(said: Said<'_>, engine: &Engine, now: Wall, source: &str) -> Option<String> {
    let words = words(said, engine, now, source)?;
    Some(match said {
        Said::Idle => words,
        Said::Notice(_) => format!("{} {words}", time_of_day(now)),
    })
}

/// The same as a record of the log, which has the time and needs no columns; what should be minded,
/// and the event's fields.
pub fn record(
    said: Said<'_>,
    engine: &Engine,
    now: Wall,
    source: &str,
) -> Option<(Severity, String, Map<String, Value>)> {
    let words = words(said, engine, now, source)?;
    let message = match words.split_once("  ") {
        Some((word, rest)) => format!("{word} {}", rest.trim_start()),
        None => words,
    };
    let severity = match said {
        Said::Notice(
            Notice::Failed { .. }
            | Notice::Held { .. }
            | Notice::FolderAway { .. }
            | Notice::AccountStopped { .. }
            | Notice::ErrandFailed { .. }
            | Notice::Scanned { .. },
        ) => Severity::Warning,
        Said::Idle | Said::Notice(_) => Severity::Info,
    };
    let fields = match json(said, engine, now) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    Some((severity, message, fields))
}

fn words(said: Said<'_>, engine: &Engine, now: Wall, source: &str) -> Option<String> {
    Some(match said {
        Said::Idle => format!("all done as of {}", time_of_day(now)),
        Said::Notice(notice) => match notice {
            Notice::Uploaded { path, asset, found, .. } => {
                let how = if *found { " (found in the list after a lost answer)" } else { "" };
                format!("uploaded  {} → {}{how}", shown(path), asset.asset_id)
            }
            Notice::Deduplicated { path, asset_id, .. } => {
                format!("known     {} → {asset_id}", shown(path))
            }
            Notice::Waits { path, reason } => format!("waits     {}: {reason}", shown(path)),
            Notice::Ignored { path, reason } => format!("ignored   {}: {reason}", shown(path)),
            Notice::Failed { path, reason } => format!("failed    {}: {reason}", shown(path)),
            Notice::Held { path, reason } => format!("held      {}: {reason}", shown(path)),
            Notice::Unknown { path, reason } => {
                format!("unknown   {}: {reason}; looking it up before anything else", shown(path))
            }
            Notice::Retry { path, at, reason } => match at {
                Some(at) => {
                    let at = when_and_how_far(*at);
                    format!("retry     {} at {at}: {reason}", shown(path))
                }
                None => format!("retry     {}: {reason}", shown(path)),
            },
            Notice::Moved { path, to } => match to {
                Some(to) => format!("moved     {} → {}", shown(path), shown(to)),
                None => format!("moved     {} → the trash", shown(path)),
            },
            Notice::ErrandFailed { path, kind, at, reason } => {
                let kind = kind.as_str();
                let next = match at {
                    Some(at) => format!("; next try {}", when_and_how_far(*at)),
                    None => format!("; given up\nhint: taxiway retry {}", shell_word(&**path)),
                };
                format!("{kind:<9} {}: {reason}{next}", shown(path))
            }
            Notice::FolderAway { reason, .. } => format!("away      {reason}"),
            Notice::FolderBack(folder) => format!("back      {}", root(engine, *folder)),
            Notice::Scanned { incomplete: Some(reason), .. } => format!("scanned   {reason}"),
            Notice::AccountStopped { account, cause, until, reason } => {
                let of = account.and_then(|id| email(engine, id));
                let of = of.map(|email| format!("{email}: ")).unwrap_or_default();
                let next = until.map(|at| format!("; next try {}", when_and_how_far(at)));
                let (_, hint) = remedy(*cause, source);
                format!("stopped   {of}{reason}{}\nhint: {hint}", next.unwrap_or_default())
            }
            Notice::AccountResumed { .. } | Notice::Unpaused => {
                "resumed   uploads go on".to_owned()
            }
            Notice::Paused(Paused::While(condition)) => {
                format!("paused    {}: it goes on by itself", condition.words())
            }
            Notice::Paused(paused) => format!("paused    {}", row::paused(*paused)),
            Notice::Seen(_)
            | Notice::Gone(_)
            | Notice::Settled { .. }
            | Notice::Pushed { .. }
            | Notice::Uploading { .. }
            | Notice::Missed { .. }
            | Notice::EventsUnreliable { .. }
            | Notice::Scanned { incomplete: None, .. } => return None,
        },
    })
}

fn root(engine: &Engine, folder: crate::planner::FolderId) -> String {
    let root = engine.ledger().root_of(folder).ok().flatten();
    root.map_or_else(String::new, |root| root.to_string_lossy().into_owned())
}

fn email(engine: &Engine, account: crate::planner::AccountId) -> Option<String> {
    let accounts = engine.ledger().accounts().ok()?;
    accounts.into_iter().find(|(id, _)| *id == account).and_then(|(_, email)| email)
}
