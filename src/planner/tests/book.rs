//! A ledger in memory: takes writes and answers what the planner asks, as the real one does.
//!
//! Owns:
//! - a write that the real ledger would refuse is a panic here.

use std::collections::BTreeMap;

use super::super::*;

/// An asset younger than this need not be listed yet.
const LISTED_AFTER_MS: i64 = 60_000;

/// A path's row without its upload's state.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) folder: FolderId,
    pub(super) fingerprint: Fingerprint,
    pub(super) certain: bool,
    pub(super) gone: bool,
    pub(super) is: Is,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Is {
    Settling(String),
    Linked(UploadKey),
    Failed(String),
    Ignored(IgnoredBy, String),
}

#[derive(Debug, Clone)]
pub(super) struct Upload {
    pub(super) content: Content,
    pub(super) name: String,
    pub(super) failures: u32,
    pub(super) doubts: u32,
    pub(super) next_try_at: Option<Wall>,
    pub(super) state: UploadState,
    uploaded_at: Wall,
}

#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) key: UploadKey,
    path: SharedPath,
    name: String,
    at: Wall,
    skew_ms: Option<i64>,
    looks: u32,
    took_ms: Option<i64>,
    pub(super) open: bool,
}

#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) rows: BTreeMap<SharedPath, Row>,
    pub(super) uploads: BTreeMap<UploadKey, Upload>,
    pub(super) attempts: BTreeMap<AttemptId, Attempt>,
    pub(super) accounts: BTreeMap<AccountId, Option<String>>,
    /// Uploads that a push wants, and the path to read them from.
    pushed: BTreeMap<UploadKey, SharedPath>,
    pushes: Vec<(SharedPath, Push)>,
    /// AssetIds that were forgotten, and the names they were sent under.
    former: Vec<(String, String)>,
    paused: Option<Option<Wall>>,
    stops: BTreeMap<Option<AccountId>, Stop>,
}

impl Upload {
    fn try_again(&mut self) {
        self.state = UploadState::Wanted;
        (self.failures, self.doubts, self.next_try_at) = (0, 0, None);
    }
}

impl Book {
    pub(super) fn path_row(&self, path: &SharedPath) -> Option<PathRow> {
        let row = self.rows.get(path)?;
        let status = match &row.is {
            Is::Settling(_) => PathStatus::Settling,
            Is::Linked(key) => {
                PathStatus::Linked { key: *key, upload: self.uploads[key].state.clone() }
            }
            Is::Failed(reason) => PathStatus::Failed { reason: reason.clone() },
            Is::Ignored(by, reason) => PathStatus::Ignored { by: *by, reason: reason.clone() },
        };
        let Row { folder, fingerprint, certain, gone, .. } = *row;
        Some(PathRow { folder, fingerprint, certain, gone, status })
    }

    pub(super) fn facts(&self, planner: &Planner, event: &Event, now: Now) -> Facts {
        let mut facts = Facts::default();
        match event {
            Event::Seen(Sight { path, .. }) | Event::Pushed { path, .. } => {
                facts.row = self.path_row(path);
            }
            Event::Identified { path, result } => {
                facts.row = self.path_row(path);
                if let (Some(account), Identity::Known { content, .. }) =
                    (planner.wanted_on(path), result)
                {
                    let upload = self.uploads.get(&UploadKey { hash: content.hash, account });
                    let state = upload.map(|upload| upload.state.clone());
                    facts.upload = Some(state.unwrap_or(UploadState::Absent));
                }
            }
            Event::Sent { outcome: Outcome::Stored(asset), .. } => {
                facts.asset_account = self.account_of(asset);
            }
            Event::Listed { account, listing: Ok(listing) } => {
                self.facts_of_list(*account, listing, now, &mut facts);
            }
            Event::Sent { attempt, outcome: Outcome::NotSent(_) } => {
                facts.row = planner.source_of(*attempt).and_then(|path| self.path_row(path));
            }
            Event::Asked(command) => self.facts_of_wish(command, &mut facts),
            Event::AccountKnown { .. }
            | Event::Sent { .. }
            | Event::Listed { .. }
            | Event::ScanEnded { .. }
            | Event::ScanOwed { .. }
            | Event::Watched { .. }
            | Event::Hangs { .. }
            | Event::Sensed(_)
            | Event::Configured(_)
            | Event::TokenChanged
            | Event::TokenMissing { .. }
            | Event::ErrandEnded { .. }
            | Event::Stopping => {}
        }
        facts
    }

    fn facts_of_wish(&self, command: &Command, facts: &mut Facts) {
        match command {
            Command::Retry { path } => facts.row = self.path_row(path),
            Command::RetryAll | Command::Pause { .. } | Command::Resume | Command::Rescan => {}
            Command::Found { key, asset } => {
                facts.upload = Some(self.uploads[key].state.clone());
                let has = |state: &UploadState| match state {
                    UploadState::Uploaded { asset_id } => *asset_id == asset.asset_id,
                    _ => false,
                };
                facts.taken = self.uploads.values().any(|upload| has(&upload.state))
                    || self.former.iter().any(|(id, _)| *id == asset.asset_id);
            }
            Command::NotFound { key } | Command::Forget { key } => {
                facts.upload = Some(self.uploads[key].state.clone());
            }
        }
    }

    fn facts_of_list(&self, account: AccountId, listing: &Listing, now: Now, facts: &mut Facts) {
        let listed: Vec<&str> = listing.assets.iter().map(|l| l.asset.asset_id.as_str()).collect();
        let nameless = |id| self.accounts.get(&id).is_none_or(|email| email.is_none());
        for (key, upload) in &self.uploads {
            let maybe_here = key.account == account || nameless(key.account) || nameless(account);
            match &upload.state {
                UploadState::Uploaded { asset_id } if listed.contains(&asset_id.as_str()) => {
                    facts.ours.push((asset_id.clone(), upload.name.clone()));
                }
                UploadState::Held { .. } if maybe_here => {
                    facts.held.push((upload.name.clone(), upload.content.size));
                }
                UploadState::Uploaded { .. }
                | UploadState::Held { .. }
                | UploadState::Absent
                | UploadState::Wanted
                | UploadState::Failed { .. } => {}
            }
        }
        let former = self.former.iter().filter(|(id, _)| listed.contains(&id.as_str()));
        facts.ours.extend(former.cloned());
        facts.recent = self.must_be_listed(account, now);
        let named = self.accounts.iter().filter(|(_, email)| email.is_some()).map(|(id, _)| *id);
        facts.established = named.filter(|id| !self.must_be_listed(*id, now).is_empty()).collect();
        facts.asset_account =
            listing.assets.iter().find_map(|listed| self.account_of(&listed.asset));
    }

    fn must_be_listed(&self, account: AccountId, now: Now) -> Vec<String> {
        let here = self.uploads.iter().filter(|(key, _)| key.account == account);
        let old = here.filter(|(_, u)| u.uploaded_at.plus(LISTED_AFTER_MS) <= now.wall);
        old.filter_map(|(_, upload)| match &upload.state {
            UploadState::Uploaded { asset_id } => Some(asset_id.clone()),
            _ => None,
        })
        .collect()
    }

    fn account_of(&self, asset: &Asset) -> Option<AccountId> {
        let email = asset.email();
        self.accounts.iter().find(|(_, e)| e.is_some() && **e == email).map(|(id, _)| *id)
    }

    pub(super) fn offer(&self, ask: &Ask, now: Now) -> Offer {
        let mut offer = Offer::default();
        for (folder, account) in &ask.lanes {
            let (mut due, mut ready) = (Vec::new(), Vec::new());
            for (key, path) in self.queue(*folder, *account) {
                let upload = &self.uploads[&key];
                let candidate = self.candidate(*folder, key, path, upload);
                let newest = std::cmp::Reverse(candidate.fingerprint.mtime_ns);
                match upload.next_try_at {
                    None => ready.push((newest, candidate)),
                    Some(at) if at <= now.wall || at > now.wall.plus(UPLOAD_CAP_MS) => {
                        due.push((at, candidate));
                    }
                    Some(at) => {
                        let first = offer.next_try_at.map_or(at, |first| first.min(at));
                        offer.next_try_at = Some(first);
                    }
                }
            }
            due.sort_by_key(|(at, _)| *at);
            ready.sort_by_key(|(newest, _)| *newest);
            let due = due.into_iter().map(|(_, candidate)| candidate);
            let lane = due.chain(ready.into_iter().map(|(_, candidate)| candidate));
            offer.lanes.push(lane.take(ask.most).collect());
        }
        offer
    }

    /// What waits in a lane: the upload, and a living path of the lane that holds it.
    pub(super) fn queue(
        &self,
        folder: FolderId,
        account: AccountId,
    ) -> BTreeMap<UploadKey, SharedPath> {
        let mut queue = BTreeMap::new();
        if folder == FolderId::PUSHES {
            queue.extend(self.pushed.iter().map(|(key, path)| (*key, path.clone())));
        } else {
            let living = self.rows.iter().filter(|(_, row)| row.folder == folder && !row.gone);
            queue.extend(living.filter_map(|(path, row)| match row.is {
                Is::Linked(key) => Some((key, path.clone())),
                Is::Settling(_) | Is::Failed(_) | Is::Ignored(..) => None,
            }));
        }
        queue.retain(|key, _| {
            key.account == account
                && self.uploads[key].state == UploadState::Wanted
                && !self.attempts.values().any(|attempt| attempt.open && attempt.key == *key)
        });
        queue
    }

    fn candidate(
        &self,
        folder: FolderId,
        key: UploadKey,
        path: SharedPath,
        upload: &Upload,
    ) -> Candidate {
        let open = |key: &UploadKey| self.attempts.values().any(|a| a.open && a.key == *key);
        let taken = |(other, upload): &(&UploadKey, &Upload)| {
            let ended =
                matches!(upload.state, UploadState::Uploaded { .. } | UploadState::Held { .. });
            other.hash == key.hash && **other != key && (ended || open(other))
        };
        Candidate {
            folder,
            content: upload.content.clone(),
            account: key.account,
            fingerprint: self.rows[&path].fingerprint,
            path,
            name: upload.name.clone(),
            failures: upload.failures,
            doubts: upload.doubts,
            elsewhere: self.uploads.iter().filter(taken).map(|(key, _)| key.account).collect(),
        }
    }

    pub(super) fn remembered(&self) -> Remembered {
        let open = self.attempts.iter().filter(|(_, attempt)| attempt.open);
        let open = open.map(|(id, attempt)| {
            let upload = &self.uploads[&attempt.key];
            OpenAttempt {
                attempt: *id,
                key: attempt.key,
                path: attempt.path.clone(),
                folder: self.rows[&attempt.path].folder,
                name: attempt.name.clone(),
                size: upload.content.size,
                opened_at: attempt.at,
                opened_skew_ms: attempt.skew_ms,
                looks: attempt.looks,
                failures: upload.failures,
                doubts: upload.doubts,
                took_ms: attempt.took_ms,
                newer: 0,
            }
        });
        Remembered {
            open: open.collect(),
            pushes: self.pushes.clone(),
            stops: self.stops.values().cloned().collect(),
            paused: self.paused,
            last_attempt: self.attempts.keys().last().map_or(0, |id| id.0),
        }
    }

    pub(super) fn apply(&mut self, write: &Write, now: Now) {
        match write.clone() {
            Write::Settling { path, folder, fingerprint, reason } => {
                self.put(path, folder, fingerprint, false, Is::Settling(reason));
            }
            Write::Link { path, folder, fingerprint, certain, content, account, name, .. } => {
                let key = self.want(content, account, name);
                self.put(path, folder, fingerprint, certain, Is::Linked(key));
            }
            Write::Relink { path, folder, account } => {
                let row = self.rows.get_mut(&path).expect("a row to relink");
                let Is::Linked(old) = row.is else { return };
                row.folder = folder;
                row.is = Is::Linked(UploadKey { account, ..old });
                let (content, name) = (&self.uploads[&old].content, &self.uploads[&old].name);
                self.want(content.clone(), account, name.clone());
            }
            Write::Certain { path, fingerprint, certain } => {
                let row = self.rows.get_mut(&path).expect("a row to be certain of");
                (row.fingerprint, row.certain) = (fingerprint, certain);
            }
            Write::Back { path, folder } => {
                let row = self.rows.get_mut(&path).expect("a row that comes back");
                (row.gone, row.folder) = (false, folder);
            }
            Write::Gone { path } => {
                if let Some(row) = self.rows.get_mut(&path) {
                    row.gone = true;
                    self.pushed.retain(|_, pushed| *pushed != path);
                }
            }
            Write::Ignored { path, folder, fingerprint, by, certain, reason } => {
                self.put(path, folder, fingerprint, certain, Is::Ignored(by, reason));
            }
            Write::PathFailed { path, folder, fingerprint, certain, reason } => {
                self.put(path, folder, fingerprint, certain, Is::Failed(reason));
            }
            Write::PushAsked { path, push } => {
                self.pushes.retain(|(p, old)| (p, old.account) != (&path, push.account));
                self.pushes.push((path, push));
            }
            Write::PushEnded { path, account } => {
                self.pushes.retain(|(p, old)| (p, old.account) != (&path, account));
            }
            Write::PushLink { path, content, account, name } => {
                let key = self.want(content, account, name);
                if !self.rows.contains_key(&path) {
                    let is = Is::Settling(String::new());
                    self.put(path.clone(), FolderId::PUSHES, Fingerprint::default(), false, is);
                }
                self.pushed.insert(key, path);
            }
            Write::NameAccount { account, email } => {
                self.accounts.insert(account, Some(email));
            }
            Write::Stopped(stop) => {
                self.stops.insert(stop.account, stop);
            }
            Write::Resumed { account } => {
                self.stops.remove(&account);
            }
            Write::MergeAccount { from, into } => self.merge(from, into),
            Write::Scanned { .. } => {}
            Write::Paused { until } => self.paused = Some(until),
            Write::Unpaused => self.paused = None,
            attempt => self.apply_attempt(attempt, now),
        }
    }

    fn apply_attempt(&mut self, write: Write, now: Now) {
        match write {
            Write::OpenAttempt { attempt, key, path, name, at, skew_ms } => {
                assert!(self.uploads.contains_key(&key), "an attempt of nothing");
                let doubled = self.attempts.values().any(|a| a.open && a.key == key);
                assert!(!doubled, "two open attempts of one upload");
                let (looks, took_ms, open) = (0, None, true);
                let new = Attempt { key, path, name, at, skew_ms, looks, took_ms, open };
                assert!(self.attempts.insert(attempt, new).is_none(), "a number used twice");
            }
            Write::Doubt { attempt, took_ms, .. } => {
                self.attempt(attempt).took_ms = Some(took_ms);
            }
            Write::Looked { attempt, looks, .. } => self.attempt(attempt).looks = looks,
            Write::CloseAttempt { attempt, .. } => self.attempt(attempt).open = false,
            Write::Uploaded { key, asset, name } => {
                let upload = self.upload(key);
                upload.state = UploadState::Uploaded { asset_id: asset.asset_id };
                (upload.name, upload.uploaded_at) = (name, now.wall);
                (upload.failures, upload.doubts, upload.next_try_at) = (0, 0, None);
            }
            Write::Delay { key, failures, doubts, next_try_at, .. } => {
                let upload = self.upload(key);
                (upload.failures, upload.doubts) = (failures, doubts);
                upload.next_try_at = next_try_at;
            }
            Write::UploadFailed { key, reason } => {
                self.end(key, UploadState::Failed { reason });
            }
            Write::UploadHeld { key, reason } => self.end(key, UploadState::Held { reason }),
            Write::Requeue { key, .. } => {
                let upload = self.upload(key);
                if matches!(upload.state, UploadState::Failed { .. }) {
                    upload.state = UploadState::Wanted;
                    upload.next_try_at = None;
                }
            }
            Write::TryAgain { key, .. } => self.upload(key).try_again(),
            Write::TryAllAgain => {
                for upload in self.uploads.values_mut() {
                    if matches!(upload.state, UploadState::Failed { .. }) {
                        upload.try_again();
                    }
                }
                for row in self.rows.values_mut().filter(|row| !row.gone) {
                    if matches!(row.is, Is::Failed(_)) {
                        row.is = Is::Settling("as asked".into());
                        row.certain = false;
                    }
                }
            }
            Write::Resolved { key, asset } => {
                let upload = self.upload(key);
                assert!(matches!(upload.state, UploadState::Held { .. }), "it is held");
                upload.state = UploadState::Uploaded { asset_id: asset.asset_id };
                upload.uploaded_at = now.wall;
            }
            Write::Forget { key } => {
                let upload = self.upload(key);
                let UploadState::Uploaded { asset_id } = &upload.state else {
                    panic!("only what is uploaded is forgotten")
                };
                let former = (asset_id.clone(), upload.name.clone());
                upload.try_again();
                self.former.push(former);
                self.pushed.remove(&key);
            }
            other => panic!("not about an attempt or an upload: {other:?}"),
        }
    }

    fn end(&mut self, key: UploadKey, state: UploadState) {
        let upload = self.upload(key);
        assert_eq!(upload.state, UploadState::Wanted, "an upload ends once");
        (upload.state, upload.next_try_at) = (state, None);
    }

    fn put(&mut self, path: SharedPath, folder: FolderId, print: Fingerprint, sure: bool, is: Is) {
        if matches!(is, Is::Settling(_) | Is::Failed(_)) {
            self.pushed.retain(|_, pushed| *pushed != path);
        }
        let known = self.rows.get(&path).map(|row| row.folder);
        let folder = known.filter(|_| folder == FolderId::PUSHES).unwrap_or(folder);
        let row = Row { folder, fingerprint: print, certain: sure, gone: false, is };
        self.rows.insert(path, row);
    }

    fn want(&mut self, content: Content, account: AccountId, name: String) -> UploadKey {
        let key = UploadKey { hash: content.hash, account };
        self.uploads.entry(key).or_insert(Upload {
            content,
            name,
            failures: 0,
            doubts: 0,
            next_try_at: None,
            state: UploadState::Wanted,
            uploaded_at: Wall::default(),
        });
        key
    }

    fn upload(&mut self, key: UploadKey) -> &mut Upload {
        self.uploads.get_mut(&key).expect("an upload of the ledger")
    }

    fn attempt(&mut self, id: AttemptId) -> &mut Attempt {
        self.attempts.get_mut(&id).expect("an attempt of the ledger")
    }

    fn merge(&mut self, from: AccountId, into: AccountId) {
        let moved = |key: UploadKey| match key.account == from {
            true => UploadKey { account: into, ..key },
            false => key,
        };
        for (key, upload) in std::mem::take(&mut self.uploads) {
            let kept = self.uploads.entry(moved(key)).or_insert_with(|| upload.clone());
            if matches!(upload.state, UploadState::Uploaded { .. }) {
                *kept = upload;
            }
        }
        for row in self.rows.values_mut() {
            if let Is::Linked(key) = &mut row.is {
                *key = moved(*key);
            }
        }
        for attempt in self.attempts.values_mut() {
            attempt.key = moved(attempt.key);
        }
        self.pushed = std::mem::take(&mut self.pushed)
            .into_iter()
            .map(|(key, path)| (moved(key), path))
            .collect();
        self.accounts.remove(&from);
    }
}
