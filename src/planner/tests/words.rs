//! Writes, effects and notices as lines of a story.

use std::path::Path;

use super::super::*;
use super::book::Book;

/// What lies below this is shown without it.
pub(super) const ROOT: &str = "/1/";

pub(super) fn path(path: &Path) -> String {
    let text = path.display().to_string();
    text.strip_prefix(ROOT).map(str::to_owned).unwrap_or(text)
}

/// A content's label.
pub(super) fn label(hash: ContentHash) -> String {
    let bytes: Vec<u8> = hash.0.iter().copied().take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(super) fn duration(ms: i64) -> String {
    match ms {
        ms if ms < 0 => format!("-{}", duration(-ms)),
        ms if ms > 0 && ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms > 0 && ms % 60_000 == 0 => format!("{}min", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        ms => format!("{}.{:03}s", ms / 1_000, ms % 1_000),
    }
}

/// The last part of an assetId.
pub(super) fn short(asset_id: &str) -> &str {
    asset_id.rsplit_once("-asset:").map_or(asset_id, |(_, id)| id)
}

/// Words for what a plan holds; looks accounts up in the book.
pub(super) struct Words<'a> {
    pub(super) book: &'a Book,
    pub(super) now: Now,
}

impl Words<'_> {
    pub(super) fn account(&self, id: AccountId) -> String {
        match self.book.accounts.get(&id) {
            Some(Some(email)) => email.split('@').next().unwrap_or(email).to_owned(),
            Some(None) => "?".into(),
            None => format!("account {}", id.0),
        }
    }

    fn key(&self, key: &UploadKey) -> String {
        format!("{} on {}", label(key.hash), self.account(key.account))
    }

    fn when(&self, at: Option<Wall>) -> String {
        at.map(|at| format!(" in {}", duration(at.since(self.now.wall)))).unwrap_or_default()
    }

    pub(super) fn write(&self, write: &Write) -> String {
        let p = |of: &SharedPath| path(of);
        let sure = |certain: bool| if certain { "certain" } else { "uncertain" };
        match write {
            Write::Settling { path, reason, .. } => format!("settling {}: {reason}", p(path)),
            Write::Link { path, certain, content, account, name, evidence, .. } => {
                let key = UploadKey { hash: content.hash, account: *account };
                let (path, key, certain) = (p(path), self.key(&key), sure(*certain));
                format!("link {path} to {key} as {name}, {certain}: {evidence}")
            }
            Write::Relink { path, folder, account } => {
                let account = self.account(*account);
                format!("relink {} to {account} in folder {}", p(path), folder.0)
            }
            Write::Certain { path, certain, .. } => format!("{} is {}", p(path), sure(*certain)),
            Write::Back { path, .. } => format!("{} is back", p(path)),
            Write::Gone { path } => format!("{} is gone", p(path)),
            Write::Ignored { path, certain, reason, by, .. } => {
                let by = format!("{by:?}").to_lowercase();
                format!("ignore {} by {by}, {}: {reason}", p(path), sure(*certain))
            }
            Write::PathFailed { path, reason, .. } => format!("{} failed: {reason}", p(path)),
            Write::PushAsked { path, push } => {
                let force = if push.force { " by force" } else { "" };
                format!("push {} to {}{force}", p(path), self.account(push.account))
            }
            Write::PushEnded { path, account } => {
                format!("push {} to {} has ended", p(path), self.account(*account))
            }
            Write::PushLink { path, content, account, .. } => {
                let key = UploadKey { hash: content.hash, account: *account };
                format!("queue push {}: {}", p(path), self.key(&key))
            }
            Write::NameAccount { account, email } => format!("account {} is {email}", account.0),
            Write::MergeAccount { from, into } => {
                format!("account {} is account {}", from.0, into.0)
            }
            Write::Stopped(Stop { account, cause, until, .. }) => {
                let of = account.map_or("all".into(), |account| self.account(account));
                format!("stop {of} ({}){}", cause.as_str(), self.when(Some(*until)))
            }
            Write::Resumed { account } => {
                let of = account.map_or("all".into(), |account| self.account(account));
                format!("{of} may go on")
            }
            Write::Paused { until } => format!("pause{}", self.when(*until)),
            Write::Unpaused => "pause no more".into(),
            Write::Scanned { folder } => format!("folder {} was scanned", folder.0),
            attempt => self.of_attempt(attempt),
        }
    }

    fn of_attempt(&self, write: &Write) -> String {
        match write {
            Write::OpenAttempt { attempt, key, name, .. } => {
                format!("open {}: {} as {name}", attempt.0, self.key(key))
            }
            Write::Doubt { attempt, reason, .. } => format!("doubt {}: {reason}", attempt.0),
            Write::Looked { attempt, looks, reason } => {
                format!("look {looks} for {}: {reason}", attempt.0)
            }
            Write::CloseAttempt { attempt, end, detail, .. } if detail.is_empty() => {
                format!("close {} {}", attempt.0, end.as_str())
            }
            Write::CloseAttempt { attempt, end, detail, .. } => {
                format!("close {} {}: {detail}", attempt.0, end.as_str())
            }
            Write::Uploaded { key, asset, .. } => {
                format!("{} is {}", self.key(key), short(&asset.asset_id))
            }
            Write::Delay { key, failures, doubts, next_try_at, reason } => {
                let (key, when) = (self.key(key), self.when(*next_try_at));
                format!("retry {key}{when} ({failures} failures, {doubts} doubts): {reason}")
            }
            Write::UploadFailed { key, reason } => format!("fail {}: {reason}", self.key(key)),
            Write::UploadHeld { key, reason } => format!("hold {}: {reason}", self.key(key)),
            Write::Requeue { key, reason } => format!("requeue {}: {reason}", self.key(key)),
            Write::TryAgain { key, reason } => format!("try {} again: {reason}", self.key(key)),
            Write::TryAllAgain => "try all that failed again".into(),
            Write::Resolved { key, asset } => {
                format!("{} is {}, a person says", self.key(key), short(&asset.asset_id))
            }
            Write::Forget { key } => format!("forget {}", self.key(key)),
            other => panic!("no words for {other:?}"),
        }
    }

    pub(super) fn effect(&self, effect: &Effect) -> String {
        match effect {
            Effect::Look { path: of, .. } => format!("look {}", path(of)),
            Effect::Identify { path: of, reading, .. } => {
                let how = match reading {
                    Reading::Quiet => "",
                    Reading::Arrived => " as arrived",
                    Reading::Forced => " by force",
                    Reading::Glimpse => " at a glimpse",
                };
                format!("read {}{how}", path(of))
            }
            Effect::Send(send) => {
                let to = send.email.as_deref().map(|email| format!(" to {email}"));
                format!("send {}: {}{}", send.attempt.0, path(&send.path), to.unwrap_or_default())
            }
            Effect::Withdraw { attempts } => {
                let ids = attempts.iter().map(|id| format!(" {}", id.0));
                format!("withdraw{}", ids.collect::<String>())
            }
            Effect::List { account, .. } => format!("list {}", self.account(*account)),
            Effect::Sense { conditions } => conditions
                .iter()
                .fold("sense".into(), |words, one| format!("{words} {}", one.as_str())),
            Effect::Scan { folder } => format!("scan {}", folder.0),
            Effect::Poll { folder, reason } => format!("poll {}: {reason}", folder.0),
            Effect::Errand(errand) => {
                format!("{} for {}", errand.kind.as_str(), path(&errand.path))
            }
        }
    }

    pub(super) fn notice(&self, notice: &Notice) -> String {
        let p = |of: &SharedPath| path(of);
        let of = |account: &Option<AccountId>| match account {
            Some(account) => self.account(*account),
            None => "all".into(),
        };
        match notice {
            Notice::Pushed { path, key } => {
                format!("{} is pushed to {}", p(path), self.account(key.account))
            }
            Notice::Seen(path) => format!("seen {}", p(path)),
            Notice::Paused(Paused::Asked { until }) => format!("paused{}", self.when(*until)),
            Notice::Paused(Paused::While(condition)) => format!("paused {}", condition.words()),
            Notice::Unpaused => "resumed".into(),
            Notice::Waits { path, reason } => format!("waits {}: {reason}", p(path)),
            Notice::Settled { path, content } => {
                format!("settled {} as {}", p(path), label(content.hash))
            }
            Notice::Deduplicated { path, asset_id, .. } => {
                format!("deduplicated {}: {}", p(path), short(asset_id))
            }
            Notice::Uploading { path, .. } => format!("uploading {}", p(path)),
            Notice::Uploaded { path, asset, found, .. } => {
                let found = if *found { " (found)" } else { "" };
                format!("uploaded {}: {}{found}", p(path), short(&asset.asset_id))
            }
            Notice::Retry { path, at, reason } => {
                format!("retry {}{}: {reason}", p(path), self.when(*at))
            }
            Notice::Unknown { path, reason } => format!("unknown {}: {reason}", p(path)),
            Notice::Failed { path, reason } => format!("failed {}: {reason}", p(path)),
            Notice::Held { path, reason } => format!("held {}: {reason}", p(path)),
            Notice::Ignored { path, reason } => format!("ignored {}: {reason}", p(path)),
            Notice::Gone(path) => format!("gone {}", p(path)),
            Notice::Scanned { folder, incomplete } => {
                let why = incomplete.as_ref().map(|why| format!(", not all: {why}"));
                format!("scanned {}{}", folder.0, why.unwrap_or_default())
            }
            Notice::Missed { folder, files, so_far } => {
                format!("{files} missed in {}, {so_far} so far", folder.0)
            }
            Notice::EventsUnreliable { folder, reason } => {
                format!("doubts events of {}: {reason}", folder.0)
            }
            Notice::FolderAway { folder, reason } => format!("folder {} away: {reason}", folder.0),
            Notice::FolderBack(folder) => format!("folder {} back", folder.0),
            Notice::AccountStopped { account, cause, until, reason } => {
                let (of, cause) = (of(account), cause.as_str());
                let next = until.map(|_| format!(", next try{}", self.when(*until)));
                format!("stopped {of} ({cause}){}: {reason}", next.unwrap_or_default())
            }
            Notice::AccountResumed { account } => format!("resumed {}", of(account)),
            Notice::Moved { path, .. } => format!("moved {}", p(path)),
            Notice::ErrandFailed { path, kind, reason, .. } => {
                format!("{} for {} failed: {reason}", kind.as_str(), p(path))
            }
        }
    }
}
