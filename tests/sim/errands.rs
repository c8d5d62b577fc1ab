//! What is done for files once they are uploaded, or need a person: a hook that runs, a file that is
//! moved away.

use std::path::PathBuf;

use super::jobs::Job;
use super::{Input, World, event};
use crate::ledger::{Row, State};
use crate::planner::{Errand, ErrandKind, ErrandResult, Event};

/// Each thing done for a path, and what it was about.
pub(super) type Ran = std::collections::BTreeSet<(PathBuf, ErrandKind, Option<String>)>;

impl World {
    pub(super) fn begin_errand(&mut self, errand: Box<Errand>) {
        let wait = self.rng.range(1, 900);
        self.after(wait, Job::Errand(errand));
    }

    /// It is done, and nobody knows of it yet.
    pub(super) fn run_errand(&mut self, errand: &Errand) -> Result<(), String> {
        let result = if errand.kind.touches_file() && !errand.holds {
            ErrandResult::Left { reason: "it is not what it was".into() }
        } else if self.trouble && self.rng.chance(20) {
            self.count("errand failed");
            ErrandResult::Failed { reason: "exit code 1".into() }
        } else if errand.kind == ErrandKind::AfterUpload {
            self.move_away(errand)?
        } else {
            self.count("errand done");
            ErrandResult::Done { detail: String::new() }
        };
        if matches!(result, ErrandResult::Done { .. } | ErrandResult::Moved { .. }) {
            let what = (errand.path.to_path_buf(), errand.kind, errand.asset_id.clone());
            self.ran.insert(what);
        }
        let wait = self.rng.range(0, 300);
        self.after(wait, Job::ErrandEnds { errand: errand.id, result });
        Ok(())
    }

    fn move_away(&mut self, errand: &Errand) -> Result<ErrandResult, String> {
        let stat = self.disk.stat(&errand.path);
        if stat.map(|stat| stat.fingerprint) != Some(errand.fingerprint) {
            return Ok(ErrandResult::Wait { reason: "it is not what it was".into() });
        }
        let asset = errand.asset_id.as_deref().unwrap_or_default();
        let stored = self.server.assets.iter().find(|stored| stored.asset_id == asset);
        let Some(stored) = stored.filter(|stored| !stored.deleted) else {
            return Ok(ErrandResult::Void { reason: "the server does not have it".into() });
        };
        let Some(file) = self.disk.files.get(&*errand.path) else {
            return Ok(ErrandResult::Void { reason: "it is gone".into() });
        };
        // After a jump of the clock, what looks as before need not be what it was.
        if file.text != stored.text && !self.jumped {
            return Err(format!("moved away and not uploaded: {errand:?}"));
        }
        self.count("file moved away");
        self.disk.files.remove(&*errand.path);
        let to = Some(
            PathBuf::from("/sent").join(errand.path.strip_prefix("/").unwrap_or(&errand.path)),
        );
        Ok(ErrandResult::Moved { to: to.map(Into::into) })
    }

    pub(super) fn errand_ends(&self, job: Job, inputs: &mut Vec<Input>) {
        if let Job::ErrandEnds { errand, result } = job {
            inputs.push(event(Event::ErrandEnded { errand, result }));
        }
    }

    /// What the folder of a row wants was done for it.
    pub(super) fn check_errands(&self, row: &Row) -> Result<(), String> {
        if row.gone_at.is_some() || self.folder_of(&row.path).is_none() {
            return Ok(());
        }
        let asset = row.asset_id.clone();
        let deleted = self.server.assets.iter().filter(|stored| stored.deleted);
        let deleted = deleted.map(|stored| Some(&stored.asset_id)).any(|id| id == asset.as_ref());
        for kind in ErrandKind::ALL.into_iter().filter(|kind| self.wants.has(*kind)) {
            let due = match (kind, row.state) {
                (ErrandKind::OnFailed, state) => matches!(state, State::Failed | State::Held),
                (ErrandKind::AfterUpload, _) if deleted => false,
                (_, state) => state == State::Uploaded,
            };
            let about = (row.path.clone(), kind, asset.clone());
            if due && (kind == ErrandKind::AfterUpload || !self.ran.contains(&about)) {
                return Err(format!("{} was not done: {row:?}", kind.as_str()));
            }
        }
        Ok(())
    }
}
