//! The server as the documentation and the field describe it, with its bad days.

use std::collections::{BTreeMap, BTreeSet};

use super::disk::Text;
use super::rng::Rng;
use crate::api::Answer;
use crate::planner::{
    Asset, ContentHash, ListedAsset, Listing, Now, Refusal, RefusalKind, Trouble, Wall,
};

/// What the list hides or changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFault {
    None,
    Lag(i64),
    Reordered,
    Renamed,
    NoSizes,
    Blind,
    /// Only so many of the newest are within reach.
    Short(usize),
}

#[derive(Debug, Clone)]
pub struct Stored {
    pub asset_id: String,
    pub email: String,
    pub name: String,
    pub text: Text,
    pub stored_at: Wall,
    /// Uploaded by taxiway, rather than by somebody else or by nobody.
    pub by_us: bool,
    pub is_user_upload: bool,
    /// A person deleted it: no list shows it any more.
    pub deleted: bool,
}

/// How the server takes one upload.
#[derive(Debug, Clone)]
pub enum Day {
    /// It answers, after the whole body or before its end, and has stored it or not.
    Answers { answer: Answer, whole: bool, stored: bool },
    /// The whole body arrived, and no answer comes back. It is stored after this time, or never.
    Lost { stored_after_ms: Option<i64> },
    /// The connection breaks within the body.
    Broken,
    /// There is no connection.
    Offline,
}

#[derive(Debug)]
pub struct Server {
    pub assets: Vec<Stored>,
    pub default_email: String,
    pub list_fault: ListFault,
    /// Server clock minus the true time.
    pub skew_ms: i64,
    /// Percent of uploads and lists that meet a fault.
    pub fault_percent: u64,
    pub token_refused: bool,
    pub offline: bool,
    /// An edge in trouble refuses everything for a while.
    pub forbids: bool,
    /// Contents that a definitive no was said to.
    pub refused: BTreeSet<ContentHash>,
    /// Contents that will never be taken.
    pub impossible: BTreeSet<ContentHash>,
    /// Refusals of the token, to see that nobody insists.
    pub token_refusals: u64,
    next: u64,
}

impl Server {
    pub fn new(rng: &mut Rng) -> Server {
        let list_fault = match rng.below(14) {
            0..=5 => ListFault::None,
            6 | 7 => ListFault::Lag(rng.range(1_000, 50_000)),
            8 => ListFault::Reordered,
            9 => ListFault::Renamed,
            10 => ListFault::NoSizes,
            11 | 12 => ListFault::Short(16),
            _ => ListFault::Blind,
        };
        Server {
            assets: Vec::new(),
            default_email: "a@x.test".into(),
            list_fault,
            skew_ms: *rng.pick(&[0, 0, -7_200_000, 5_000, 300_000]),
            fault_percent: *rng.pick(&[0, 10, 30, 60]),
            token_refused: false,
            offline: false,
            forbids: false,
            refused: BTreeSet::new(),
            impossible: BTreeSet::new(),
            token_refusals: 0,
            next: 0,
        }
    }

    /// Decides how this upload goes.
    pub fn day(&mut self, hash: ContentHash, rng: &mut Rng) -> Day {
        if self.offline {
            return Day::Offline;
        }
        if self.token_refused {
            self.token_refusals += 1;
            return refusal(401, r#"{"error":"Unauthorized","code":401}"#);
        }
        if self.forbids {
            self.refused.insert(hash);
            return refusal(403, "Forbidden");
        }
        if hash.0[7] % 16 == 3 {
            self.refused.insert(hash);
            self.impossible.insert(hash);
            return refusal(*rng.pick(&[413, 415, 422]), r#"{"error":"no","code":4}"#);
        }
        if !rng.chance(self.fault_percent) {
            return stored();
        }
        let day = bad_day(rng);
        if let Day::Answers { answer, .. } = &day
            && matches!(answer.status, 302 | 400 | 403 | 404)
        {
            self.refused.insert(hash);
        }
        day
    }

    pub fn store(&mut self, email: Option<&str>, name: &str, text: Text, true_time: i64) -> Asset {
        let email = email.unwrap_or(&self.default_email).to_owned();
        self.put(Stored {
            asset_id: String::new(),
            email,
            name: name.into(),
            text,
            stored_at: Wall(true_time + self.skew_ms),
            by_us: true,
            is_user_upload: true,
            deleted: false,
        })
    }

    /// Puts an asset there, whoever made it, and gives it its id.
    pub fn put(&mut self, mut stored: Stored) -> Asset {
        self.next += 1;
        stored.asset_id = format!("user:1-runwayml:{}-asset:{}", stored.email, self.next);
        let asset = Asset { asset_id: stored.asset_id.clone(), url: None };
        self.assets.push(stored);
        asset
    }

    pub fn list(
        &self,
        email: Option<&str>,
        asked: Now,
        true_time: i64,
        rng: &mut Rng,
    ) -> Result<Listing, Trouble> {
        if self.offline {
            return Err(Trouble { reason: "offline".into(), refusal: None });
        }
        if self.token_refused {
            let refusal = Refusal { kind: RefusalKind::Token, status: 401, message: String::new() };
            return Err(Trouble { reason: "401".into(), refusal: Some(refusal) });
        }
        if rng.chance(self.fault_percent / 2) {
            return Err(self.bad_list(rng));
        }
        let server_now = true_time + self.skew_ms;
        let email = email.unwrap_or(&self.default_email);
        let lag_ms = match self.list_fault {
            ListFault::Lag(lag_ms) => lag_ms,
            _ => 0,
        };
        let visible = |stored: &&Stored| {
            stored.email == email
                && !stored.deleted
                && stored.stored_at.0 + lag_ms <= server_now
                && self.list_fault != ListFault::Blind
        };
        let mut assets: Vec<ListedAsset> =
            self.assets.iter().rev().filter(visible).map(|stored| self.entry(stored)).collect();
        let mut reached_end = true;
        if let ListFault::Short(most) = self.list_fault {
            reached_end = assets.len() < most;
            assets.truncate(most);
        }
        if self.list_fault == ListFault::Reordered {
            for index in (1..assets.len()).rev() {
                assets.swap(index, rng.below(index as u64 + 1) as usize);
            }
        }
        let server_time = Some(Wall(server_now));
        Ok(Listing { assets, reached_end, server_time, asked })
    }

    fn bad_list(&self, rng: &mut Rng) -> Trouble {
        let refusal = |kind, status| Some(Refusal { kind, status, message: "no".into() });
        let refusal = match rng.below(4) {
            0 => refusal(RefusalKind::Rate { retry_after_ms: Some(3_000) }, 429),
            1 => refusal(RefusalKind::Subscription, 402),
            _ => None,
        };
        Trouble { reason: "bad gateway".into(), refusal }
    }

    fn entry(&self, stored: &Stored) -> ListedAsset {
        let renamed = self.list_fault == ListFault::Renamed;
        let name = if renamed { format!("asset-{}", stored.text.id) } else { stored.name.clone() };
        ListedAsset {
            asset: Asset { asset_id: stored.asset_id.clone(), url: None },
            name: Some(name),
            size: (self.list_fault != ListFault::NoSizes).then_some(stored.text.size),
            created_at: Some(stored.stored_at),
            is_user_upload: stored.is_user_upload,
        }
    }

    /// How often each content of ours is there, account by account, deleted or not.
    pub fn copies(&self) -> BTreeMap<(&str, Text), u64> {
        let mut copies = BTreeMap::new();
        for stored in self.assets.iter().filter(|stored| stored.by_us) {
            *copies.entry((stored.email.as_str(), stored.text)).or_default() += 1;
        }
        copies
    }
}

/// An assetId stands in for this in an answer's body.
pub const ID: &str = "{id}";

fn answers(status: u16, body: &str, whole: bool, stored: bool) -> Day {
    let answer = Answer { status, body: body.into(), ..Answer::default() };
    Day::Answers { answer, whole, stored }
}

fn stored() -> Day {
    answers(200, r#"{"assetId":"{id}"}"#, true, true)
}

fn refusal(status: u16, body: &str) -> Day {
    answers(status, body, true, false)
}

/// Every row of the table of answers, each of them whole or cut, stored or not, where that can be.
fn bad_day(rng: &mut Rng) -> Day {
    let one = rng.chance(50);
    match rng.below(22) {
        0 | 1 => Day::Lost { stored_after_ms: Some(0) },
        2 => Day::Lost { stored_after_ms: Some(rng.range(0, 9_000)) },
        3 => Day::Lost { stored_after_ms: None },
        4 => answers(502, "<html>bad gateway</html>", true, one),
        5 => answers(*rng.pick(&[500, 503, 520, 522, 524]), "error code: 522", true, one),
        6 => answers(503, "try later", false, false),
        7 => answers(200, r#"{"assetId":"us"#, true, true),
        8 => answers(200, r#"{"id":"0f0e","name":"cat"}"#, true, true),
        9 => answers(200, "<html>log in to this network</html>", true, false),
        10 => answers(200, r#"{"assetId":"{id}"}"#, false, false),
        11 => answers(408, "request timeout", one, false),
        12 => answers(303, "see other", true, one),
        13 => answers(401, r#"{"error":"Unauthorized"}"#, one, false),
        14 => answers(402, r#"{"error":"Account has no subscription"}"#, one, false),
        15 => answers(596, r#"{"error":"Account a in error state: x"}"#, one, false),
        16 => rate(rng),
        17 => refusal(*rng.pick(&[400, 404]), r#"{"error":{"message":"no"},"code":400}"#),
        18 => refusal(403, "Forbidden"),
        19 => refusal(302, ""),
        20 => Day::Broken,
        _ => Day::Offline,
    }
}

fn rate(rng: &mut Rng) -> Day {
    let mut answer = Answer { status: 429, ..Answer::default() };
    match rng.below(4) {
        0 => answer.retry_after = Some("7".into()),
        1 => answer.body = br#"{"error":"slow down","retryAfter":3}"#.to_vec(),
        2 => answer.retry_after = Some("Thu, 01 Jan 1970 00:00:00 GMT".into()),
        _ => {}
    }
    Day::Answers { answer, whole: rng.chance(50), stored: false }
}
