//! What a scan need not tell of.

use std::path::{Path, PathBuf};

use super::super::{
    AccountId, ContentHash, Disk, Event, Facts, Fingerprint, FolderId, IgnoredBy, Limits, Look,
    Mono, Now, PathRow, PathStatus, Plan, Planner, Push, Remembered, Sight, Stat, UploadKey,
    UploadState, Wall,
};
use super::given::policy;

const NOW: Now = Now { wall: Wall(1_800_000_000_000), mono: Mono(0) };

fn planner(ignores: bool) -> Planner {
    let mut policy = policy(1, 1);
    (policy.ignore_changes, policy.ignore_existing) = (ignores, ignores);
    let accounts = vec![(AccountId(1), None), (AccountId(2), Some("b@x".to_owned()))];
    Planner::new(Limits::default(), vec![policy], accounts, Remembered::default(), NOW)
}

fn rows() -> Vec<PathRow> {
    let hash = ContentHash([1; 32]);
    let upload = |account, upload| {
        let key = UploadKey { hash, account: AccountId(account) };
        PathStatus::Linked { key, upload }
    };
    let mut all = vec![
        PathStatus::Settling,
        upload(1, UploadState::Wanted),
        upload(1, UploadState::Uploaded { asset_id: "x".into() }),
        upload(2, UploadState::Uploaded { asset_id: "x".into() }),
        PathStatus::Failed { reason: "no".into() },
    ];
    for by in [IgnoredBy::Rule, IgnoredBy::Media, IgnoredBy::Existing] {
        all.extend(["no", "other"].map(|reason| PathStatus::Ignored { by, reason: reason.into() }));
    }
    let mut rows = Vec::new();
    for status in all {
        for bits in 0..8 {
            let folder = FolderId([1, 0][bits & 1]);
            let (certain, gone) = (bits & 2 != 0, bits & 4 != 0);
            let (fingerprint, status) = (stat(1).fingerprint, status.clone());
            rows.push(PathRow { folder, fingerprint, certain, gone, status });
        }
    }
    rows
}

fn stat(size: u64) -> Stat {
    let (mtime_ns, ctime_ns) = (NOW.wall.0 * 500_000, NOW.wall.0 * 500_000);
    let fingerprint = Fingerprint { device: 1, inode: 1, size, mtime_ns, ctime_ns };
    Stat { fingerprint, disk: Disk::default() }
}

fn looks() -> Vec<Look> {
    let left = |rule: &str| Look::Left { stat: stat(1), rule: rule.into() };
    let unreadable = Look::Unreadable { reason: "no right".into() };
    vec![Look::File(stat(1)), Look::File(stat(2)), left("no"), Look::Gone, unreadable]
}

#[test]
fn what_is_known_is_what_nothing_follows_from() {
    let (mut known, mut news) = (0, 0);
    for ignores in [false, true] {
        for row in rows().into_iter().map(Some).chain([None]) {
            for look in looks() {
                let mut planner = planner(ignores);
                let as_known = row.as_ref().map(PathRow::known);
                let path = || PathBuf::from("/a.png");
                let knows = planner.knows(FolderId(1), &look, as_known.as_ref(), path);
                let case = format!("{row:?}, {look:?}, ignores: {ignores}");
                let before = format!("{planner:?}");
                let sight = Sight {
                    folder: FolderId(1),
                    path: Path::new("/a.png").into(),
                    look,
                    by_scan: true,
                    arrival: None,
                    told: false,
                };
                let facts = Facts { row: row.clone(), ..Facts::default() };
                let plan = planner.handle(NOW, Event::Seen(sight), facts);
                let nothing = plan == Plan::default() && format!("{planner:?}") == before;
                assert!(nothing || !knows, "known, and {plan:?} follows: {case}");
                *if knows { &mut known } else { &mut news } += 1;
            }
        }
    }
    assert!(known > 200 && news > 200, "{known} known, {news} news");
}

#[test]
fn what_is_on_its_way_is_never_known() {
    let mut planner = planner(false);
    let push = Push { account: AccountId(1), force: false, name: None };
    let pushed = Event::Pushed { path: Path::new("/a.png").into(), push };
    planner.handle(NOW, pushed, Facts::default());
    for row in rows() {
        for look in looks() {
            let knows = |path: &str| {
                planner.knows(FolderId(1), &look, Some(&row.known()), || PathBuf::from(path))
            };
            assert!(!knows("/a.png"), "{row:?}, {look:?}");
        }
    }
}
