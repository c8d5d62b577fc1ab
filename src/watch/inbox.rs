//! Hints on their way from the system's threads to the one that acts on them.
//!
//! Owns:
//! - bounded: past so many paths of a folder, further ones are dropped and a scan is owed;
//! - many events of one path are one hint until it is taken;
//! - whoever pushes never waits, but for the others who push or take.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Mutex;

use super::lock;
use crate::planner::FolderId;

/// Most paths of one folder that wait at once.
pub const MOST_PATHS: usize = 8_192;

/// Where to look, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// The folder's directory was moved, removed or unmounted; its watch is dead.
    RootGone {
        /// Which folder.
        folder: FolderId,
    },
    /// Events were lost, or parts cannot be watched.
    Owed {
        /// Which folder.
        folder: FolderId,
        /// Why, in words.
        reason: String,
    },
    /// Something is not here any more: look, and if it is gone, so is all that was below it. If
    /// something is here again, the look counts.
    Gone {
        /// Which folder.
        folder: FolderId,
        /// What.
        path: PathBuf,
    },
    /// A directory is new here, or its rules changed: catch up with the watch, then walk it.
    Subtree {
        /// Which folder.
        folder: FolderId,
        /// The directory.
        path: PathBuf,
    },
    /// Look at this. It may turn out to be a directory: then as [`Hint::Subtree`].
    Touched {
        /// Which folder.
        folder: FolderId,
        /// What.
        path: PathBuf,
        /// What happened to it last.
        sign: Sign,
    },
}

/// What the last event said of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Rights, times or links; its bytes are what they were.
    Attributes,
    /// It is being made or written.
    Changed,
    /// It was closed after writing.
    Closed,
    /// It was renamed to this name.
    Renamed,
}

/// The hints that wait to be taken.
pub struct Inbox {
    most: usize,
    waiting: Mutex<BTreeMap<FolderId, Waiting>>,
    wake: Box<dyn Fn() + Send + Sync>,
}

#[derive(Debug, Default)]
struct Waiting {
    root_gone: bool,
    owed: Option<String>,
    paths: BTreeMap<PathBuf, Marks>,
}

#[derive(Debug, Default)]
struct Marks {
    gone: bool,
    subtree: bool,
    sign: Option<Sign>,
}

impl Inbox {
    /// An empty inbox. `most`: usually [`MOST_PATHS`]. `wake` is called, on the system's thread,
    /// when the first hint comes into the empty inbox; it must not wait.
    pub fn new(most: usize, wake: impl Fn() + Send + Sync + 'static) -> Inbox {
        Inbox { most, waiting: Mutex::default(), wake: Box::new(wake) }
    }

    /// Puts a hint in.
    pub fn push(&self, hint: Hint) {
        let was_empty = {
            let mut waiting = lock(&self.waiting);
            let was_empty = waiting.is_empty();
            waiting.entry(hint.folder()).or_default().add(hint, self.most);
            was_empty
        };
        if was_empty {
            (self.wake)();
        }
    }

    /// Takes all hints out: folder by folder, the weightiest first, each path at most once a kind.
    pub fn take(&self) -> Vec<Hint> {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        let mut hints = Vec::new();
        for (folder, waiting) in waiting {
            waiting.unfold(folder, &mut hints);
        }
        hints
    }

    /// Makes whoever pushes wait until what is returned is dropped.
    #[cfg(all(test, target_os = "linux"))]
    pub(super) fn hold(&self) -> impl Drop + '_ {
        lock(&self.waiting)
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

impl Hint {
    /// The folder it is about.
    pub fn folder(&self) -> FolderId {
        match self {
            Hint::RootGone { folder }
            | Hint::Owed { folder, .. }
            | Hint::Gone { folder, .. }
            | Hint::Subtree { folder, .. }
            | Hint::Touched { folder, .. } => *folder,
        }
    }
}

impl Waiting {
    fn add(&mut self, hint: Hint, most: usize) {
        match hint {
            Hint::RootGone { .. } => self.root_gone = true,
            Hint::Owed { reason, .. } => self.owe(reason),
            Hint::Gone { path, .. } => self.mark(path, most, |marks| marks.gone = true),
            Hint::Subtree { path, .. } => self.mark(path, most, |marks| marks.subtree = true),
            Hint::Touched { path, sign, .. } => self.mark(path, most, |marks| marks.sign(sign)),
        }
    }

    fn mark(&mut self, path: PathBuf, most: usize, mark: impl FnOnce(&mut Marks)) {
        if let Some(marks) = self.paths.get_mut(&path) {
            mark(marks);
        } else if self.paths.len() < most {
            mark(self.paths.entry(path).or_default());
        } else {
            self.owe("more changes at once than are kept".to_owned());
        }
    }

    fn owe(&mut self, reason: String) {
        self.owed.get_or_insert(reason);
    }

    fn unfold(self, folder: FolderId, hints: &mut Vec<Hint>) {
        if self.root_gone {
            hints.push(Hint::RootGone { folder });
        }
        if let Some(reason) = self.owed {
            hints.push(Hint::Owed { folder, reason });
        }
        let gone = self.paths.iter().filter(|(_, marks)| marks.gone);
        hints.extend(gone.map(|(path, _)| Hint::Gone { folder, path: path.clone() }));
        for (path, marks) in self.paths {
            match (marks.subtree, marks.sign) {
                (true, _) => hints.push(Hint::Subtree { folder, path }),
                (false, Some(sign)) => hints.push(Hint::Touched { folder, path, sign }),
                (false, None) => {}
            }
        }
    }
}

impl Marks {
    /// Changed rights say nothing about whether somebody writes.
    fn sign(&mut self, sign: Sign) {
        match sign {
            Sign::Attributes => self.sign = self.sign.or(Some(sign)),
            Sign::Changed | Sign::Closed | Sign::Renamed => self.sign = Some(sign),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const HERE: FolderId = FolderId(1);

    fn touched(path: &str, sign: Sign) -> Hint {
        let path = Path::new(path).to_owned();
        Hint::Touched { folder: HERE, path, sign }
    }

    #[test]
    fn events_of_one_path_are_one_hint_with_the_last_sign() {
        let inbox = Inbox::new(9, || {});
        for sign in [Sign::Changed, Sign::Changed, Sign::Closed, Sign::Attributes] {
            inbox.push(touched("/r/a", sign));
        }
        assert_eq!(inbox.take(), [touched("/r/a", Sign::Closed)]);
        inbox.push(touched("/r/a", Sign::Closed));
        inbox.push(touched("/r/a", Sign::Changed));
        assert_eq!(inbox.take(), [touched("/r/a", Sign::Changed)]);
        assert_eq!(inbox.take(), []);
    }

    #[test]
    fn past_the_limit_a_scan_is_owed_and_other_folders_lose_nothing() {
        let inbox = Inbox::new(2, || {});
        for path in ["/r/a", "/r/b", "/r/c", "/r/a", "/r/d"] {
            inbox.push(touched(path, Sign::Changed));
        }
        let other = Hint::Gone { folder: FolderId(2), path: "/s/x".into() };
        inbox.push(other.clone());
        let owed = Hint::Owed { folder: HERE, reason: "more changes at once than are kept".into() };
        let (a, b) = (touched("/r/a", Sign::Changed), touched("/r/b", Sign::Changed));
        assert_eq!(inbox.take(), [owed, a, b, other]);
    }

    #[test]
    fn only_the_first_hint_wakes() {
        let woken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&woken);
        let inbox = Inbox::new(9, move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        inbox.push(touched("/r/a", Sign::Changed));
        inbox.push(touched("/r/b", Sign::Changed));
        assert_eq!(woken.load(Ordering::SeqCst), 1);
        inbox.take();
        inbox.push(touched("/r/c", Sign::Changed));
        assert_eq!(woken.load(Ordering::SeqCst), 2);
    }
}
