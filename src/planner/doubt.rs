//! Was it stored? What a list says of an attempt that went out whole and was not answered.
//!
//! Owns:
//! - an asset is adopted only if it can be no other upload's: it has the size, lies in time after
//!   the attempt began, belongs to no other row, and no better claim to it is open;
//! - "not there" is believed only at the last look, and only from a list that shows what it must;
//! - whatever is neither there nor not there needs a person.
//!
//! The API has no idempotency key and its list is the only witness (`GET /assets`, scoped to a
//! workspace, newest 1,050). All of this rests on one assumption: what is stored is listed by the
//! time of the last look.

use super::message::{Facts, ListedAsset, Listing};
use super::sabotage::{self, Bug};
use super::types::{Asset, AttemptId, FolderId, Mono, OpenAttempt, SharedPath, UploadKey, Wall};

/// Pauses before the looks, counted from the moment of doubt.
pub const LOOKS_MS: [i64; 4] = [1_000, 5_000, 20_000, 60_000];

/// Longest time that an attempt of an earlier run is taken to have needed.
const TOOK_CAP_MS: i64 = 10 * 60_000;

/// The server may date an asset so much before our attempt, after the clocks are aligned.
const SLACK_MS: i64 = 60_000;

/// An attempt in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Its number.
    pub attempt: AttemptId,
    /// What was sent.
    pub key: UploadKey,
    /// From where.
    pub path: SharedPath,
    /// The folder of that path.
    pub folder: FolderId,
    /// The name sent, in NFC.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was opened, by our clock.
    pub opened_at: Wall,
    /// When it was opened, if that was in this run.
    pub opened_mono: Option<Mono>,
    /// The server's clock minus ours when it was opened.
    pub opened_skew_ms: Option<i64>,
    /// When doubt arose in this run.
    pub since: Mono,
    /// How long the upload took, or at most took.
    pub took_ms: i64,
    /// Times the list was read for it.
    pub looks: u32,
    /// When the list is to be read next.
    pub next_look: Mono,
    /// Failures of the upload.
    pub failures: u32,
    /// Doubts in a row of the upload, this one not counted.
    pub doubts: u32,
    /// Assets stored on the account since.
    pub newer: u32,
}

/// What a list says of a doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is stored, as this.
    Found(Asset),
    /// It is not in a list that should have it.
    Absent,
    /// This list cannot tell.
    CannotTell(&'static str),
}

impl Doubt {
    /// An attempt of an earlier run. It may have been sent whole, and it may have taken all the
    /// time since it was opened.
    pub fn left_open(open: OpenAttempt, now: super::Now, looks_ms: &[i64]) -> Doubt {
        let longest_ms = now.wall.since(open.opened_at).clamp(0, TOOK_CAP_MS);
        let mut doubt = Doubt {
            attempt: open.attempt,
            key: open.key,
            path: open.path,
            folder: open.folder,
            name: open.name,
            size: open.size,
            opened_at: open.opened_at,
            opened_mono: None,
            opened_skew_ms: open.opened_skew_ms,
            since: now.mono,
            took_ms: open.took_ms.map_or(longest_ms, |took_ms| took_ms.clamp(0, TOOK_CAP_MS)),
            looks: 0,
            next_look: now.mono,
            failures: open.failures,
            doubts: open.doubts,
            newer: open.newer,
        };
        doubt.looks = open.looks.min(looks_ms.len() as u32);
        doubt.next_look = doubt.look_at(looks_ms, now.mono);
        doubt
    }

    /// When the look that comes next is due: the fixed pauses, then one at the last pause plus
    /// the time the upload took.
    pub fn look_at(&self, looks_ms: &[i64], now: Mono) -> Mono {
        let done = self.looks as usize;
        let after_ms = match looks_ms.get(done) {
            Some(pause_ms) => *pause_ms,
            None if sabotage::on(Bug::ForgetTimeTaken) => looks_ms.last().copied().unwrap_or(0),
            None => looks_ms.last().copied().unwrap_or(0).saturating_add(self.took_ms),
        };
        self.since.plus(after_ms).max(now)
    }

    /// Whether the look that was just made is the last.
    pub fn was_last_look(&self, looks_ms: &[i64]) -> bool {
        self.looks as usize > looks_ms.len()
    }

    /// The earliest time, by the server's clock, at which the asset can have been made.
    ///
    /// Within a run the monotonic clock measures how long ago the attempt began; across a restart
    /// only the wall clock can, and it may have jumped: the earliest of all readings counts,
    /// because a list searched too far back costs at most a person's decision.
    fn earliest(&self, listing: &Listing) -> Wall {
        let asked = listing.asked;
        if sabotage::on(Bug::ForgetSkew) {
            return self.opened_at.plus(-SLACK_MS);
        }
        if self.opened_at > asked.wall && self.opened_mono.is_none() {
            // The clock went back since: nothing can be said of when that was.
            return Wall(i64::MIN);
        }
        let server_now = listing.server_time.unwrap_or(asked.wall);
        let skew_ms = server_now.since(asked.wall);
        let mut earliest = self.opened_at.plus(skew_ms);
        if let Some(opened) = self.opened_mono {
            let age_ms = asked.mono.since(opened).max(0);
            earliest = earliest.min(server_now.plus(-age_ms));
        }
        if let Some(then_ms) = self.opened_skew_ms {
            earliest = earliest.min(self.opened_at.plus(then_ms));
        }
        earliest.plus(-SLACK_MS)
    }

    /// What this list says of this doubt. `rivals` are the other open attempts and the held
    /// uploads of the account: the names and sizes that have claims of their own.
    pub fn judge(&self, listing: &Listing, facts: &Facts, rivals: &[(&str, u64)]) -> Finding {
        let earliest = self.earliest(listing);
        let fits = |listed: &&ListedAsset| {
            let by_person = listed.is_user_upload || sabotage::on(Bug::AdoptGenerated);
            let in_time = listed.created_at.is_none_or(|created| created >= earliest)
                || sabotage::on(Bug::AdoptOlder);
            let ours = |(asset_id, _): &(String, String)| *asset_id == listed.asset.asset_id;
            let free = !facts.ours.iter().any(ours) || sabotage::on(Bug::AdoptForeign);
            by_person && in_time && free
        };
        let fitting: Vec<&ListedAsset> = listing.assets.iter().filter(fits).collect();
        let sized = |listed: &&&ListedAsset| listed.size == Some(self.size);
        let named = |listed: &&&ListedAsset| same_name(listed.name.as_deref(), &self.name);

        let by_name: Vec<&&ListedAsset> = fitting.iter().filter(sized).filter(named).collect();
        let contested = |(name, size): &(&str, u64)| *name == self.name && *size == self.size;
        match by_name.as_slice() {
            [_] if rivals.iter().any(contested) => {
                return Finding::CannotTell("another upload of this name and size is held");
            }
            [one] => return Finding::Found(one.asset.clone()),
            [] => {}
            [_, _, ..] => return Finding::CannotTell("several assets of this name and size"),
        }
        let sizeless = |listed: &&ListedAsset| {
            listed.size.is_none() && (listed.name.is_none() || named(&listed))
        };
        if fitting.iter().any(sizeless) && !sabotage::on(Bug::PassOverSizeless) {
            return Finding::CannotTell("the list does not give sizes");
        }
        if let Some(finding) = self.by_size_alone(&fitting, listing, facts, rivals) {
            return finding;
        }
        self.absent(listing, facts, earliest)
    }

    /// Without the name, the size decides only where the server is not known to keep names and
    /// no other open attempt could have made the asset.
    fn by_size_alone(
        &self,
        fitting: &[&ListedAsset],
        listing: &Listing,
        facts: &Facts,
        rivals: &[(&str, u64)],
    ) -> Option<Finding> {
        if keeps_names(listing, facts) {
            return None;
        }
        let mut sized = fitting.iter().filter(|listed| {
            let rival = |(name, _): &(&str, u64)| same_name(listed.name.as_deref(), name);
            listed.size == Some(self.size) && !rivals.iter().any(rival)
        });
        let one = sized.next()?;
        if sized.next().is_some() || rivals.iter().any(|(_, size)| *size == self.size) {
            return Some(Finding::CannotTell("several uploads of this size"));
        }
        Some(Finding::Found(one.asset.clone()))
    }

    fn absent(&self, listing: &Listing, facts: &Facts, earliest: Wall) -> Finding {
        let reaches_back =
            listing.assets.iter().any(|listed| listed.created_at.is_some_and(|at| at < earliest));
        let reaches_back = reaches_back || sabotage::on(Bug::BelieveShortList);
        if !listing.reached_end && !reaches_back {
            return Finding::CannotTell("the list does not reach back far enough");
        }
        let listed = |id: &String| listing.assets.iter().any(|l| l.asset.asset_id == *id);
        if !facts.recent.is_empty() && !facts.recent.iter().any(listed) {
            return Finding::CannotTell("the list shows none of the assets it must show");
        }
        Finding::Absent
    }
}

/// Whether the list shows that this server hands names back as they were sent.
fn keeps_names(listing: &Listing, facts: &Facts) -> bool {
    let mut kept = false;
    for listed in &listing.assets {
        let ours = facts.ours.iter().find(|(asset_id, _)| *asset_id == listed.asset.asset_id);
        let Some((_, sent)) = ours else { continue };
        if !same_name(listed.name.as_deref(), sent) {
            return false;
        }
        kept = true;
    }
    kept
}

/// Equal, or equal once the extension of either is taken away.
pub(super) fn same_name(listed: Option<&str>, sent: &str) -> bool {
    let Some(listed) = listed else { return false };
    listed == sent || stem(listed) == sent || listed == stem(sent)
}

fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        Some(_) | None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AccountId, ContentHash, Now};
    use super::*;

    fn doubt() -> Doubt {
        Doubt {
            attempt: AttemptId(1),
            key: UploadKey { hash: ContentHash([1; 32]), account: AccountId(1) },
            path: std::path::Path::new("/d/cat.png").into(),
            folder: FolderId(1),
            name: "cat.png".into(),
            size: 10,
            opened_at: Wall(1_000_000),
            opened_mono: Some(Mono(0)),
            opened_skew_ms: None,
            since: Mono(1_000),
            took_ms: 1_000,
            looks: 0,
            next_look: Mono(2_000),
            failures: 0,
            doubts: 0,
            newer: 0,
        }
    }

    fn asset(id: &str, name: &str, size: Option<u64>, created_at: i64) -> ListedAsset {
        ListedAsset {
            asset: Asset { asset_id: id.into(), url: None },
            name: Some(name.into()),
            size,
            created_at: Some(Wall(created_at)),
            is_user_upload: true,
        }
    }

    fn listing(assets: Vec<ListedAsset>) -> Listing {
        Listing {
            assets,
            reached_end: true,
            server_time: Some(Wall(1_005_000)),
            asked: Now { wall: Wall(1_005_000), mono: Mono(5_000) },
        }
    }

    fn judge(listing: &Listing, facts: &Facts, rivals: &[(&str, u64)]) -> Finding {
        doubt().judge(listing, facts, rivals)
    }

    fn found(id: &str) -> Finding {
        Finding::Found(Asset { asset_id: id.into(), url: None })
    }

    fn ours(pairs: &[(&str, &str)]) -> Facts {
        let ours = pairs.iter().map(|(id, name)| ((*id).into(), (*name).into())).collect();
        Facts { ours, ..Facts::default() }
    }

    #[test]
    fn one_asset_of_the_name_and_size_is_it() {
        let list = listing(vec![
            asset("z", "dog.png", Some(10), 1_002_000),
            asset("y", "cat.png", Some(11), 1_002_000),
            asset("x", "cat.png", Some(10), 1_002_000),
            asset("w", "cat.png", Some(10), 900_000),
        ]);
        assert_eq!(judge(&list, &Facts::default(), &[]), found("x"));
        let mut generated = list.clone();
        generated.assets[2].is_user_upload = false;
        assert_eq!(judge(&generated, &ours(&[("w", "cat.png")]), &[]), Finding::Absent);
    }

    #[test]
    fn a_name_is_the_same_with_and_without_its_extension() {
        for name in ["cat", "cat.png", "cat.png.png"] {
            let list = listing(vec![asset("x", name, Some(10), 1_002_000)]);
            assert_eq!(judge(&list, &ours(&[]), &[]), found("x"), "{name}");
        }
    }

    #[test]
    fn an_asset_of_another_row_is_never_taken() {
        let list = listing(vec![asset("x", "cat.png", Some(10), 1_002_000)]);
        assert_eq!(judge(&list, &ours(&[("x", "cat.png")]), &[]), Finding::Absent);
    }

    #[test]
    fn two_that_fit_equally_are_neither_found_nor_absent() {
        let one = asset("x", "cat.png", Some(10), 1_002_000);
        let two = asset("y", "cat.png", Some(10), 1_003_000);
        let finding = judge(&listing(vec![one, two]), &ours(&[]), &[]);
        assert_eq!(finding, Finding::CannotTell("several assets of this name and size"));
    }

    #[test]
    fn another_name_counts_only_where_names_are_not_kept() {
        let renamed = asset("x", "0f3a", Some(10), 1_002_000);
        let other = asset("o", "dog.png", Some(3), 500_000);
        assert_eq!(judge(&listing(vec![renamed.clone()]), &ours(&[]), &[]), found("x"));
        let list = listing(vec![renamed, other]);
        assert_eq!(judge(&list, &ours(&[("o", "dog.png")]), &[]), Finding::Absent);
        assert_eq!(judge(&list, &ours(&[("o", "bird.png")]), &[]), found("x"));
    }

    #[test]
    fn an_asset_that_another_open_attempt_may_have_made_is_not_taken() {
        let list = listing(vec![asset("x", "dog.png", Some(10), 1_002_000)]);
        assert_eq!(judge(&list, &ours(&[]), &[("dog.png", 10)]), Finding::Absent);
        let nameless = listing(vec![asset("x", "0f3a", Some(10), 1_002_000)]);
        let finding = judge(&nameless, &ours(&[]), &[("dog.png", 10)]);
        assert_eq!(finding, Finding::CannotTell("several uploads of this size"));
    }

    #[test]
    fn a_list_without_sizes_cannot_tell() {
        let list = listing(vec![asset("x", "cat.png", None, 1_002_000)]);
        let finding = judge(&list, &ours(&[]), &[]);
        assert_eq!(finding, Finding::CannotTell("the list does not give sizes"));
    }

    #[test]
    fn a_blind_or_short_list_cannot_tell() {
        let facts = Facts { recent: vec!["old".into()], ..Facts::default() };
        let blind = "the list shows none of the assets it must show";
        assert_eq!(judge(&listing(vec![]), &facts, &[]), Finding::CannotTell(blind));
        let mut deep = listing(vec![asset("n", "new.png", Some(3), 1_004_000)]);
        deep.reached_end = false;
        let short = "the list does not reach back far enough";
        assert_eq!(judge(&deep, &ours(&[]), &[]), Finding::CannotTell(short));
        deep.assets.push(asset("o", "old.png", Some(3), 100));
        assert_eq!(judge(&deep, &ours(&[]), &[]), Finding::Absent);
    }

    #[test]
    fn a_wall_clock_that_jumped_does_not_hide_the_asset() {
        let mut list = listing(vec![asset("x", "cat.png", Some(10), 1_002_000)]);
        list.asked.wall = Wall(1_005_000 - 3_600_000);
        assert_eq!(judge(&list, &ours(&[]), &[]), found("x"));
    }

    #[test]
    fn looks_come_at_fixed_pauses_and_at_last_after_the_time_it_took() {
        let mut doubt = doubt();
        let mut at = Vec::new();
        while !doubt.was_last_look(&LOOKS_MS) {
            at.push(doubt.look_at(&LOOKS_MS, Mono(0)).0 - doubt.since.0);
            doubt.looks += 1;
        }
        assert_eq!(at, [1_000, 5_000, 20_000, 60_000, 61_000]);
    }
}
