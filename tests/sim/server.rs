//! The server as the documentation and the field describe it, with its bad days.

use std::collections::{BTreeMap, BTreeSet};

use super::disk::Text;
use super::rng::Rng;
use crate::planner::{
    Asset, ContentHash, ListedAsset, Listing, NotSent, Now, Outcome, Refusal, RefusalKind, Trouble,
    Wall,
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
}

#[derive(Debug, Clone)]
pub struct Stored {
    pub asset_id: String,
    pub email: String,
    pub name: String,
    pub text: Text,
    pub stored_at: Wall,
}

/// How the server takes one upload.
#[derive(Debug, Clone)]
pub enum Day {
    Stored,
    /// Stored after this time, and never answered.
    StoredAnswerLost(i64),
    NotStoredAnswerLost,
    ServerErrorStored,
    ServerError,
    Refused(RefusalKind, u16),
    Broken,
    Offline,
}

#[derive(Debug)]
pub struct Server {
    pub assets: Vec<Stored>,
    pub default_email: String,
    pub list_fault: ListFault,
    /// Server clock minus the true time.
    pub skew_ms: i64,
    /// Percent of uploads that meet a fault.
    pub fault_percent: u64,
    pub token_refused: bool,
    pub offline: bool,
    pub refused: BTreeSet<ContentHash>,
    pub requests: u64,
    /// Answers of each kind, to see that the world is not idle.
    pub days: BTreeMap<&'static str, u64>,
    next: u64,
}

impl Server {
    pub fn new(rng: &mut Rng) -> Server {
        let list_fault = match rng.below(12) {
            0..=5 => ListFault::None,
            6 | 7 => ListFault::Lag(rng.range(1_000, 50_000)),
            8 => ListFault::Reordered,
            9 => ListFault::Renamed,
            10 => ListFault::NoSizes,
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
            refused: BTreeSet::new(),
            requests: 0,
            days: BTreeMap::new(),
            next: 0,
        }
    }

    /// Decides how this upload goes.
    pub fn day(&mut self, hash: ContentHash, rng: &mut Rng) -> Day {
        self.requests += 1;
        let (word, day) = if self.offline {
            ("offline", Day::Offline)
        } else if self.token_refused {
            ("401", Day::Refused(RefusalKind::Token, 401))
        } else if hash.0[7] % 16 == 3 {
            self.refused.insert(hash);
            ("413", Day::Refused(RefusalKind::File, 413))
        } else if !rng.chance(self.fault_percent) {
            ("stored", Day::Stored)
        } else {
            match rng.below(11) {
                0 => ("lost", Day::StoredAnswerLost(0)),
                1 => ("late", Day::StoredAnswerLost(rng.range(0, 9_000))),
                2 => ("not stored", Day::NotStoredAnswerLost),
                3 => ("502 stored", Day::ServerErrorStored),
                4 => ("502", Day::ServerError),
                5 => {
                    let asked = rng.chance(50).then_some(7_000);
                    ("429", Day::Refused(RefusalKind::Rate { retry_after_ms: asked }, 429))
                }
                6 => ("402", Day::Refused(RefusalKind::Subscription, 402)),
                7 => ("596", Day::Refused(RefusalKind::Account, 596)),
                8 => {
                    self.refused.insert(hash);
                    ("400", Day::Refused(RefusalKind::Other, 400))
                }
                9 => ("broken", Day::Broken),
                _ => ("offline once", Day::Offline),
            }
        };
        *self.days.entry(word).or_default() += 1;
        day
    }

    pub fn store(&mut self, email: Option<&str>, name: &str, text: Text, true_time: i64) -> Asset {
        self.next += 1;
        let email = email.unwrap_or(&self.default_email).to_owned();
        let asset_id = format!("user:1-runwayml:{email}-asset:{}", self.next);
        self.assets.push(Stored {
            asset_id: asset_id.clone(),
            email,
            name: name.into(),
            text,
            stored_at: Wall(true_time + self.skew_ms),
        });
        Asset { asset_id, url: None }
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
        let server_now = true_time + self.skew_ms;
        let email = email.unwrap_or(&self.default_email);
        let lag_ms = match self.list_fault {
            ListFault::Lag(lag_ms) => lag_ms,
            _ => 0,
        };
        let visible = |stored: &&Stored| {
            stored.email == email
                && stored.stored_at.0 + lag_ms <= server_now
                && self.list_fault != ListFault::Blind
        };
        let mut assets: Vec<ListedAsset> =
            self.assets.iter().rev().filter(visible).map(|stored| self.entry(stored)).collect();
        if self.list_fault == ListFault::Reordered {
            for index in (1..assets.len()).rev() {
                assets.swap(index, rng.below(index as u64 + 1) as usize);
            }
        }
        let server_time = Some(Wall(server_now));
        Ok(Listing { assets, reached_end: true, server_time, asked })
    }

    fn entry(&self, stored: &Stored) -> ListedAsset {
        let renamed = self.list_fault == ListFault::Renamed;
        let name = if renamed { format!("asset-{}", stored.text.id) } else { stored.name.clone() };
        ListedAsset {
            asset: Asset { asset_id: stored.asset_id.clone(), url: None },
            name: Some(name),
            size: (self.list_fault != ListFault::NoSizes).then_some(stored.text.size),
            created_at: Some(stored.stored_at),
            is_user_upload: true,
        }
    }
}

/// The outcome that a definitive or lost answer leads to.
pub fn outcome(day: &Day, asset: Option<Asset>, took_ms: i64) -> Outcome {
    let unknown =
        |status, reason: &str| Outcome::Unknown { status, reason: reason.into(), took_ms };
    match day {
        Day::Stored => match asset {
            Some(asset) => Outcome::Stored(asset),
            None => unknown(None, "reset"),
        },
        Day::StoredAnswerLost(_) | Day::NotStoredAnswerLost => unknown(None, "reset"),
        Day::ServerErrorStored | Day::ServerError => unknown(Some(502), "bad gateway"),
        Day::Refused(kind, status) => {
            Outcome::Refused(Refusal { kind: *kind, status: *status, message: "no".into() })
        }
        Day::Broken => Outcome::NotSent(NotSent::Broken { reason: "reset".into() }),
        Day::Offline => {
            let trouble = Trouble { reason: "no route".into(), refusal: None };
            Outcome::NotSent(NotSent::Offline(trouble))
        }
    }
}
