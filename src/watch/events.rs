//! What an event of the system means to a folder.
//!
//! Owns:
//! - an event that does not tell what it is about makes us look, never guess;
//! - a changed ignore file touches everything its rules are about.

use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind, RenameMode};
use notify::{ErrorKind, Event, EventKind};

use super::{Hint, Sign, Watched};
use crate::planner::filter::IGNORE_FILE;
use crate::text::{escaped, reason, shown};

/// What has happened to one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Nothing,
    Sign(Sign),
    NewDirectory,
    Gone,
    /// A rename from here or to here.
    Either,
}

/// Turns an event into hints.
pub(super) fn hints(watched: &Watched, event: Event, push: &mut dyn FnMut(Hint)) {
    // Lost events come without a path, so this is asked before the paths are.
    if event.need_rescan() {
        push(Hint::Owed {
            folder: watched.folder,
            reason: "the system lost events: there were too many at once".to_owned(),
        });
        return;
    }
    let (first, others) = changes(&event.kind);
    for (at, path) in event.paths.into_iter().enumerate() {
        let change = if at == 0 { first } else { others };
        hint(watched, change, path, push);
    }
}

/// An error of the system's watcher, in words.
pub(super) fn words(error: &notify::Error) -> String {
    let what = match &error.kind {
        ErrorKind::Io(error) => reason(error),
        ErrorKind::Generic(text) => escaped(text),
        ErrorKind::PathNotFound => "it is not there".to_owned(),
        ErrorKind::MaxFilesWatch => "too few watches".to_owned(),
        ErrorKind::WatchNotFound | ErrorKind::InvalidConfig(_) => {
            escaped(&error.to_string().to_lowercase())
        }
    };
    match error.paths.first() {
        Some(path) => format!("{} cannot be watched: {what}", shown(path)),
        None => format!("watching failed: {what}"),
    }
}

/// What an event says of its first path, and of the others.
fn changes(kind: &EventKind) -> (Change, Change) {
    let both = |change| (change, change);
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => both(Change::Sign(Sign::Closed)),
        EventKind::Access(_) => both(Change::Nothing),
        EventKind::Create(CreateKind::Folder) => both(Change::NewDirectory),
        EventKind::Modify(ModifyKind::Metadata(_)) => both(Change::Sign(Sign::Attributes)),
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) => both(Change::Gone),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => both(Change::Sign(Sign::Renamed)),
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => {
            (Change::Gone, Change::Sign(Sign::Renamed))
        }
        EventKind::Modify(ModifyKind::Name(RenameMode::Any | RenameMode::Other)) => {
            both(Change::Either)
        }
        // A file takes nothing with it, so a look will do.
        EventKind::Remove(RemoveKind::File) => both(Change::Sign(Sign::Changed)),
        EventKind::Remove(RemoveKind::Folder | RemoveKind::Any | RemoveKind::Other) => {
            both(Change::Gone)
        }
        EventKind::Create(CreateKind::Any | CreateKind::File | CreateKind::Other)
        | EventKind::Modify(ModifyKind::Any | ModifyKind::Data(_) | ModifyKind::Other)
        | EventKind::Any
        | EventKind::Other => both(Change::Sign(Sign::Changed)),
    }
}

fn hint(watched: &Watched, change: Change, path: PathBuf, push: &mut dyn FnMut(Hint)) {
    let folder = watched.folder;
    if change == Change::Nothing || !is_ours(watched, &path) {
        return;
    }
    if path == watched.path {
        push(match change {
            Change::Gone | Change::Either => Hint::RootGone { folder },
            Change::Nothing | Change::Sign(_) | Change::NewDirectory => {
                Hint::Subtree { folder, path }
            }
        });
        return;
    }
    if path.file_name().is_some_and(|name| name == IGNORE_FILE)
        && let Some(directory) = path.parent()
    {
        let path = directory.to_owned();
        push(Hint::Subtree { folder, path });
        return;
    }
    match change {
        Change::Nothing => {}
        Change::Sign(sign) => push(Hint::Touched { folder, path, sign }),
        Change::NewDirectory => push(Hint::Subtree { folder, path }),
        Change::Gone => push(Hint::Gone { folder, path }),
        Change::Either => {
            let sign = Sign::Renamed;
            let touched = path.clone();
            push(Hint::Gone { folder, path });
            push(Hint::Touched { folder, path: touched, sign });
        }
    }
}

fn is_ours(watched: &Watched, path: &Path) -> bool {
    let is_other = |other: &PathBuf| path.starts_with(other);
    path.starts_with(&watched.path) && !watched.not_ours.iter().any(is_other)
}

#[cfg(test)]
mod tests {
    use notify::event::{DataChange, Flag, MetadataKind};

    use super::*;
    use crate::planner::FolderId;

    const HERE: FolderId = FolderId(7);

    fn told(kind: EventKind, paths: &[&str]) -> Vec<String> {
        let watched = Watched {
            folder: HERE,
            path: "/r".into(),
            recursive: true,
            follow_symlinks: false,
            not_ours: vec!["/r/nested".into(), "/r/state".into()],
        };
        let mut event = Event::new(kind);
        event.paths = paths.iter().map(PathBuf::from).collect();
        let mut said = Vec::new();
        hints(&watched, event, &mut |hint| said.push(short(&hint)));
        said
    }

    fn short(hint: &Hint) -> String {
        match hint {
            Hint::RootGone { .. } => "root gone".into(),
            Hint::Owed { reason, .. } => format!("owed: {reason}"),
            Hint::Gone { path, .. } => format!("gone {}", path.display()),
            Hint::Subtree { path, .. } => format!("subtree {}", path.display()),
            Hint::Touched { path, sign, .. } => format!("{sign:?} {}", path.display()),
        }
    }

    #[test]
    fn a_file_is_written_closed_and_renamed() {
        let modify = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let close = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let rename = |mode| EventKind::Modify(ModifyKind::Name(mode));
        let rights = EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any));
        assert_eq!(told(EventKind::Create(CreateKind::File), &["/r/a"]), ["Changed /r/a"]);
        assert_eq!(told(modify, &["/r/a"]), ["Changed /r/a"]);
        assert_eq!(told(close, &["/r/a"]), ["Closed /r/a"]);
        assert_eq!(told(rights, &["/r/a"]), ["Attributes /r/a"]);
        assert_eq!(told(rename(RenameMode::From), &["/r/a"]), ["gone /r/a"]);
        assert_eq!(told(rename(RenameMode::To), &["/r/b"]), ["Renamed /r/b"]);
        assert_eq!(
            told(rename(RenameMode::Both), &["/r/a", "/r/b"]),
            ["gone /r/a", "Renamed /r/b"]
        );
        assert_eq!(told(rename(RenameMode::Any), &["/r/a"]), ["gone /r/a", "Renamed /r/a"]);
    }

    #[test]
    fn reading_says_nothing() {
        for access in [
            AccessKind::Open(AccessMode::Any),
            AccessKind::Close(AccessMode::Read),
            AccessKind::Read,
        ] {
            assert!(told(EventKind::Access(access), &["/r/a"]).is_empty());
        }
    }

    #[test]
    fn directories_are_walked_and_take_all_below_with_them() {
        let create = EventKind::Create(CreateKind::Folder);
        assert_eq!(told(create, &["/r/d"]), ["subtree /r/d"]);
        let remove = EventKind::Remove(RemoveKind::Folder);
        assert_eq!(told(remove, &["/r/d"]), ["gone /r/d"]);
        let file = EventKind::Remove(RemoveKind::File);
        assert_eq!(told(file, &["/r/a"]), ["Changed /r/a"]);
    }

    #[test]
    fn the_root_itself_is_gone_or_looked_at_as_a_whole() {
        let from = EventKind::Modify(ModifyKind::Name(RenameMode::From));
        assert_eq!(told(from, &["/r"]), ["root gone"]);
        assert_eq!(told(EventKind::Remove(RemoveKind::Other), &["/r"]), ["root gone"]);
        let rights = EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any));
        assert_eq!(told(rights, &["/r"]), ["subtree /r"]);
    }

    #[test]
    fn what_belongs_to_others_says_nothing() {
        let create = EventKind::Create(CreateKind::File);
        for path in ["/r/nested/a", "/r/nested", "/r/state/wal", "/elsewhere"] {
            assert!(told(create, &[path]).is_empty(), "{path}");
        }
        assert_eq!(told(create, &["/r/nested2"]), ["Changed /r/nested2"]);
    }

    #[test]
    fn an_ignore_file_touches_its_directory() {
        let close = EventKind::Access(AccessKind::Close(AccessMode::Write));
        assert_eq!(told(close, &["/r/d/.taxiwayignore"]), ["subtree /r/d"]);
        assert_eq!(told(close, &["/r/.taxiwayignore"]), ["subtree /r"]);
    }

    #[test]
    fn lost_events_owe_a_scan_though_they_name_no_path() {
        let event = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        let watched = Watched {
            folder: HERE,
            path: "/r".into(),
            recursive: true,
            follow_symlinks: false,
            not_ours: Vec::new(),
        };
        let mut said = Vec::new();
        hints(&watched, event, &mut |hint| said.push(short(&hint)));
        assert_eq!(said, ["owed: the system lost events: there were too many at once"]);
    }
}
