//! The reference of the configuration: a page that is made from the keys themselves, from what
//! each refuses, and from the defaults.
//!
//! `TAXIWAY_BLESS=1 cargo test --lib reference` rewrites it.

use std::fmt::Write as _;

use super::super::keys::Key;
use super::*;

const HEAD: &str = "\
# Configuration

`config.toml` lies where `taxiway config path` says: in `~/.config/taxiway` on Linux, in
`~/Library/Application Support/taxiway` on macOS. `--config FILE`, or the variable `TAXIWAY_CONFIG`,
names another. Without a file the defaults hold, and `taxiway run DIR…`, `push` and `id` work.

A value is what the last of these says: default, file, environment, flag. `taxiway config show`
prints the values that hold and where each comes from, and `taxiway config check` whether the file
is sound. What is not known is an error that names file, line and the nearest known key.
[packaging/config.example.toml](../packaging/config.example.toml) is a file with every key to start
from.

**When a change applies.** A running taxiway takes a changed file over when it is told
`taxiway reload`, which checks it first and keeps the old one if it is not sound; otherwise it is read
at the next start. Only another `base_url` always needs a new start, and a changed `token_file` is
noticed by itself.

**How values are written.** Times: `\"90s\"`, `\"10min\"`, `\"1h 30min\"`. Sizes: `\"2GB\"` (10⁹ bytes
each), `\"512MiB\"` (2²⁰ each); speeds: `\"8MB/s\"`. Paths are absolute, begin with `~/`, or are
relative to the file.

This page is made from the definitions of the program by a test.
";

/// What a table is for.
fn about(table: Table) -> &'static str {
    match table {
        Table::Api => "How to talk to the API.",
        Table::Control => "How others talk to the daemon.",
        Table::Log => "What a running daemon writes, and how.",
        Table::Folder => {
            "A watched directory. The table may be there any number of times; `taxiway run DIR…` \
             stands in for all of them."
        }
    }
}

/// What a key must be, as its refusal says.
fn expected(table: Table, key: &Key) -> &'static str {
    let path = if table == Table::Folder && key.name != "path" { "path = \"/x\"\n" } else { "" };
    let header = if table == Table::Folder { "[[folder]]" } else { &format!("[{}]", table.name()) };
    // Nothing is a date.
    let world = World::with(&format!("{header}\n{path}{} = 1979-05-27\n", key.name));
    match Config::load(&world.sources) {
        Err(ConfigError::Value(wrong)) => wrong.expected,
        other => panic!("{}: {other:?}", key.name),
    }
}

/// The value that holds where nothing is set, as it is written.
fn default(world: &World, table: Table, key: &Key) -> Option<String> {
    let shown = show_json(&world.load());
    let values = match table {
        Table::Folder => &shown["folders"][0],
        table => &shown[table.name()],
    };
    let value = &values[key.name]["value"];
    // Those are where the configuration is.
    let beside = format!("{}/", world.file().parent().unwrap().display());
    match (key.name, value) {
        ("path", _) | (_, serde_json::Value::Null) => None,
        (_, serde_json::Value::Array(list)) => {
            let list: Vec<String> = list.iter().map(ToString::to_string).collect();
            Some(format!("[{}]", list.join(", ")))
        }
        (_, value) => Some(value.to_string().replace(&beside, "")),
    }
}

fn page() -> String {
    let world = World::with("[[folder]]\npath = \"~/Runway\"\n");
    let mut page = HEAD.to_owned();
    for table in Table::ALL {
        _ = write!(page, "\n## `{table}`\n\n{}\n", about(table));
        for key in table.keys() {
            let name = key.name;
            let default = default(&world, table, key);
            let example = match &default {
                Some(default) if *default == key.example => String::new(),
                _ => format!("; for example `{name} = {}`", key.example),
            };
            let default = match (default, name) {
                (Some(default), _) => format!("default `{default}`"),
                (None, "path") => "has to be set".to_owned(),
                (None, _) => "not set by default".to_owned(),
            };
            _ = write!(
                page,
                "\n### `{name}`\n\n{}; {default}{example}.\n\n{}\n",
                expected(table, key),
                key.meaning
            );
        }
    }
    page
}

#[test]
fn the_reference_of_the_configuration_says_what_the_program_does() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    let page = page();
    if std::env::var_os("TAXIWAY_BLESS").is_some() {
        fs::write(path, &page).unwrap();
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(written, page, "TAXIWAY_BLESS=1 rewrites it");
}

#[test]
fn each_example_of_a_key_is_a_value_that_it_takes() {
    for table in Table::ALL {
        for key in table.keys() {
            let text = match table {
                Table::Folder if key.name == "path" => {
                    format!("[[folder]]\npath = {}\n", key.example)
                }
                Table::Folder => {
                    format!("[[folder]]\npath = \"/x\"\n{} = {}\n", key.name, key.example)
                }
                table => format!("[{}]\n{} = {}\n", table.name(), key.name, key.example),
            };
            World::with(&text).load();
        }
    }
}
