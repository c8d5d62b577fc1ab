//! What an edit of the configuration comes to, in the words of the file.

use super::show::{Row, api, control, folder, inline, log};
use super::{Config, Folder};
use crate::text::shown;

/// What differs between two configurations, a line each; nothing if they are the same.
pub fn changes(before: &Config, now: &Config) -> Vec<String> {
    let tables = [
        ("[api]", api(&before.api), api(&now.api)),
        ("[control]", control(&before.control), control(&now.control)),
        ("[log]", log(before.log), log(now.log)),
    ];
    let mut lines: Vec<String> =
        tables.iter().filter_map(|(name, before, now)| edited(name, before, now)).collect();
    let at = |folders: &[Folder], root| folders.iter().position(|folder| folder.root == root);
    for new in &now.folders {
        let name = format!("folder {}", shown(&new.root));
        lines.extend(match at(&before.folders, new.root.clone()) {
            None => Some(format!("{name} added")),
            Some(old) => edited(&name, &folder(&before.folders[old]), &folder(new)),
        });
    }
    let removed = before.folders.iter().filter(|old| at(&now.folders, old.root.clone()).is_none());
    lines.extend(removed.map(|old| format!("folder {} removed", shown(&old.root))));
    lines
}

/// `[api] rate_limit = "8MB/s", send = []`.
fn edited(name: &str, before: &[Row], now: &[Row]) -> Option<String> {
    let differing = before.iter().zip(now).filter(|(before, now)| before != now);
    let words: Vec<String> = differing
        .map(|(_, (key, value))| match value {
            // Often as good as a password, and this goes into the log.
            Some(_) if *key == "heartbeat_url" => format!("{key} = …"),
            Some(value) => format!("{key} = {}", inline(value)),
            None => format!("{key} not set any more"),
        })
        .collect();
    (!words.is_empty()).then(|| format!("{name}: {}", words.join(", ")))
}
