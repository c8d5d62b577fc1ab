//! The name under which an asset is sent: what the folder's template makes of a path.
//!
//! Owns:
//! - a name that is sent is never empty, is in NFC, and has U+FFFD for what is no text.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use unicode_normalization::UnicodeNormalization;

use crate::config::{Config, NameTemplate};
use crate::planner::ContentHash;

/// How many hex digits of the hash `{hash8}` stands for.
const SHORT_HASH: usize = 8;

/// The templates of all folders.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Roots and their templates, the deepest root first.
    folders: Vec<(PathBuf, NameTemplate)>,
}

impl Names {
    /// The templates of a configuration.
    pub fn of(config: &Config) -> Names {
        let folders = config.folders.iter();
        let mut folders: Vec<_> =
            folders.map(|folder| (folder.root.clone(), folder.name.clone())).collect();
        folders.sort_by_key(|(root, _)| std::cmp::Reverse(root.components().count()));
        Names { folders }
    }

    /// The name for a file. A path outside of the folders gives its own. None if the name depends
    /// on the content and `hash` is not known.
    pub fn name(&self, path: &Path, hash: Option<&ContentHash>) -> Option<String> {
        let Some((root, template)) = self.folders.iter().find(|(root, _)| path.starts_with(root))
        else {
            return Some(sent_name(path));
        };
        let name = expand(template, path, root, hash)?;
        Some(if name.is_empty() { sent_name(path) } else { name })
    }
}

/// The name that an asset gets from a file: in NFC, with U+FFFD for what is no text.
pub fn sent_name(path: &Path) -> String {
    sendable(&text_of(path.file_name()))
}

fn expand(
    template: &NameTemplate,
    path: &Path,
    root: &Path,
    hash: Option<&ContentHash>,
) -> Option<String> {
    let mut name = String::new();
    let mut rest = template.as_str();
    while let Some((before, (placeholder, after))) =
        rest.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    {
        name.push_str(before);
        match placeholder {
            "stem" => name.push_str(&text_of(path.file_stem())),
            "ext" => name.push_str(&text_of(path.extension())),
            "relative_path" => {
                let relative = path.strip_prefix(root).unwrap_or(path);
                name.push_str(&relative.to_string_lossy());
            }
            "hash8" => name.extend(hash?.to_string().chars().take(SHORT_HASH)),
            // The configuration takes no other, and `file_name` is the one that is left.
            _ => name.push_str(&text_of(path.file_name())),
        }
        rest = after;
    }
    name.push_str(rest);
    Some(sendable(&name))
}

fn text_of(part: Option<&OsStr>) -> String {
    part.unwrap_or_default().to_string_lossy().into_owned()
}

fn sendable(name: &str) -> String {
    let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    name.chars().map(plain).nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    fn names(template: &str) -> Names {
        let template = template.parse().expect("a template");
        let inner = "{stem}".parse().expect("a template");
        Names { folders: vec![("/x/inner".into(), inner), ("/x".into(), template)] }
    }

    #[test]
    fn a_name_is_sent_composed_and_without_controls() {
        let name = |bytes: &[u8]| sent_name(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(name("/x/cafe\u{301}.png".as_bytes()), "caf\u{e9}.png");
        assert_eq!(name(b"/x/a\nb\xFF.png"), "a\u{FFFD}b\u{FFFD}.png");
    }

    #[test]
    fn each_placeholder_stands_for_its_part() {
        let hash = ContentHash([0xab; 32]);
        let table = [
            ("{file_name}", "/x/a/cat.v2.png", "cat.v2.png"),
            ("{stem}", "/x/a/cat.v2.png", "cat.v2"),
            ("{ext}", "/x/a/cat.v2.png", "png"),
            ("{relative_path}", "/x/a/cat.png", "a/cat.png"),
            ("{relative_path}", "/x/cat.png", "cat.png"),
            ("{stem}-{hash8}.{ext}", "/x/cat.png", "cat-abababab.png"),
            ("shoot 7: {file_name}", "/x/cat.png", "shoot 7: cat.png"),
            ("{stem}", "/x/cafe\u{301}.png", "caf\u{e9}"),
            ("{file_name}", "/x/{stem}.png", "{stem}.png"),
            // Nothing is no name.
            ("{ext}", "/x/README", "README"),
            ("{stem}", "/x/.png", ".png"),
        ];
        for (template, path, expected) in table {
            let name = names(template).name(Path::new(path), Some(&hash));
            assert_eq!(name.as_deref(), Some(expected), "{template} {path}");
        }
    }

    #[test]
    fn the_deepest_folder_names_and_a_path_outside_keeps_its_own() {
        let names = names("x {file_name}");
        let name = |path: &str| names.name(Path::new(path), None);
        assert_eq!(name("/x/inner/cat.png").as_deref(), Some("cat"));
        assert_eq!(name("/x/cat.png").as_deref(), Some("x cat.png"));
        assert_eq!(name("/y/cat.png").as_deref(), Some("cat.png"));
    }

    #[test]
    fn a_name_that_depends_on_the_content_is_not_known_before_it() {
        assert_eq!(names("{hash8}").name(Path::new("/x/cat.png"), None), None);
    }
}
