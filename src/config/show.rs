//! Renders the effective values with the origin of each: as TOML, and as JSON.
//!
//! Owns: the TOML is itself a configuration, and loading it gives the same values (as far as TOML
//! can carry them: a path that is not UTF-8 is shown with U+FFFD).

use std::fmt::Write;
use std::num::NonZeroU64;
use std::path::Path;

use serde_json::json;
use toml::Value;

use super::keys::Table;
use super::load::Loaded;
use super::origin::{Origin, Origins};
use super::types::{AfterUpload, Choice, Incomplete, SendFacts, duration_text, size_text};
use super::{Api, Control, Folder, Log};
use crate::planner::Conditions;
use crate::text::shown;

/// A key and its value; `None`: not set.
pub(super) type Row = (&'static str, Option<Value>);

/// Where the comments stand, unless a value is longer.
const COMMENT_COLUMN: usize = 40;

/// The configuration as TOML, each value with its origin as a comment behind it.
pub fn show_toml(loaded: &Loaded) -> String {
    let absent = if loaded.file.exists { "" } else { ", which does not exist" };
    let mut text = format!(
        "# file: {}{absent} ({})\n# state directory: {} ({})\n",
        shown(&loaded.file.path),
        loaded.file.from,
        shown(&loaded.config.state_dir),
        loaded.state_dir
    );
    for (table, rows, origins) in tables(loaded) {
        _ = writeln!(text, "\n{table}");
        let lines: Vec<(String, String)> = rows
            .into_iter()
            .map(|(key, value)| match value {
                Some(value) => (format!("{key} = {}", inline(&value)), origins.of(key).to_string()),
                None => (format!("# {key}"), "not set".to_owned()),
            })
            .collect();
        for (line, origin) in lines {
            _ = writeln!(text, "{line:COMMENT_COLUMN$}  # {origin}");
        }
    }
    text
}

/// The configuration as JSON: `{"schema":1, "file":{…}, "state_dir":{"value","from"},
/// "api":{KEY:{"value","from"}}, "control":{…}, "log":{…}, "folders":[{…}]}`; what is not set is null.
pub fn show_json(loaded: &Loaded) -> serde_json::Value {
    let mut document = json!({
        "schema": 1,
        "file": {
            "path": loaded.file.path.to_string_lossy(),
            "exists": loaded.file.exists,
            "from": origin_json(&loaded.file.from),
        },
        "state_dir": {
            "value": loaded.config.state_dir.to_string_lossy(),
            "from": origin_json(&loaded.state_dir),
        },
    });
    let mut folders = Vec::new();
    for (table, rows, origins) in tables(loaded) {
        let mut object = serde_json::Map::new();
        for (key, value) in rows {
            let from = origin_json(&origins.of(key));
            object.insert(key.to_owned(), json!({ "value": value, "from": from }));
        }
        match table {
            Table::Folder => folders.push(object),
            table => document[table.name()] = object.into(),
        }
    }
    document["folders"] = json!(folders);
    document
}

fn tables(loaded: &Loaded) -> Vec<(Table, Vec<Row>, &Origins)> {
    let config = &loaded.config;
    let mut tables = vec![
        (Table::Api, api(&config.api), &loaded.api),
        (Table::Control, control(&config.control), &loaded.control),
        (Table::Log, log(config.log), &loaded.log),
    ];
    for (settings, origins) in config.folders.iter().zip(&loaded.folders) {
        tables.push((Table::Folder, folder(settings), origins));
    }
    tables
}

pub(super) fn api(api: &Api) -> Vec<Row> {
    let per_second = |limit: NonZeroU64| format!("{}/s", size_text(limit.get()));
    vec![
        ("base_url", text(api.base_url.as_str())),
        ("email", api.email.as_ref().and_then(|email| text(email.as_str()))),
        ("token_file", path(&api.token_file)),
        ("concurrency", i64::try_from(api.concurrency).ok().map(Value::Integer)),
        ("rate_limit", api.rate_limit_bytes.and_then(|limit| text(&per_second(limit)))),
        ("connect_timeout", text(&duration_text(api.connect_timeout))),
        ("stall_timeout", text(&duration_text(api.stall_timeout))),
        ("answer_timeout", text(&duration_text(api.answer_timeout))),
        ("max_file_size", api.max_file_size_bytes.and_then(|size| text(&size_text(size.get())))),
        ("send", list(&facts(api.send))),
        ("pause_on", list(&conditions(api.pause_on))),
        ("ca_file", api.ca_file.as_deref().and_then(path)),
    ]
}

pub(super) fn control(control: &Control) -> Vec<Row> {
    let listen = control.listen.map(|address| address.to_string());
    let url = control.heartbeat_url.as_ref();
    vec![
        ("listen", listen.and_then(|address| text(&address))),
        ("heartbeat_url", url.and_then(|url| text(url.as_str()))),
        ("heartbeat_interval", text(&duration_text(control.heartbeat_interval))),
    ]
}

pub(super) fn log(log: Log) -> Vec<Row> {
    vec![("format", text(log.format.word())), ("level", text(log.level.word()))]
}

pub(super) fn folder(folder: &Folder) -> Vec<Row> {
    let command = |words: &Vec<String>| (!words.is_empty()).then(|| list(words)).flatten();
    vec![
        ("path", path(&folder.path)),
        ("email", folder.email.as_ref().and_then(|email| text(email.as_str()))),
        ("recursive", Some(Value::Boolean(folder.recursive))),
        ("include", list(&folder.include)),
        ("exclude", list(&folder.exclude)),
        ("hidden", Some(Value::Boolean(folder.hidden))),
        ("follow_symlinks", Some(Value::Boolean(folder.follow_symlinks))),
        ("existing", text(folder.existing.word())),
        ("settle", text(&duration_text(folder.settle))),
        ("incomplete", text(&incomplete(folder.incomplete))),
        ("mode", text(folder.mode.word())),
        ("poll_interval", text(&duration_text(folder.poll_interval))),
        ("rescan_interval", text(&duration_text(folder.rescan_interval))),
        ("name", text(folder.name.as_str())),
        ("on_change", text(folder.on_change.word())),
        ("after_upload", text(&after_upload(&folder.after_upload))),
        ("sidecar", Some(Value::Boolean(folder.sidecar))),
        ("on_uploaded", command(&folder.on_uploaded)),
        ("on_failed", command(&folder.on_failed)),
    ]
}

fn conditions(conditions: Conditions) -> Vec<String> {
    conditions.iter().map(|condition| condition.as_str().to_owned()).collect()
}

fn facts(send: SendFacts) -> Vec<String> {
    let all = [("width", send.width), ("height", send.height), ("duration", send.duration)];
    all.into_iter().filter(|(_, sent)| *sent).map(|(fact, _)| fact.to_owned()).collect()
}

fn incomplete(incomplete: Incomplete) -> String {
    match incomplete {
        Incomplete::FailAfter(duration) => duration_text(duration),
        Incomplete::SendAfter(_) => "send".to_owned(),
    }
}

fn after_upload(after_upload: &AfterUpload) -> String {
    match after_upload {
        AfterUpload::Keep => "keep".to_owned(),
        AfterUpload::Trash => "trash".to_owned(),
        AfterUpload::Move(directory) => format!("move:{}", directory.to_string_lossy()),
    }
}

fn text(text: &str) -> Option<Value> {
    Some(Value::String(text.to_owned()))
}

fn path(path: &Path) -> Option<Value> {
    text(&path.to_string_lossy())
}

fn list(texts: &[String]) -> Option<Value> {
    let texts = texts.iter().map(|text| Value::String(text.clone()));
    Some(Value::Array(texts.collect()))
}

/// A value on one line; strings with line breaks are escaped as JSON does, which TOML reads too.
pub(super) fn inline(value: &Value) -> String {
    match value {
        Value::String(text) if text.contains(char::is_control) => {
            let escaped = json!(text).to_string();
            // The one control that JSON may leave as it is and TOML may not.
            escaped.replace('\u{7f}', "\\u007f")
        }
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(inline).collect();
            format!("[{}]", elements.join(", "))
        }
        other => other.to_string(),
    }
}

fn origin_json(origin: &Origin) -> serde_json::Value {
    match origin {
        Origin::Default => json!({ "kind": "default" }),
        Origin::File { path, line } => {
            json!({ "kind": "file", "file": path.to_string_lossy(), "line": line })
        }
        Origin::Environment(name) => json!({ "kind": "environment", "variable": name }),
        Origin::Flag(flag) => json!({ "kind": "flag", "flag": flag }),
        Origin::Argument => json!({ "kind": "argument" }),
    }
}
