//! The configuration, edited and read again while all goes on.

use super::jobs::Job;
use super::{Input, World, event};
use crate::planner::{Configured, Event, FolderId, FolderPolicy};

impl World {
    /// Somebody edits the configuration and has it read again; when trouble is over it names all
    /// folders.
    pub(super) fn reload(&mut self, inputs: &mut Vec<Input>) {
        if self.trouble {
            match self.rng.below(4) {
                0 | 1 => self.edit_configuration(),
                2 => {
                    let folder = self.rng.below(2) as usize;
                    self.folders[folder].watched = !self.folders[folder].watched;
                }
                _ => {}
            }
        } else {
            self.folders.iter_mut().for_each(|folder| folder.watched = true);
        }
        // One who does not run, or ends, reads it at the next start.
        if self.engine.is_none() || self.stopping {
            return;
        }
        let Some((mut first, policies)) = self.policies() else {
            // The ledger has no room for a new folder: the old configuration holds.
            return self.after(2_000, Job::Reload);
        };
        let anew: Vec<FolderId> =
            self.folders.iter().map(|folder| folder.id).filter(|_| self.rng.chance(50)).collect();
        let watched: Vec<FolderId> = policies.iter().map(|policy| policy.id).collect();
        let blind =
            |id: &FolderId| *id != FolderId::PUSHES && (anew.contains(id) || !watched.contains(id));
        // Those who looked before are not heard any more.
        self.jobs.retain(|_, job| match job {
            Job::Look { folder, .. } | Job::ScanStep { folder, .. } => !blind(folder),
            _ => true,
        });
        inputs.retain(|input| match input {
            Input::Event(Event::Seen(sight)) => !blind(&sight.folder),
            Input::Event(Event::ScanEnded { folder, .. }) => !blind(folder),
            Input::Event(_) => true,
            Input::Listing(listing) => !blind(&listing.folder),
        });
        self.count("configuration read again");
        let concurrency = 1 + self.rng.below(3) as usize;
        let another_way = self.rng.chance(30);
        let pause_on = self.pick_conditions();
        let folders = policies;
        let configured = Configured { folders, anew, concurrency, pause_on, another_way };
        first.push(event(Event::Configured(Box::new(configured))));
        // It rests on what the ledger says before the step.
        inputs.splice(0..0, first);
    }

    fn policies(&self) -> Option<(Vec<Input>, Vec<FolderPolicy>)> {
        let ledger = self.engine.as_ref()?.ledger();
        let mut policies = Vec::new();
        for folder in self.folders.iter().filter(|folder| folder.watched) {
            let account = match folder.email {
                Some(email) => ledger.account(Some(email)),
                None => ledger.default_account(),
            };
            let (account, (_, scanned_before)) = (account.ok()?, ledger.folder(&folder.root).ok()?);
            policies.push(self.policy(folder.id, account, scanned_before));
        }
        let accounts = ledger.accounts().ok()?.into_iter();
        let known = accounts.map(|(account, email)| event(Event::AccountKnown { account, email }));
        Some((known.collect(), policies))
    }
}
