//! One path: from a look at it to its content.
//!
//! Owns:
//! - a file that looks as the ledger knows it costs no read and no write;
//! - any difference costs a read, never by itself an upload.

use super::Planner;
use super::known::{Want, needs_relink, want};
use super::message::{Look, Notice, Plan, Sight, Write};
use super::sabotage::{self, Bug};
use super::settle::{self, Entry, Phase, Rest};
use super::types::{
    AccountId, Arrival, FolderId, IgnoredBy, Now, PathRow, PathStatus, Push, SharedPath, Stat,
};

impl Planner {
    /// The account a path on its way is wanted on, for the engine to look up.
    pub fn wanted_on(&self, path: &SharedPath) -> Option<AccountId> {
        let entry = self.settling.entry(path)?;
        match self.folders.get(&entry.folder) {
            Some(folder) => Some(folder.policy.account),
            None => entry.pushes.first().map(|push| push.account),
        }
    }

    pub(super) fn seen(&mut self, now: Now, sight: Sight, row: Option<PathRow>, plan: &mut Plan) {
        let Sight { folder, path, look, by_scan, arrival, told } = sight;
        if told {
            self.told_by_event(folder, &path);
        } else if let (true, Look::File(stat)) = (by_scan, &look) {
            self.may_have_been_missed(folder, &path, *stat, row.as_ref());
        }
        match look {
            Look::File(stat) => {
                let file = Found { folder, path, stat, by_scan, arrival };
                self.seen_file(now, file, row, plan);
            }
            Look::Left { stat, rule } => self.seen_left(now, folder, path, stat, rule, row, plan),
            Look::Gone => self.seen_gone(path, row, plan),
            Look::Unreadable { reason } => {
                // What cannot be looked at is not gone: look again later.
                let Some(mut entry) = self.settling.take(&path) else {
                    return;
                };
                if self.end_pushes(&path, &mut entry, &reason, plan) {
                    return;
                }
                if entry.phase != Phase::Identifying {
                    let due = now.mono.plus(settle::CERTAIN_AFTER_MS);
                    entry.phase = Phase::Waiting { due: entry.next_look(due, now.mono) };
                }
                self.settling.put(path, entry);
            }
        }
    }

    /// A file that a scan came past. One that is on its way is being looked after.
    fn may_have_been_missed(
        &mut self,
        id: FolderId,
        path: &SharedPath,
        stat: Stat,
        row: Option<&PathRow>,
    ) {
        let Some(folder) = self.folders.get(&id) else { return };
        let wants = want(&folder.policy, stat, true, row.map(PathRow::known).as_ref());
        if wants == Want::Settle && self.settling.entry(path).is_none() {
            self.found_by_scan(id, path, stat, row);
        }
    }

    /// A person asked for a file: it goes ahead of all others.
    pub(super) fn push(&mut self, now: Now, path: SharedPath, push: Push) {
        let new = || Entry::new(FolderId::PUSHES, None, now.mono);
        let mut entry = self.settling.take(&path).unwrap_or_else(new);
        if !entry.pushes.contains(&push) {
            entry.pushes.push(push);
        }
        // Whoever asks wants to hear at once what is in the way.
        entry.incomplete = None;
        entry.told_open = false;
        if !matches!(entry.phase, Phase::Identifying | Phase::Looking) {
            entry.phase = Phase::Waiting { due: now.mono };
        }
        self.settling.put(path, entry);
    }

    fn seen_file(&mut self, now: Now, file: Found, row: Option<PathRow>, plan: &mut Plan) {
        if let Some(entry) = self.settling.take(&file.path) {
            return self.seen_again(now, file, entry, row, plan);
        }
        let Some(here) = self.folders.get(&file.folder) else {
            return;
        };
        let known = row.as_ref().map(PathRow::known);
        let wanted = want(&here.policy, file.stat, file.by_scan, known.as_ref());
        let Found { folder, path, stat, .. } = file;
        match wanted {
            Want::Nothing => {}
            Want::Settle => {
                let mut entry = Entry::new(folder, Some(stat), now.mono);
                entry.arrival = file.arrival;
                self.settle(now, path, entry, row, plan);
            }
            Want::Recheck => {
                let mut entry = Entry::new(folder, Some(stat), now.mono);
                entry.recheck = true;
                self.remember(now, path, entry);
            }
            Want::Relink => self.relink(folder, path, plan),
            Want::Back => {
                let elsewhere = row.is_some_and(|row| needs_relink(&here.policy, &row.known()));
                plan.writes.push(Write::Back { path: path.clone(), folder });
                if elsewhere {
                    self.relink(folder, path, plan);
                }
                self.hungry = true;
            }
            Want::IgnoreExisting => {
                let reason = "it lay there before the folder was watched (existing = \"ignore\")";
                let fingerprint = stat.fingerprint;
                plan.notices.push(Notice::Ignored { path: path.clone(), reason: reason.into() });
                plan.writes.push(Write::Ignored {
                    path,
                    folder,
                    fingerprint,
                    by: IgnoredBy::Existing,
                    certain: true,
                    reason: reason.into(),
                });
            }
        }
    }

    /// Another look at a file on its way.
    fn seen_again(
        &mut self,
        now: Now,
        file: Found,
        mut entry: Entry,
        row: Option<PathRow>,
        plan: &mut Plan,
    ) {
        let Found { folder, path, stat, arrival, .. } = file;
        if folder != FolderId::PUSHES {
            entry.folder = folder;
        }
        let mut changed = entry.see(stat, now.mono);
        if entry.recheck {
            changed = row.as_ref().is_some_and(|row| row.fingerprint != stat.fingerprint);
            entry.recheck = !changed;
        }
        if let Some(arrival) = arrival {
            entry.arrived(arrival);
        }
        if changed {
            self.write_settling(now, &path, &mut entry, row.as_ref(), plan);
        }
        match entry.phase {
            Phase::Identifying => {
                entry.stirred = true;
                self.settling.put(path, entry);
            }
            Phase::Waiting { .. } | Phase::Looking | Phase::Ready => {
                entry.glimpse = changed && arrival.is_none() && entry.may_glimpse(now.mono);
                self.reschedule(now, path, entry);
            }
        }
    }

    fn relink(&mut self, folder: FolderId, path: SharedPath, plan: &mut Plan) {
        let Some(here) = self.folders.get(&folder) else {
            return;
        };
        plan.writes.push(Write::Relink { path, folder, account: here.policy.account });
        self.hungry = true;
    }

    fn settle(
        &mut self,
        now: Now,
        path: SharedPath,
        mut entry: Entry,
        row: Option<PathRow>,
        plan: &mut Plan,
    ) {
        if self.room() > 0 {
            self.write_settling(now, &path, &mut entry, row.as_ref(), plan);
        }
        self.remember(now, path, entry);
    }

    /// Takes a file in, or, if memory is full, forgets it and owes a scan.
    fn remember(&mut self, now: Now, path: SharedPath, entry: Entry) {
        if self.room() > 0 {
            self.reschedule(now, path, entry);
        } else if !sabotage::on(Bug::ForgetOverflow) {
            self.owe_scan(entry.folder);
        }
    }

    /// Writes down what a file is waited for, if that is news.
    pub(super) fn write_settling(
        &self,
        now: Now,
        path: &SharedPath,
        entry: &mut Entry,
        row: Option<&PathRow>,
        plan: &mut Plan,
    ) {
        let Some(stat) = entry.stat else { return };
        // A pushed file inside a folder has its row from there.
        if entry.folder == FolderId::PUSHES {
            return;
        }
        let settles = |row: &PathRow| row.status == PathStatus::Settling && !row.gone;
        if !row.is_some_and(settles) {
            entry.noted = None;
            plan.notices.push(Notice::Seen(path.clone()));
        } else if entry.noted.is_none()
            && !entry.open
            && row.is_some_and(|row| row.fingerprint == stat.fingerprint)
        {
            // An earlier run wrote it down.
            return;
        }
        let Some(reason) = entry.note(now.mono) else { return };
        let (path, folder, fingerprint) = (path.clone(), entry.folder, stat.fingerprint);
        plan.writes.push(Write::Settling { path, folder, fingerprint, reason });
    }

    /// How long a file is to be quiet before it is read.
    pub(super) fn quiet_ms(&self, entry: &Entry) -> i64 {
        let policy = self.folders.get(&entry.folder).map(|folder| &folder.policy);
        entry.quiet_ms(policy.map_or(self.limits.push_settle_ms, |policy| policy.settle_ms))
    }

    /// Decides when a file is looked at or read next.
    pub(super) fn reschedule(&mut self, now: Now, path: SharedPath, mut entry: Entry) {
        let Some(stat) = entry.stat else {
            entry.phase = Phase::Waiting { due: now.mono };
            self.settling.put(path, entry);
            return;
        };
        if entry.glimpse {
            entry.phase = Phase::Ready;
            return self.settling.put(path, entry);
        }
        let policy = self.folders.get(&entry.folder).map(|folder| &folder.policy);
        let quiet_ms = self.quiet_ms(&entry);
        let rest = match &entry.incomplete {
            None => settle::rest(&stat, entry.same_since, self.clock.since, quiet_ms, now),
            Some((since, _)) => {
                let until = since.plus(policy.map_or(0, |policy| policy.incomplete_ms));
                if until <= now.mono { Rest::Ready } else { Rest::Until(until) }
            }
        };
        entry.phase = match rest {
            Rest::Ready => Phase::Ready,
            Rest::Until(_) if sabotage::on(Bug::NoQuietTime) => Phase::Ready,
            Rest::Until(at) if entry.incomplete.is_some() => {
                let look = entry.next_look(now.mono.plus(quiet_ms.max(100)), now.mono);
                Phase::Waiting { due: at.min(look) }
            }
            // What has just arrived is not kept waiting for having been watched for long.
            Rest::Until(at) if entry.is_arriving() => Phase::Waiting { due: at },
            Rest::Until(at) => Phase::Waiting { due: entry.next_look(at, now.mono) },
        };
        self.settling.put(path, entry);
    }

    #[allow(clippy::too_many_arguments)]
    fn seen_left(
        &mut self,
        now: Now,
        folder: FolderId,
        path: SharedPath,
        stat: Stat,
        rule: String,
        row: Option<PathRow>,
        plan: &mut Plan,
    ) {
        if let Some(mut entry) = self.settling.take(&path).filter(|e| !e.pushes.is_empty()) {
            // Rules do not apply to what a person asked for by name: it goes on as a push alone.
            entry.folder = FolderId::PUSHES;
            entry.see(stat, now.mono);
            match entry.phase {
                Phase::Identifying => self.settling.put(path.clone(), entry),
                Phase::Waiting { .. } | Phase::Looking | Phase::Ready => {
                    self.reschedule(now, path.clone(), entry);
                }
            }
        }
        // What was pushed from outside of all folders, and is linked, is not the rules' to leave.
        let pushed = |row: &PathRow| {
            let linked = matches!(row.status, PathStatus::Linked { .. });
            row.folder == FolderId::PUSHES && !row.gone && linked
        };
        if row.as_ref().is_some_and(pushed) {
            return;
        }
        if row.is_some_and(|row| row.known().is_left_by(folder, &rule)) {
            return;
        }
        plan.notices.push(Notice::Ignored { path: path.clone(), reason: rule.clone() });
        plan.writes.push(Write::Ignored {
            path,
            folder,
            fingerprint: stat.fingerprint,
            by: IgnoredBy::Rule,
            certain: true,
            reason: rule,
        });
    }

    fn seen_gone(&mut self, path: SharedPath, row: Option<PathRow>, plan: &mut Plan) {
        if let Some(mut entry) = self.settling.take(&path) {
            self.end_pushes(&path, &mut entry, "there is no such file", plan);
        }
        self.gone(path, row, plan);
    }

    pub(super) fn gone(&mut self, path: SharedPath, row: Option<PathRow>, plan: &mut Plan) {
        if row.is_some_and(|row| !row.gone) {
            plan.notices.push(Notice::Gone(path.clone()));
            plan.writes.push(Write::Gone { path });
        }
    }

    /// Tells those who asked for a file by name that it will not be. True if that was all the
    /// file was on its way for.
    pub(super) fn end_pushes(
        &mut self,
        path: &SharedPath,
        entry: &mut Entry,
        reason: &str,
        plan: &mut Plan,
    ) -> bool {
        for Push { account, .. } in entry.pushes.drain(..) {
            plan.notices.push(Notice::Failed { path: path.clone(), reason: reason.into() });
            plan.writes.push(Write::PushEnded { path: path.clone(), account });
        }
        entry.folder == FolderId::PUSHES
    }

    /// A source that turned out to be something else while it was sent settles again.
    pub(super) fn settle_again(&mut self, now: Now, folder: FolderId, path: SharedPath) {
        if self.settling.entry(&path).is_some() || sabotage::on(Bug::ForgetChangedSource) {
            return;
        }
        if self.folders.contains_key(&folder) && self.room() > 0 {
            self.settling.put(path, Entry::new(folder, None, now.mono));
        } else {
            self.owe_scan(folder);
        }
    }
}

/// A file that a look found.
struct Found {
    folder: FolderId,
    path: SharedPath,
    stat: Stat,
    by_scan: bool,
    arrival: Option<Arrival>,
}
