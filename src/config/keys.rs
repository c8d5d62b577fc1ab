//! The keys of the configuration: their names, and how each is written.
//!
//! Owns: a key is known if and only if it stands here.

use std::fmt;

/// A table of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// `[api]`
    Api,
    /// `[control]`
    Control,
    /// `[[folder]]`
    Folder,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Table::Api => "[api]",
            Table::Control => "[control]",
            Table::Folder => "[[folder]]",
        })
    }
}

impl Table {
    pub(super) const ALL: [Table; 3] = [Table::Api, Table::Control, Table::Folder];

    /// The name without brackets.
    pub(super) fn name(self) -> &'static str {
        match self {
            Table::Api => "api",
            Table::Control => "control",
            Table::Folder => "folder",
        }
    }

    /// The keys of the table, each with a value to show in a hint.
    pub(super) fn keys(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Table::Api => API,
            Table::Control => CONTROL,
            Table::Folder => FOLDER,
        }
    }
}

const API: &[(&str, &str)] = &[
    ("base_url", r#""https://api.useapi.net/v1/runwayml""#),
    ("email", r#""me@example.com""#),
    ("token_file", r#""token""#),
    ("concurrency", "4"),
    ("rate_limit", r#""8MB/s""#),
    ("connect_timeout", r#""10s""#),
    ("stall_timeout", r#""60s""#),
    ("answer_timeout", r#""10min""#),
    ("max_file_size", r#""2GB""#),
    ("send", r#"["width", "height"]"#),
    ("ca_file", r#""/etc/ssl/own.pem""#),
];

const CONTROL: &[(&str, &str)] = &[("listen", r#""127.0.0.1:7447""#)];

const FOLDER: &[(&str, &str)] = &[
    ("path", r#""~/Runway""#),
    ("email", r#""me@example.com""#),
    ("recursive", "true"),
    ("include", r#"["*.png"]"#),
    ("exclude", r#"["drafts/"]"#),
    ("hidden", "false"),
    ("follow_symlinks", "false"),
    ("existing", r#""upload""#),
    ("settle", r#""2s""#),
    ("incomplete", r#""10min""#),
    ("mode", r#""auto""#),
    ("poll_interval", r#""30s""#),
    ("rescan_interval", r#""15min""#),
    ("name", r#""{file_name}""#),
    ("on_change", r#""upload""#),
    ("after_upload", r#""keep""#),
    ("sidecar", "false"),
    ("on_uploaded", r#"["notify-send", "uploaded", "{asset_id}"]"#),
    ("on_failed", r#"["notify-send", "failed"]"#),
];

/// What to do about an unknown key of a table (`None`: outside of all tables).
pub(super) fn hint_for_unknown(table: Option<Table>, key: &str) -> String {
    let own: Vec<&str> = match table {
        Some(table) => table.keys().iter().map(|(name, _)| *name).collect(),
        None => Table::ALL.iter().map(|table| table.name()).collect(),
    };
    if let Some(near) = nearest(key, &own) {
        return match table {
            Some(_) => format!("did you mean `{near}`?"),
            None => {
                let meant = Table::ALL.iter().find(|table| table.name() == near);
                meant.map_or(String::new(), |table| format!("did you mean {table}?"))
            }
        };
    }
    let elsewhere =
        Table::ALL.iter().find(|other| other.keys().iter().any(|(name, _)| *name == key));
    match (elsewhere, table) {
        (Some(other), _) => format!("put `{key}` under {other}"),
        (None, Some(table)) => format!("the keys of {table} are {}", own.join(", ")),
        (None, None) => "the tables are [api], [control] and [[folder]]".to_owned(),
    }
}

/// The known word that is so near that it was probably meant.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase().replace('-', "_");
    let near = known.iter().map(|known| (distance(&word, known), *known));
    let most = (word.chars().count() / 3).clamp(1, 3);
    let nearest = near.min_by_key(|(distance, _)| *distance);
    nearest.filter(|(distance, _)| *distance <= most).map(|(_, known)| known)
}

/// How many letters must be added, dropped or replaced to make one word the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_letters() {
        let table = [
            ("", "", 0),
            ("abc", "abc", 0),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("setle", "settle", 1),
            ("emial", "email", 2),
        ];
        for (one, other, expected) in table {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }
}
