//! The configuration is edited while all this runs: folders come, go and change.
//!
//! Owns:
//! - an upload that goes out goes on, whatever becomes of its folder; one that has not begun is
//!   taken back if it is not wanted any more, or elsewhere;
//! - a folder whose settings changed owes a scan, and what is known of its files is kept;
//! - what was asked of those who looked at a folder before is not waited for.

use super::folders::Folder;
use super::message::{Configured, Effect, Plan};
use super::sabotage::{self, Bug};
use super::settle::{Entry, Phase};
use super::types::{AttemptId, FolderId, Mono, Now};
use super::{FolderPolicy, Planner};

impl Planner {
    pub(super) fn configured(&mut self, now: Now, configured: Configured, plan: &mut Plan) {
        let Configured { folders, anew, concurrency, pause_on, another_way } = configured;
        self.limits.concurrency = concurrency;
        self.pause_on(pause_on, plan);
        if another_way {
            self.gates.probe_now(now.mono);
        }
        let stays = |id: &FolderId| folders.iter().any(|policy| policy.id == *id);
        let gone: Vec<FolderId> = self.folders.keys().filter(|id| !stays(id)).copied().collect();
        for id in gone {
            self.folders.remove(&id);
            self.leave(now, id);
        }
        for policy in folders {
            let anew = anew.contains(&policy.id);
            self.edit(now, policy, anew);
        }
        let unwanted = |folder: FolderId, account| {
            let here = self.folders.get(&folder);
            folder != FolderId::PUSHES && here.is_none_or(|here| here.policy.account != account)
        };
        let flights = self.flights.iter();
        let flights = flights.filter(|(_, flight)| unwanted(flight.folder, flight.key.account));
        let attempts: Vec<AttemptId> = flights.map(|(attempt, _)| *attempt).collect();
        if !attempts.is_empty() {
            plan.effects.push(Effect::Withdraw { attempts });
        }
        self.hungry = true;
        // A program that could not be run may be another now.
        self.errands_again(None, plan);
    }

    /// Whether a file on its way is of no folder that is watched, and nobody asked for it by name.
    pub(super) fn is_nobodys(&self, entry: &Entry) -> bool {
        let watched = self.folders.contains_key(&entry.folder);
        !watched && entry.folder != FolderId::PUSHES && entry.pushes.is_empty()
    }

    /// A folder is watched no more. What a person asked for by name goes on as that alone; what is
    /// being read is told apart when that ends.
    fn leave(&mut self, now: Now, id: FolderId) {
        for path in self.settling.of_folder(id) {
            let Some(mut entry) = self.settling.take(&path) else { continue };
            let reads = entry.phase == Phase::Identifying;
            if entry.pushes.is_empty() && !reads {
                continue;
            }
            if !entry.pushes.is_empty() {
                entry.folder = FolderId::PUSHES;
                entry.recheck = false;
            }
            if !reads {
                entry.phase = Phase::Waiting { due: now.mono };
            }
            self.settling.put(path, entry);
        }
    }

    fn edit(&mut self, now: Now, mut policy: FolderPolicy, anew: bool) {
        let id = policy.id;
        let Some(folder) = self.folders.get_mut(&id) else {
            self.folders.insert(id, Folder::new(policy));
            return;
        };
        if !anew {
            // How it is watched is known, and stays.
            policy.rescan_ms = folder.policy.rescan_ms;
        }
        policy.scanned_before |= folder.policy.scanned_before;
        let edited = anew || policy != folder.policy;
        folder.policy = policy;
        if !edited || sabotage::on(Bug::ForgetEdits) {
            return;
        }
        if anew && !sabotage::on(Bug::WaitForFormerEyes) {
            folder.begin_anew();
        }
        folder.owed = true;
        for path in self.settling.of_folder(id) {
            self.look_anew(now.mono, path, anew);
        }
    }

    /// Whatever a file waits for, it may be another time now. Where other rules hold it may not be
    /// the folder's any more: the scan that is owed tells.
    fn look_anew(&mut self, now: Mono, path: super::SharedPath, anew: bool) {
        let Some(mut entry) = self.settling.take(&path) else { return };
        let asked = !entry.pushes.is_empty();
        match entry.phase {
            Phase::Identifying => {}
            Phase::Looking if !anew => {}
            Phase::Looking if sabotage::on(Bug::WaitForFormerEyes) => {}
            Phase::Looking | Phase::Waiting { .. } | Phase::Ready if anew && !asked => return,
            Phase::Looking | Phase::Waiting { .. } => entry.phase = Phase::Waiting { due: now },
            Phase::Ready => {}
        }
        self.settling.put(path, entry);
    }
}
