//! The figures of files that were asked for by name: all of them are known from the beginning.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::daemon::{Gauge, Message};
use crate::planner::{Notice, SharedPath, UploadKey};

use super::figures::{Amount, Figures, Speed};
use super::{folders, hashing, parts};

/// How often the session is asked what waits for its turn to be read.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// What is heard of the files, shared by who hears it and who shows it.
#[derive(Debug, Clone, Default)]
pub struct Pushed(Arc<Mutex<BTreeMap<SharedPath, File>>>);

#[derive(Debug, Clone, Copy, Default)]
struct File {
    size: u64,
    key: Option<UploadKey>,
    over: Option<Over>,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Uploaded,
    Failed,
}

impl Pushed {
    /// Of these files.
    pub fn new(paths: impl IntoIterator<Item = SharedPath>) -> Pushed {
        let file = |path: SharedPath| {
            let size = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
            (path, File { size, ..File::default() })
        };
        Pushed(Arc::new(Mutex::new(paths.into_iter().map(file).collect())))
    }

    /// Takes in what happened.
    pub fn hear(&self, notice: &Notice) {
        let mut files = self.files();
        match notice {
            Notice::Pushed { path, key } => {
                files.entry(path.clone()).and_modify(|file| file.key = Some(*key));
            }
            Notice::Deduplicated { path, .. } => {
                files.entry(path.clone()).and_modify(|file| file.over = Some(Over::Uploaded));
            }
            // It may be wanted under several names.
            Notice::Uploaded { path, key, .. } => {
                let same = files.iter_mut().filter(|(of, file)| {
                    *of == path || file.key.is_some_and(|other| other.hash == key.hash)
                });
                same.for_each(|(_, file)| file.over = Some(Over::Uploaded));
            }
            Notice::Failed { path, .. }
            | Notice::Held { path, .. }
            | Notice::Ignored { path, .. } => {
                files.entry(path.clone()).and_modify(|file| file.over = Some(Over::Failed));
            }
            _ => {}
        }
    }

    /// The figures, with what is in hand at this moment.
    pub fn figures(&self, gauge: &Gauge, to_read: (u64, u64), per_second: Option<u64>) -> Figures {
        let (sends, reads) = (gauge.sends(), gauge.reads());
        let files = self.files();
        let sum = |over: &dyn Fn(Option<Over>) -> bool| {
            let files = files.values().filter(|file| over(file.over));
            files.fold(Amount::default(), |sum, file| sum.plus(Amount::new(1, file.size)))
        };
        Figures {
            hashing: hashing(&reads, to_read),
            sending: parts(&sends),
            done: sum(&|over| over.is_some()),
            failed: sum(&|over| over == Some(Over::Failed)).files,
            all: sum(&|_| true),
            per_second,
        }
    }

    /// Gives the figures of a session that sends them.
    pub fn watch(
        &self,
        gauge: Gauge,
        session: Sender<Message>,
    ) -> impl FnMut() -> Figures + Send + use<> {
        let files = self.clone();
        let mut asked: Option<(Instant, (u64, u64))> = None;
        let (began, mut speed) = (Instant::now(), Speed::default());
        move || {
            if asked.is_none_or(|(at, _)| at.elapsed() >= ASK_EVERY) {
                let view = folders::view(&session);
                asked = Some((Instant::now(), view.map_or((0, 0), |view| view.to_read)));
            }
            let per_second = speed.note(began.elapsed(), gauge.moved());
            // Before anything went out there is no speed to tell.
            let per_second = per_second.filter(|_| gauge.moved() > 0);
            files.figures(&gauge, asked.map_or((0, 0), |(_, to_read)| to_read), per_second)
        }
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<SharedPath, File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::{AccountId, Asset, ContentHash};

    #[test]
    fn an_upload_ends_all_files_of_its_content_and_a_failure_its_own() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| -> SharedPath { directory.path().join(name).into() };
        for (name, size) in [("a", 10), ("copy-of-a", 10), ("b", 5), ("c", 1)] {
            std::fs::write(path(name), vec![0; size]).expect("a file");
        }
        let pushed = Pushed::new(["a", "copy-of-a", "b", "c", "missing"].map(path));
        let key = UploadKey { hash: ContentHash([7; 32]), account: AccountId(1) };
        let stand = || {
            let figures = pushed.figures(&Gauge::default(), (0, 0), None);
            assert_eq!(figures.all, Amount::new(5, 26));
            (figures.done, figures.failed)
        };
        assert_eq!(stand(), (Amount::new(0, 0), 0));
        for name in ["a", "copy-of-a"] {
            pushed.hear(&Notice::Pushed { path: path(name), key });
        }
        let asset = Asset { asset_id: "x".into(), url: None };
        pushed.hear(&Notice::Uploaded { path: path("a"), key, asset, found: false });
        assert_eq!(stand(), (Amount::new(2, 20), 0));
        let reason = String::new();
        pushed.hear(&Notice::Retry { path: path("b"), at: None, reason: reason.clone() });
        pushed.hear(&Notice::Failed { path: path("b"), reason: reason.clone() });
        assert_eq!(stand(), (Amount::new(3, 25), 1));
        // Nobody asked for it.
        pushed.hear(&Notice::Ignored { path: path("d"), reason });
        assert_eq!(stand(), (Amount::new(3, 25), 1));
    }
}
