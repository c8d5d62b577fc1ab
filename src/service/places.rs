//! Where an installed service has its things, read back from what an installation wrote.
//!
//! Owns: what is not understood whole is not taken for nothing.

use std::path::PathBuf;

use crate::config::{BASE_URL_VARIABLE, CONFIG_VARIABLE, STATE_DIR_VARIABLE};

/// The variables that say so.
const NAMES: [&str; 3] = [CONFIG_VARIABLE, STATE_DIR_VARIABLE, BASE_URL_VARIABLE];

/// Variables that say where a service has its things.
pub type Places = Vec<(&'static str, PathBuf)>;

/// The variables of a drop-in as [`super::places_file`] writes it; `None` if only systemd knows what
/// it means.
pub fn places_of(drop_in: &str) -> Option<Places> {
    let mut places = Places::new();
    for line in drop_in.lines().map(str::trim) {
        if line.starts_with(['#', ';', '[']) {
            continue;
        }
        if line.ends_with('\\') {
            return None;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        if key.trim_end() != "Environment" {
            continue;
        }
        if value.trim().is_empty() {
            places.clear();
        }
        for word in words(value)? {
            let Some((name, value)) = word.split_once('=') else { continue };
            let plain = value.replace("%%", "");
            if plain.contains('%') && NAMES.contains(&name) {
                return None;
            }
            set(&mut places, name, value.replace("%%", "%"));
        }
    }
    Some(places)
}

/// The variables of an agent as [`super::agent`] writes it; `None` if it has others' writing.
pub fn places_of_agent(agent: &str) -> Option<Places> {
    let mut places = Places::new();
    let Some((_, table)) = agent.split_once("<key>EnvironmentVariables</key>") else {
        return Some(places);
    };
    let (table, _) = table.trim_start().strip_prefix("<dict>")?.split_once("</dict>")?;
    let mut rest = table.trim();
    while !rest.is_empty() {
        let (name, after) = rest.strip_prefix("<key>")?.split_once("</key>")?;
        let (value, after) =
            after.trim_start().strip_prefix("<string>")?.split_once("</string>")?;
        let value = value.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        set(&mut places, name, value);
        rest = after.trim_start();
    }
    Some(places)
}

/// The last one holds.
fn set(places: &mut Places, name: &str, value: String) {
    let Some(name) = NAMES.into_iter().find(|known| *known == name) else { return };
    places.retain(|(other, _)| *other != name);
    places.push((name, PathBuf::from(value)));
}

/// The words of a setting, without their quotes (systemd.syntax(7)).
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', _) => match chars.next() {
                Some(c @ ('\\' | '"' | '\'')) => word.get_or_insert_default().push(c),
                _ => return None,
            },
            (c, Some(open)) if c == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}
