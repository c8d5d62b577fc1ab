//! The figures of files that a daemon uploads for us: what it says of its uploads, and what the
//! ledger has by then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::control::{Place, Status, request};
use crate::ledger::{Ledger, State};

use super::figures::{Amount, Figures, Part};

/// How often the daemon is asked.
const ASK_EVERY: Duration = Duration::from_millis(300);
/// How long it has for an answer; without one, what it said last is shown.
const PATIENCE: Duration = Duration::from_secs(2);

/// The figures of files that were handed over.
#[derive(Debug)]
pub struct Handed {
    place: Place,
    ledger: PathBuf,
    /// Each with its size.
    open: BTreeMap<PathBuf, u64>,
    done: Amount,
    failed: u64,
    all: Amount,
    asked: Option<Instant>,
    sending: Vec<Part>,
    per_second: u64,
}

impl Handed {
    /// Of these files; those of `known` are done.
    pub fn new<'a>(
        place: Place,
        ledger: PathBuf,
        open: impl IntoIterator<Item = &'a Path>,
        known: impl IntoIterator<Item = &'a Path>,
    ) -> Handed {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let open: BTreeMap<PathBuf, u64> =
            open.into_iter().map(|path| (path.to_owned(), size(path))).collect();
        let known: BTreeMap<&Path, u64> =
            known.into_iter().map(|path| (path, size(path))).collect();
        let done = known.values().fold(Amount::default(), |sum, size| sum.plus(one(*size)));
        let all = open.values().fold(done, |sum, size| sum.plus(one(*size)));
        Handed {
            place,
            ledger,
            open,
            done,
            failed: 0,
            all,
            asked: None,
            sending: Vec::new(),
            per_second: 0,
        }
    }

    /// The figures of this moment.
    pub fn now(&mut self) -> Figures {
        if self.asked.is_none_or(|asked| asked.elapsed() >= ASK_EVERY) {
            self.asked = Some(Instant::now());
            self.ask();
        }
        Figures {
            hashing: Amount::default(),
            sending: self.sending.clone(),
            done: self.done,
            failed: self.failed,
            all: self.all,
            per_second: Some(self.per_second).filter(|per_second| *per_second > 0),
        }
    }

    fn ask(&mut self) {
        // First what is done, so that nothing is that still goes out.
        self.look();
        let Ok((200, text)) = request(&self.place, "/v1/status", None, PATIENCE) else { return };
        let Ok(status) = serde_json::from_str::<Status>(&text) else { return };
        self.per_second = status.bytes_per_second;
        let ours = status
            .uploading
            .iter()
            .filter(|upload| upload.sent > 0 && self.open.contains_key(Path::new(&upload.path)));
        let part = |upload: &crate::control::UploadStatus| Part {
            name: name_of(Path::new(&upload.path)),
            done: upload.sent,
            size: upload.size,
        };
        self.sending = ours.map(part).collect();
    }

    /// Takes out what the ledger says is over.
    fn look(&mut self) {
        let Ok(Some(ledger)) = Ledger::read(&self.ledger) else { return };
        let mut over = Vec::new();
        for path in self.open.keys() {
            let Ok(Some(row)) = ledger.row_of(path, true) else { continue };
            match row.state {
                State::Uploaded => over.push((path.clone(), false)),
                State::Failed | State::Held | State::Ignored => over.push((path.clone(), true)),
                State::Settling | State::Queued | State::Uploading | State::Unknown => {}
            }
        }
        for (path, failed) in over {
            let size = self.open.remove(&path).unwrap_or_default();
            self.done = self.done.plus(one(size));
            self.failed += u64::from(failed);
        }
    }
}

fn one(size: u64) -> Amount {
    Amount::new(1, size)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
