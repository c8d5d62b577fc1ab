//! Uploads that are taken back or stopped.

use super::*;

const WITHDRAWN: Outcome = Outcome::NotSent(NotSent::Withdrawn);

#[tokio::test]
async fn what_is_withdrawn_before_it_begins_asks_for_nothing() {
    for abort in [false, true] {
        let case = Case::new(10).await;
        let reins = if abort { &case.control.abort } else { &case.control.withdraw };
        reins.cancel();
        assert_eq!(case.begin().await.expect("ends"), WITHDRAWN);
        assert!(case.server.untouched().await);
        assert_eq!(case.handed(), 0);
    }
}

#[tokio::test]
async fn what_is_withdrawn_while_connecting_sends_nothing() {
    let mut case = Case::new(10).await;
    case.options.base_url = case.server.url().replace("http:", "https:");
    let sent = case.begin();
    let _conn = case.server.accept().await;
    case.control.withdraw.cancel();
    assert_eq!(sent.await.expect("ends"), WITHDRAWN);
    assert_eq!(case.handed(), 0);
}

#[tokio::test]
async fn what_is_withdrawn_before_its_first_byte_sends_none() {
    let case = Case::new(1_000).await;
    // The first byte waits for longer than the test takes.
    case.limit(1);
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.head().await;
    case.control.withdraw.cancel();
    assert_eq!(sent.await.expect("ends"), WITHDRAWN);
    assert_eq!(conn.rest().await, 0);
    assert_eq!(case.handed(), 0);
}

#[tokio::test]
async fn what_has_begun_cannot_be_withdrawn() {
    let case = Case::new(LARGE).await;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.head().await;
    conn.body(1_000).await;
    case.control.withdraw.cancel();
    conn.body(LARGE - 1_000).await;
    conn.stored().await;
    assert_stored(&sent.await.expect("ends"));
}

#[tokio::test]
async fn a_stop_in_the_body_cuts_it() {
    let case = Case::new(LARGE).await;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.head().await;
    conn.body(1_000).await;
    case.control.abort.cancel();
    assert_eq!(sent.await.expect("ends"), WITHDRAWN);
    assert!(1_000 + conn.rest().await < LARGE);
}

#[tokio::test]
async fn a_stop_after_the_body_waits_for_the_answer() {
    let case = Case::new(10).await;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.upload().await;
    case.control.withdraw.cancel();
    case.control.abort.cancel();
    tokio::task::yield_now().await;
    conn.stored().await;
    assert_stored(&sent.await.expect("ends"));
}

#[tokio::test]
async fn a_stop_after_the_body_waits_no_longer_than_its_grace() {
    let mut case = Case::new(10).await;
    case.control.abort_grace = SHORT;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.upload().await;
    case.control.abort.cancel();
    let unknown = unknown(sent.await.expect("ends"));
    assert_eq!(unknown, (None, "stopped while waiting for the answer".into()));
}

#[tokio::test]
async fn an_upload_that_is_dropped_leaves_its_connection() {
    let case = Case::new(LARGE).await;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.head().await;
    sent.abort();
    assert!(conn.rest().await < LARGE);
}
