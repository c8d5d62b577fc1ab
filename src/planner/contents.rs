//! One file read: what it is, and what follows from that.
//!
//! Owns:
//! - what changed behind the reader is not believed;
//! - a file that is incomplete is waited for, and given up or sent after its time;
//! - a fingerprint spares a later read only if it was taken long enough after the last change.

use super::Planner;
use super::message::{Facts, Identity, NotYet, Notice, Plan, Whole, Write};
use super::sabotage::{self, Bug};
use super::settle::{self, Entry, Phase};
use super::types::{
    AccountId, Arrival, Content, EMPTY, FolderId, IgnoredBy, Now, PathRow, PathStatus, Push,
    SharedPath, Stat, UploadKey, UploadState, Wall, Writers,
};

impl Planner {
    pub(super) fn identified(
        &mut self,
        now: Now,
        path: SharedPath,
        result: Identity,
        facts: Facts,
        plan: &mut Plan,
    ) {
        let Some(mut entry) = self.settling.take(&path) else {
            return;
        };
        // Its folder is watched no more, and nobody asked for it by name.
        if self.is_nobodys(&entry) {
            return;
        }
        // Whatever was told of the file while it was read may be what the reading denies. That one
        // grows while it is looked into is no news, unless its writer is done.
        let stirred = std::mem::take(&mut entry.stirred);
        let news = !entry.glimpse || entry.arrival.is_some();
        if stirred && news && !matches!(result, Identity::Known { .. }) {
            entry.glimpse = false;
            entry.phase = Phase::Waiting { due: now.mono };
            return self.settling.put(path, entry);
        }
        match result {
            Identity::NotYet { stat, why, lacks } => {
                self.not_yet(now, path, entry, (stat, why, lacks), facts, plan);
            }
            Identity::Known { stat, .. }
            | Identity::Empty(stat)
            | Identity::Unsupported { stat, .. }
                if entry.stat.is_some_and(|seen| seen.fingerprint != stat.fingerprint)
                    && !sabotage::on(Bug::BelieveTornRead) =>
            {
                // It changed behind the reader: what was read is a thing of the past.
                self.reschedule(now, path, entry);
            }
            Identity::Known { stat, read_at, content, name, whole, writers } => {
                entry.see(stat, now.mono);
                let lacks = match &whole {
                    Whole::No { reason } => Some(reason.clone()),
                    Whole::Yes | Whole::CannotTell => None,
                };
                let file = Known { path, stat, read_at, content, name, whole, writers };
                match lacks {
                    Some(reason) => self.incomplete(now, entry, reason, Some(file), facts, plan),
                    None => self.link(now, entry, file, facts, plan),
                }
            }
            Identity::Empty(stat) => {
                entry.see(stat, now.mono);
                let reason = EMPTY.to_owned();
                self.empty(now, path, entry, stat, reason, plan);
            }
            Identity::Changed(stat) => {
                if !entry.see(stat, now.mono) {
                    // It looks the same, and yet its bytes were others: some file systems answer
                    // from a cache. Ask again when that has had time to catch up.
                    let due = entry.next_look(now.mono.plus(settle::CERTAIN_AFTER_MS), now.mono);
                    entry.phase = Phase::Waiting { due };
                    return self.settling.put(path, entry);
                }
                entry.recheck = false;
                self.write_settling(now, &path, &mut entry, facts.row.as_ref(), plan);
                self.reschedule(now, path, entry);
            }
            Identity::Unsupported { reason, .. } | Identity::Unreadable { reason, .. }
                if foreign(&entry, facts.row.as_ref()) =>
            {
                self.end_pushes(&path, &mut entry, &reason, plan);
            }
            Identity::Unsupported { stat, read_at, reason } => {
                let watched_ms = entry.read_at.since(entry.same_since);
                let certain = settle::certain(&stat, read_at, watched_ms);
                self.end_pushes(&path, &mut entry, &reason, plan);
                let known = facts.row.is_some_and(|row| {
                    matches!(&row.status, PathStatus::Ignored { reason: old, .. } if *old == reason)
                });
                if !known {
                    plan.notices
                        .push(Notice::Ignored { path: path.clone(), reason: reason.clone() });
                }
                let (folder, by) = (entry.folder, IgnoredBy::Media);
                let fingerprint = stat.fingerprint;
                plan.writes.push(Write::Ignored {
                    path: path.clone(),
                    folder,
                    fingerprint,
                    by,
                    certain,
                    reason,
                });
                self.recheck_unless(certain, now, path, entry, stat);
            }
            Identity::Gone => {
                self.end_pushes(&path, &mut entry, "there is no such file", plan);
                self.gone(path, facts.row, plan);
            }
            Identity::Unreadable { stat, reason } => {
                self.end_pushes(&path, &mut entry, &reason, plan);
                let fingerprint = stat.or(entry.stat).unwrap_or_default().fingerprint;
                let known = facts.row.is_some_and(|row| {
                    let failed = PathStatus::Failed { reason: reason.clone() };
                    row.status == failed && row.fingerprint == fingerprint && !row.gone
                });
                if known {
                    return;
                }
                plan.notices.push(Notice::Failed { path: path.clone(), reason: reason.clone() });
                let (folder, certain) = (entry.folder, false);
                plan.writes.push(Write::PathFailed { path, folder, fingerprint, certain, reason });
            }
        }
    }

    /// It was not at rest, or that could not be proved: it is read again when it has been quiet,
    /// when the system tells that it was closed, or, ever more slowly, to see who has it open.
    fn not_yet(
        &mut self,
        now: Now,
        path: SharedPath,
        mut entry: Entry,
        (stat, why, lacks): (Stat, NotYet, Option<String>),
        facts: Facts,
        plan: &mut Plan,
    ) {
        let glimpsed = std::mem::take(&mut entry.glimpse);
        if glimpsed {
            entry.glimpsed_at = Some(now.mono);
        }
        let changed = entry.see(stat, now.mono);
        entry.recheck &= !changed;
        entry.lacks = lacks;
        entry.open = why == NotYet::Open;
        entry.unproved |= why == NotYet::Unproved;
        // One that has just arrived may have been opened by whoever looks at it.
        if entry.open && !entry.recheck && !entry.is_arriving() && !entry.told_open {
            entry.told_open = true;
            plan.notices
                .push(Notice::Waits { path: path.clone(), reason: entry.waits_for(now.mono) });
        }
        if !entry.recheck && why != NotYet::Unproved {
            entry.note_at_once();
            self.write_settling(now, &path, &mut entry, facts.row.as_ref(), plan);
        }
        if entry.open && sabotage::on(Bug::ForgetOpenFiles) {
            return;
        }
        if why == NotYet::Open && !changed {
            let quiet_ms = self.quiet_ms(&entry).max(100);
            entry.phase =
                Phase::Waiting { due: entry.next_look(now.mono.plus(quiet_ms), now.mono) };
            return self.settling.put(path, entry);
        }
        self.reschedule(now, path, entry);
    }

    fn empty(
        &mut self,
        now: Now,
        path: SharedPath,
        mut entry: Entry,
        stat: Stat,
        reason: String,
        plan: &mut Plan,
    ) {
        if self.end_pushes(&path, &mut entry, &reason, plan) {
            return;
        }
        self.wait_for_more(now, path, entry, stat, reason, plan);
    }

    /// At rest, and yet its container promises more.
    fn incomplete(
        &mut self,
        now: Now,
        mut entry: Entry,
        reason: String,
        known: Option<Known>,
        facts: Facts,
        plan: &mut Plan,
    ) {
        let Some(file) = known else { return };
        let forced = entry.pushes.iter().any(|push| push.force);
        if forced {
            return self.link(now, entry, file, facts, plan);
        }
        let (path, stat) = (file.path.clone(), file.stat);
        if self.end_pushes(&path, &mut entry, &reason, plan) {
            return;
        }
        let policy = self.folders.get(&entry.folder).map(|folder| &folder.policy);
        let send = policy.is_some_and(|policy| policy.send_incomplete);
        if send && self.waited_enough(now, &entry, &stat) {
            return self.link(now, entry, file, facts, plan);
        }
        self.wait_for_more(now, path, entry, stat, reason, plan);
    }

    fn waited_enough(&self, now: Now, entry: &Entry, stat: &Stat) -> bool {
        let policy = self.folders.get(&entry.folder).map(|folder| &folder.policy);
        let patience_ms = policy.map_or(0, |policy| policy.incomplete_ms);
        if let Some((since, _)) = &entry.incomplete {
            return now.mono.since(*since) >= patience_ms;
        }
        settle::quiet_for_ms(stat, entry.same_since, self.clock.since, now) >= patience_ms
    }

    fn wait_for_more(
        &mut self,
        now: Now,
        path: SharedPath,
        mut entry: Entry,
        stat: Stat,
        reason: String,
        plan: &mut Plan,
    ) {
        let (folder, fingerprint) = (entry.folder, stat.fingerprint);
        if self.waited_enough(now, &entry, &stat) {
            plan.notices.push(Notice::Failed { path: path.clone(), reason: reason.clone() });
            let certain = true;
            plan.writes.push(Write::PathFailed { path, folder, fingerprint, certain, reason });
            return;
        }
        if entry.incomplete.is_none() {
            let write = (path.clone(), reason.clone());
            plan.writes.push(Write::Settling {
                path: write.0,
                folder,
                fingerprint,
                reason: write.1,
            });
            let quiet_ms = settle::quiet_for_ms(&stat, entry.same_since, self.clock.since, now);
            entry.incomplete = Some((now.mono.plus(-quiet_ms), reason));
        }
        entry.recheck = false;
        self.reschedule(now, path, entry);
    }

    fn link(&mut self, now: Now, mut entry: Entry, file: Known, facts: Facts, plan: &mut Plan) {
        let evidence = self.evidence(now, &entry, &file);
        let Known { path, stat, read_at, content, name, .. } = file;
        let watched_ms = entry.read_at.since(entry.same_since);
        let certain =
            settle::certain(&stat, read_at, watched_ms) || sabotage::on(Bug::AlwaysCertain);
        let pushes = std::mem::take(&mut entry.pushes);
        self.hungry = true;
        let foreign = foreign(&entry, facts.row.as_ref());
        if foreign {
            self.refresh(now, &path, stat, facts.row.as_ref(), plan);
        }
        for Push { account, name: wanted, .. } in &pushes {
            let (path, account) = (path.clone(), *account);
            let key = UploadKey { hash: content.hash, account };
            plan.notices.push(Notice::Pushed { path: path.clone(), key });
            plan.writes.push(Write::PushEnded { path: path.clone(), account });
            let (content, name) = (content.clone(), wanted.as_ref().unwrap_or(&name).clone());
            plan.writes.push(Write::PushLink { path, content, account, name });
        }
        let folder = entry.folder;
        let account = match self.folders.get(&folder) {
            Some(here) => here.policy.account,
            // A pushed file that a folder has a row of keeps that row.
            None if foreign => return,
            None => match pushes.first() {
                Some(push) => push.account,
                None => return,
            },
        };
        let fingerprint = stat.fingerprint;
        let linked = |row: &PathRow| match &row.status {
            PathStatus::Linked { key, .. } => {
                !row.gone && key.hash == content.hash && key.account == account
            }
            PathStatus::Settling | PathStatus::Failed { .. } | PathStatus::Ignored { .. } => false,
        };
        if facts.row.as_ref().is_some_and(linked) {
            plan.writes.push(Write::Certain { path: path.clone(), fingerprint, certain });
        } else {
            self.tell_linked(&path, &content, account, facts.upload, plan);
            plan.writes.push(Write::Link {
                path: path.clone(),
                folder,
                fingerprint,
                certain,
                content,
                account,
                name,
                evidence,
            });
        }
        self.recheck_unless(certain || folder == FolderId::PUSHES, now, path, entry, stat);
    }

    /// Why a file is believed to be at rest, in words.
    fn evidence(&self, now: Now, entry: &Entry, file: &Known) -> String {
        let quiet_ms = settle::quiet_for_ms(&file.stat, entry.same_since, self.clock.since, now);
        let arrival = entry.arrival.map(|arrival| match arrival {
            Arrival::Closed => "closed after writing; ",
            Arrival::Renamed => "renamed into place; ",
        });
        let writers = match &file.writers {
            Writers::Nobody => "nobody has it open for writing".to_owned(),
            Writers::Somebody => "somebody has it open for writing".to_owned(),
            Writers::Unknown { why } => format!("whether somebody writes cannot be told ({why})"),
        };
        let whole = match &file.whole {
            Whole::Yes => "its container is whole".to_owned(),
            Whole::CannotTell => "its format does not tell whether it is whole".to_owned(),
            Whole::No { reason } => reason.clone(),
        };
        format!(
            "{}unchanged for {}.{:03} s; {writers}; {whole}",
            arrival.unwrap_or_default(),
            quiet_ms / 1_000,
            quiet_ms.rem_euclid(1_000)
        )
    }

    /// A push is sent by the look of the row that a folder has of it: one that is out of date is
    /// brought up to date, and the folder looks for itself.
    fn refresh(
        &mut self,
        now: Now,
        path: &SharedPath,
        stat: Stat,
        row: Option<&PathRow>,
        plan: &mut Plan,
    ) {
        let Some(row) = row.filter(|row| row.fingerprint != stat.fingerprint) else {
            return;
        };
        plan.writes.push(Write::Settling {
            path: path.clone(),
            folder: row.folder,
            fingerprint: stat.fingerprint,
            reason: "pushed; its folder looks at it again".into(),
        });
        self.settle_again(now, row.folder, path.clone());
    }

    fn tell_linked(
        &self,
        path: &SharedPath,
        content: &Content,
        account: AccountId,
        upload: Option<UploadState>,
        plan: &mut Plan,
    ) {
        let (path, content) = (path.clone(), content.clone());
        plan.notices.push(Notice::Settled { path: path.clone(), content: content.clone() });
        match upload.unwrap_or(UploadState::Absent) {
            UploadState::Absent | UploadState::Wanted => {}
            UploadState::Uploaded { asset_id } => {
                plan.notices.push(Notice::Deduplicated { path, content, account, asset_id });
            }
            UploadState::Failed { reason } => plan.notices.push(Notice::Failed { path, reason }),
            UploadState::Held { reason } => plan.notices.push(Notice::Held { path, reason }),
        }
    }

    /// A fingerprint too fresh to be relied on is taken again; the upload does not wait for it.
    fn recheck_unless(
        &mut self,
        certain: bool,
        now: Now,
        path: SharedPath,
        mut entry: Entry,
        stat: Stat,
    ) {
        if certain || entry.folder == FolderId::PUSHES {
            return;
        }
        entry.stat = Some(stat);
        entry.recheck = true;
        entry.incomplete = None;
        entry.arrival = None;
        let due = entry.same_since.plus(settle::CERTAIN_AFTER_MS).max(now.mono.plus(100));
        entry.phase = Phase::Waiting { due };
        self.settling.put(path, entry);
    }
}

/// A file that was read from start to end.
struct Known {
    path: SharedPath,
    stat: Stat,
    read_at: Wall,
    content: Content,
    name: String,
    whole: Whole,
    writers: Writers,
}

/// A pushed file whose row belongs to a folder: the push leaves the row alone.
fn foreign(entry: &Entry, row: Option<&PathRow>) -> bool {
    entry.folder == FolderId::PUSHES && row.is_some_and(|row| row.folder != FolderId::PUSHES)
}
