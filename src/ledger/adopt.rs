//! Assets that were on the server already, taken for uploads of this ledger.
//!
//! Owns:
//! - an adoption is one transaction: path, content, upload, the end of an open attempt, history;
//! - an upload that has an assetId keeps it, and an asset that is a row's, or was one's, stays so.

use std::path::PathBuf;

use rusqlite::{OptionalExtension, Row, params};

use super::step::{Result, join};
use super::{Ledger, facts};
use crate::planner::{
    AccountId, Asset, Content, Fingerprint, FolderId, SharedPath, UploadKey, UploadState, Wall,
    Write,
};

/// A path in a folder that holds an adopted content and is not linked to it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldingPath {
    /// The path.
    pub path: SharedPath,
    /// Its folder.
    pub folder: FolderId,
    /// How it looked when it was read.
    pub fingerprint: Fingerprint,
    /// That look spares a later hash.
    pub certain: bool,
}

/// A content, and the asset that it is from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// What.
    pub content: Content,
    /// Where.
    pub account: AccountId,
    /// The name that it would be sent under.
    pub name: String,
    /// As what.
    pub asset: Asset,
    /// When the asset was made, if the server says.
    pub created_at: Option<Wall>,
    /// Paths to link to it.
    pub holders: Vec<HoldingPath>,
    /// How it was found, in words.
    pub how: String,
}

/// An upload without an assetId, whatever it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenUpload {
    /// What.
    pub content: Content,
    /// Where it is wanted.
    pub account: AccountId,
    /// The name to send.
    pub name: String,
    /// A path that holds it, or held it.
    pub path: Option<PathBuf>,
}

impl Ledger {
    /// Adopts an asset. False if the upload has one already, or the asset is another's: then
    /// nothing is written.
    ///
    /// # Errors
    /// If the ledger cannot be written; nothing of it is kept then.
    pub fn adopt(&self, adoption: &Adoption, now: Wall) -> Result<bool> {
        self.begin_step()?;
        let done = self.adopt_in_step(adoption, now);
        match done {
            Ok(true) => self.commit_step()?,
            Ok(false) | Err(_) => self.abandon_step(),
        }
        done
    }

    fn adopt_in_step(&self, adoption: &Adoption, now: Wall) -> Result<bool> {
        let Adoption { content, account, name, asset, holders, how, .. } = adoption;
        let key = UploadKey { hash: content.hash, account: *account };
        let uploaded = matches!(self.upload_state(&key)?, UploadState::Uploaded { .. });
        if uploaded || self.sent_name(&asset.asset_id)?.is_some() {
            return Ok(false);
        }
        for HoldingPath { path, folder, fingerprint, certain } in holders {
            let link = Write::Link {
                path: path.clone(),
                folder: *folder,
                fingerprint: *fingerprint,
                certain: *certain,
                content: content.clone(),
                account: *account,
                name: name.clone(),
                evidence: "read while pairing it with the server's assets".into(),
            };
            self.apply(&link, now)?;
        }
        let upload = self.ensure_upload(content, *account, name, now)?;
        self.execute(
            "UPDATE attempt SET outcome = 'found', ended_at = ?2, detail = ?3
             WHERE upload_id = ?1 AND outcome IS NULL",
            params![upload, now.0, how],
        )?;
        // As old as the server says, and never of the future: what a list must show rests on it.
        let uploaded_at = adoption.created_at.map_or(now, |at| at.min(now));
        let (asset, name) = (asset.clone(), name.clone());
        self.tell_paths(upload, now, "adopted", &format!("it is {}: {how}", asset.asset_id))?;
        self.apply_upload(&Write::Uploaded { key, asset, name }, uploaded_at)?;
        let sql = "UPDATE upload SET reason = 'adopted: ' || ?2 WHERE id = ?1";
        self.execute(sql, params![upload, how])?;
        Ok(true)
    }

    /// The account that a nameless one turned out to be: given its name, or merged into the one
    /// that has it. The account's number from now on.
    ///
    /// # Errors
    /// If the ledger cannot be written; nothing of it is kept then.
    pub fn name_account(&self, account: AccountId, email: &str, now: Wall) -> Result<AccountId> {
        let named = self.account_of_email(Some(email))?;
        let write = match named {
            Some(into) if into == account => return Ok(account),
            Some(into) => Write::MergeAccount { from: account, into },
            None => Write::NameAccount { account, email: email.to_owned() },
        };
        self.begin_step()?;
        let done = self.apply(&write, now);
        match done {
            Ok(()) => self.commit_step()?,
            Err(_) => self.abandon_step(),
        }
        done.map(|()| named.unwrap_or(account))
    }

    /// Every upload without an assetId.
    ///
    /// # Errors
    /// If the ledger cannot be read; so for all below.
    pub fn open_uploads(&self) -> Result<Vec<OpenUpload>> {
        let sql = "SELECT c.hash, c.size, c.media_type, c.width, c.height, c.duration_ms,
                          u.account_id, u.name,
                          (SELECT p.id FROM path p WHERE p.content_id = c.id
                           ORDER BY p.gone_at IS NOT NULL, p.id LIMIT 1)
                   FROM upload u JOIN content c ON c.id = u.content_id
                   WHERE u.asset_id IS NULL ORDER BY u.id";
        let mut found = self.db.prepare(sql)?;
        let read = |row: &Row<'_>| {
            Ok((facts::content(row)?, AccountId(row.get(6)?), row.get(7)?, row.get(8)?))
        };
        let rows = found.query_map([], read)?.collect::<std::result::Result<Vec<_>, _>>()?;
        let mut open = Vec::with_capacity(rows.len());
        for (content, account, name, path) in rows {
            let path = match path {
                Some(id) => self.path_of(id)?,
                None => None,
            };
            open.push(OpenUpload { content, account, name, path });
        }
        Ok(open)
    }

    fn path_of(&self, id: i64) -> Result<Option<PathBuf>> {
        let sql = "SELECT d.path, p.name FROM path p JOIN directory d ON d.id = p.directory_id
                   WHERE p.id = ?1";
        let mut found = self.db.prepare_cached(sql)?;
        Ok(found.query_row([id], |row| Ok(join(row.get(0)?, row.get(1)?))).optional()?)
    }

    /// The server that this ledger is about.
    pub fn server(&self) -> Result<Option<String>> {
        let sql = "SELECT value FROM meta WHERE key = 'base_url'";
        Ok(self.db.query_row(sql, [], |row| row.get(0)).optional()?)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::planner::{AttemptId, ContentHash, MediaType};

    const NOW: Wall = Wall(1_000_000);

    fn content(number: u8) -> Content {
        Content {
            hash: ContentHash([number; 32]),
            size: 10,
            media_type: MediaType::Png,
            width: None,
            height: None,
            duration_ms: None,
        }
    }

    fn asset(id: &str) -> Asset {
        let asset_id = format!("user:1-runwayml:me@example.com-asset:{id}");
        Asset { asset_id, url: Some("https://x/".into()) }
    }

    fn holder(path: &str, folder: FolderId) -> HoldingPath {
        let fingerprint = Fingerprint { size: 10, inode: 7, ..Fingerprint::default() };
        HoldingPath { path: Path::new(path).into(), folder, fingerprint, certain: true }
    }

    struct World {
        ledger: Ledger,
        account: AccountId,
        folder: FolderId,
    }

    impl World {
        fn new() -> World {
            let ledger = Ledger::in_memory("https://x", NOW).expect("a ledger");
            let account = ledger.account(Some("me@example.com")).expect("an account");
            let (folder, _) = ledger.folder(Path::new("/d")).expect("a folder");
            World { ledger, account, folder }
        }

        fn adoption(&self, number: u8, id: &str, paths: &[&str]) -> Adoption {
            Adoption {
                content: content(number),
                account: self.account,
                name: "a.png".into(),
                asset: asset(id),
                created_at: Some(Wall(5)),
                holders: paths.iter().map(|path| holder(path, self.folder)).collect(),
                how: "the bytes are equal".into(),
            }
        }

        fn key(&self, number: u8) -> UploadKey {
            UploadKey { hash: ContentHash([number; 32]), account: self.account }
        }

        /// An attempt that a crash left open.
        fn in_doubt(&self, number: u8, path: &str) {
            let path: SharedPath = Path::new(path).into();
            let (folder, account) = (self.folder, self.account);
            let fingerprint = Fingerprint { size: 10, ..Fingerprint::default() };
            let link = Write::Link {
                path: path.clone(),
                folder,
                fingerprint,
                certain: true,
                content: content(number),
                account,
                name: "a.png".into(),
                evidence: String::new(),
            };
            let open = Write::OpenAttempt {
                attempt: AttemptId(1),
                key: self.key(number),
                path,
                name: "a.png".into(),
                at: NOW,
                skew_ms: None,
            };
            for write in [link, open] {
                self.ledger.apply(&write, NOW).expect("written");
            }
        }
    }

    #[test]
    fn an_adopted_asset_is_an_upload_with_a_history() {
        let world = World::new();
        let adoption = world.adoption(1, "a", &["/d/one.png", "/d/two.png"]);
        assert!(world.ledger.adopt(&adoption, NOW).expect("adopted"));
        for path in ["/d/one.png", "/d/two.png"] {
            let row = world.ledger.row_of(Path::new(path), true).expect("read").expect("a row");
            assert_eq!(row.asset_id, Some(asset("a").asset_id));
            assert_eq!(row.uploaded_at, Some(Wall(5)), "as old as the server says");
            let sql = "SELECT d.kind || ': ' || d.detail FROM decision d
                       JOIN path p ON p.id = d.path_id WHERE p.name = ?1 ORDER BY d.id DESC";
            let name = path.rsplit('/').next().expect("a name").as_bytes();
            let last: String =
                world.ledger.db.query_row(sql, [name], |row| row.get(0)).expect("a decision");
            let asset_id = asset("a").asset_id;
            assert_eq!(last, format!("adopted: it is {asset_id}: the bytes are equal"));
        }
        let known = world.ledger.path_row(Path::new("/d/one.png")).expect("read").expect("a row");
        assert!(known.certain, "the next scan need not read it");
        let waiting: i64 = world
            .ledger
            .db
            .query_row("SELECT count(*) FROM queue", [], |row| row.get(0))
            .expect("a count");
        assert_eq!(waiting, 0, "nothing is left to be sent");
        assert!(!world.ledger.adopt(&world.adoption(1, "b", &[]), NOW).expect("known"));
        assert!(!world.ledger.adopt(&world.adoption(2, "a", &["/d/x"]), NOW).expect("taken"));
        assert_eq!(world.ledger.path_row(Path::new("/d/x")).expect("read"), None);
    }

    #[test]
    fn what_was_forgotten_is_not_adopted_again() {
        let world = World::new();
        assert!(world.ledger.adopt(&world.adoption(1, "a", &["/d/a"]), NOW).expect("adopted"));
        world.ledger.apply(&Write::Forget { key: world.key(1) }, NOW).expect("forgotten");
        assert!(!world.ledger.adopt(&world.adoption(1, "a", &[]), NOW).expect("former"));
        assert!(world.ledger.adopt(&world.adoption(1, "b", &[]), NOW).expect("another"));
    }

    #[test]
    fn an_attempt_in_doubt_ends_as_found() {
        let world = World::new();
        world.in_doubt(1, "/d/a.png");
        assert_eq!(world.ledger.open_uploads().expect("read").len(), 1);
        assert!(world.ledger.adopt(&world.adoption(1, "a", &[]), NOW).expect("adopted"));
        let attempts = world.ledger.attempts_of(Path::new("/d/a.png")).expect("read");
        assert_eq!(attempts[0].outcome.as_deref(), Some("found"));
        assert_eq!(attempts[0].detail.as_deref(), Some("the bytes are equal"));
        assert_eq!(world.ledger.open_uploads().expect("read"), []);
        assert!(world.ledger.remembered().expect("read").open.is_empty());
        assert_eq!(world.ledger.verify().expect("verified"), []);
    }

    #[test]
    fn held_and_failed_uploads_are_adopted_and_come_with_a_path() {
        let world = World::new();
        for number in [1, 2] {
            let link = Write::Link {
                path: Path::new(&format!("/d/{number}")).into(),
                folder: world.folder,
                fingerprint: Fingerprint::default(),
                certain: true,
                content: content(number),
                account: world.account,
                name: "a.png".into(),
                evidence: String::new(),
            };
            world.ledger.apply(&link, NOW).expect("linked");
        }
        let reason = String::from("why");
        let held = Write::UploadHeld { key: world.key(1), reason: reason.clone() };
        let failed = Write::UploadFailed { key: world.key(2), reason };
        for write in [held, failed] {
            world.ledger.apply(&write, NOW).expect("written");
        }
        let open = world.ledger.open_uploads().expect("read");
        let paths: Vec<_> = open.iter().filter_map(|open| open.path.clone()).collect();
        assert_eq!(paths, [PathBuf::from("/d/1"), PathBuf::from("/d/2")]);
        for (number, id) in [(1, "a"), (2, "b")] {
            assert!(world.ledger.adopt(&world.adoption(number, id, &[]), NOW).expect("adopted"));
            let row = world.ledger.row_of(Path::new(&format!("/d/{number}")), true);
            let row = row.expect("read").expect("a row");
            assert_eq!(row.state, crate::ledger::State::Uploaded);
            assert_eq!(row.reason.as_deref(), Some("adopted: the bytes are equal"));
        }
        assert_eq!(world.ledger.verify().expect("verified"), []);
    }

    #[test]
    fn a_nameless_account_gets_its_name_or_becomes_the_one_that_has_it() {
        let world = World::new();
        let nameless = world.ledger.default_account().expect("an account");
        let named = world.ledger.name_account(nameless, "me@example.com", NOW).expect("merged");
        assert_eq!(named, world.account);
        assert_eq!(world.ledger.default_account().expect("read"), world.account);
        let other = world.ledger.account(None).expect("an account");
        assert_eq!(world.ledger.name_account(other, "x@y.z", NOW).expect("named"), other);
        assert_eq!(world.ledger.account(Some("x@y.z")).expect("read"), other);
    }
}
