//! Files that are not what was hashed: the server never gets one whole.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};

use super::*;

const CHANGED: Outcome = Outcome::NotSent(NotSent::SourceChanged);

#[tokio::test]
async fn a_file_that_is_gone_is_gone() {
    let case = Case::new(10).await;
    std::fs::remove_file(case.path()).expect("removed");
    let gone = Outcome::NotSent(NotSent::SourceGone);
    assert_eq!(case.begin().await.expect("ends"), gone);
    assert!(case.server.untouched().await);
}

#[tokio::test]
async fn a_file_that_looks_otherwise_in_any_way_has_changed() {
    let changes: [fn(&mut Fingerprint); 5] = [
        |look| look.device += 1,
        |look| look.inode += 1,
        |look| look.size += 1,
        |look| look.mtime_ns += 1,
        |look| look.ctime_ns += 1,
    ];
    for change in changes {
        let mut case = Case::new(10).await;
        change(&mut case.send.fingerprint);
        assert_eq!(case.begin().await.expect("ends"), CHANGED);
        assert!(case.server.untouched().await);
    }
}

#[tokio::test]
async fn what_is_no_regular_file_never_hangs() {
    let mut case = Case::new(10).await;
    let fifo = case.dir.path().join("fifo");
    let mode = rustix::fs::Mode::RUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).expect("made");
    let socket = case.dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("bound");
    for path in [fifo, socket, case.dir.path().to_owned()] {
        case.send.path = Arc::from(path.as_path());
        case.send.fingerprint = look(&path);
        assert_eq!(case.begin().await.expect("ends"), CHANGED, "{path:?}");
    }
}

#[tokio::test]
async fn what_the_disk_does_not_give_is_unreadable() {
    let mut case = Case::new(10).await;
    let knot: PathBuf = case.dir.path().join("knot");
    std::os::unix::fs::symlink(&knot, &knot).expect("linked");
    case.send.path = Arc::from(knot);
    match case.begin().await.expect("ends") {
        Outcome::NotSent(NotSent::SourceUnreadable { reason }) => {
            assert!(reason.contains("symbolic links"), "{reason}");
        }
        outcome => panic!("{outcome:?}"),
    }
}

#[tokio::test]
async fn an_empty_file_is_not_sent() {
    let case = Case::new(0).await;
    assert_eq!(case.begin().await.expect("ends"), CHANGED);
    assert!(case.server.untouched().await);
}

#[tokio::test]
async fn a_small_file_with_other_bytes_and_the_same_look_asks_for_nothing() {
    let mut case = Case::new(1_000).await;
    case.send.content.hash = ContentHash([7; 32]);
    assert_eq!(case.begin().await.expect("ends"), CHANGED);
    assert!(case.server.untouched().await);
}

/// Sends a large file, and lets it change once a part has arrived.
async fn changed_in_the_middle(change: impl FnOnce(&mut Case)) {
    let mut case = Case::new(LARGE).await;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.head().await;
    conn.body(1_000).await;
    change(&mut case);
    assert!(1_000 + conn.rest().await < LARGE, "arrived whole");
    assert_eq!(sent.await.expect("ends"), CHANGED);
    assert!(case.handed() < LARGE as u64);
}

fn opened(case: &Case) -> std::fs::File {
    let mut options = OpenOptions::new();
    options.write(true).open(case.path()).expect("opened")
}

#[tokio::test]
async fn a_large_file_with_other_bytes_and_the_same_look_never_arrives_whole() {
    let mut case = Case::new(LARGE).await;
    case.send.content.hash = ContentHash([7; 32]);
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.head().await;
    assert!(conn.rest().await < LARGE, "arrived whole");
    assert_eq!(sent.await.expect("ends"), CHANGED);
}

#[tokio::test]
async fn a_file_that_shrinks_never_arrives_whole() {
    changed_in_the_middle(|case| {
        opened(case).set_len(LARGE as u64 - 1).expect("cut");
    })
    .await;
}

#[tokio::test]
async fn a_file_that_grows_never_arrives_whole() {
    changed_in_the_middle(|case| {
        opened(case).set_len(LARGE as u64 + 1).expect("grown");
    })
    .await;
}

#[tokio::test]
async fn a_file_whose_end_is_overwritten_never_arrives_whole() {
    changed_in_the_middle(|case| {
        let mut file = opened(case);
        let modified = file.metadata().expect("there").modified().expect("known");
        file.seek(SeekFrom::End(-1)).expect("sought");
        file.write_all(b"!").expect("written");
        file.set_modified(modified).expect("set");
    })
    .await;
}

#[tokio::test]
async fn a_file_whose_read_part_is_overwritten_never_arrives_whole() {
    changed_in_the_middle(|case| {
        opened(case).write_all(b"!").expect("written");
    })
    .await;
}

#[tokio::test]
async fn a_file_that_vanishes_on_the_way_never_arrives_whole() {
    changed_in_the_middle(|case| {
        std::fs::remove_file(case.path()).expect("removed");
    })
    .await;
}
