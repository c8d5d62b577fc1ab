//! What a person asks for, granted or not.
//!
//! Owns:
//! - only what failed is tried again, only what is held is resolved, only what is uploaded is
//!   forgotten; anything else changes nothing;
//! - an assetId that another upload has or had is never taken;
//! - a refused token and a pause that the server asked for are not lifted by a wish.

use super::Planner;
use super::message::{Command, Facts, Notice, Plan, Write};
use super::sabotage::{self, Bug};
use super::types::{FolderId, Now, PathStatus, SharedPath, UploadKey, UploadState};

/// What is written of an upload that is tried again because a person said so.
const AS_ASKED: &str = "tried again, as asked";

impl Planner {
    pub(super) fn asked(&mut self, now: Now, command: Command, facts: Facts, plan: &mut Plan) {
        match command {
            Command::Retry { path } => {
                self.errands_again(Some(path.clone()), plan);
                self.retry(now, path, facts, plan);
            }
            Command::RetryAll => self.retry_all(now, plan),
            Command::Found { key, asset } => {
                let held = matches!(facts.upload, Some(UploadState::Held { .. }));
                let taken = facts.taken && !sabotage::on(Bug::TakeTakenAsset);
                if !held || taken {
                    return;
                }
                // What a person types names no account: the next answer or list will.
                plan.writes.push(Write::Resolved { key, asset });
                self.hungry = true;
            }
            Command::NotFound { key } => {
                if matches!(facts.upload, Some(UploadState::Held { .. })) {
                    self.try_again(key, plan);
                }
            }
            Command::Pause { until } => self.begin_pause(now, until, plan),
            Command::Resume => self.resume(plan),
            Command::Rescan => self.folders.values_mut().for_each(|folder| folder.owed = true),
            Command::Forget { key } => {
                if matches!(facts.upload, Some(UploadState::Uploaded { .. })) {
                    plan.writes.push(Write::Forget { key });
                    self.hungry = true;
                }
            }
        }
    }

    fn retry(&mut self, now: Now, path: SharedPath, facts: Facts, plan: &mut Plan) {
        let Some(row) = facts.row.filter(|row| !row.gone) else { return };
        match row.status {
            PathStatus::Linked { key, upload: UploadState::Failed { .. } } => {
                self.try_again(key, plan);
            }
            // A pushed file whose folder is none has nobody to look at it: it is pushed again.
            PathStatus::Failed { .. } if row.folder != FolderId::PUSHES => {
                plan.notices.push(Notice::Retry {
                    path: path.clone(),
                    at: None,
                    reason: AS_ASKED.into(),
                });
                plan.writes.push(Write::Settling {
                    path: path.clone(),
                    folder: row.folder,
                    fingerprint: Default::default(),
                    reason: AS_ASKED.into(),
                });
                self.settle_again(now, row.folder, path);
            }
            PathStatus::Linked { .. }
            | PathStatus::Failed { .. }
            | PathStatus::Settling
            | PathStatus::Ignored { .. } => {}
        }
    }

    fn try_again(&mut self, key: UploadKey, plan: &mut Plan) {
        self.streaks.forget(&key);
        plan.writes.push(Write::TryAgain { key, reason: AS_ASKED.into() });
        self.hungry = true;
    }

    fn retry_all(&mut self, now: Now, plan: &mut Plan) {
        plan.writes.push(Write::TryAllAgain);
        self.errands_again(None, plan);
        self.streaks.refusals.clear();
        self.gates.probe_now(now.mono);
        for folder in self.folders.values_mut() {
            folder.owed = true;
        }
        self.hungry = true;
    }
}
