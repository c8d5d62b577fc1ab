//! Connections that fail, before, in and after the body.

use super::*;

#[tokio::test]
async fn a_refused_connection_is_offline() {
    let mut case = Case::new(10).await;
    case.options.base_url = {
        let server = Server::start().await;
        server.url()
    };
    let reason = offline(case.begin().await.expect("ends"));
    assert_eq!(reason, "no TCP connection: connection refused");
    assert_eq!(case.handed(), 0);
}

#[tokio::test]
async fn what_is_no_tls_is_offline_and_named() {
    let mut case = Case::new(10).await;
    case.options.base_url = case.server.url().replace("http:", "https:");
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.answer("400 Bad", "plain").await;
    let reason = offline(sent.await.expect("ends"));
    assert!(reason.starts_with("TLS failed: "), "{reason}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_offline() {
    let mut case = Case::new(10).await;
    case.options.base_url = case.server.url().replace("http:", "https:");
    case.options.connect_timeout = SHORT;
    let sent = case.begin();
    let _conn = case.server.accept().await;
    let reason = offline(sent.await.expect("ends"));
    assert_eq!(reason, "no connection within the connect time-out");
}

#[tokio::test]
async fn a_reset_in_the_body_is_broken() {
    let case = Case::new(LARGE).await;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.head().await;
    conn.body(1_000_000).await;
    conn.reset();
    let reason = broken(sent.await.expect("ends"));
    assert!(reason.contains("reset") || reason.contains("broken pipe"), "{reason}");
    assert!(case.handed() < LARGE as u64);
}

#[tokio::test]
async fn a_close_in_the_body_is_broken() {
    let case = Case::new(LARGE).await;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.head().await;
    drop(conn);
    broken(sent.await.expect("ends"));
}

#[tokio::test]
async fn a_connection_that_stands_still_is_broken() {
    let mut case = Case::new(LARGE).await;
    case.options.stall_timeout = SHORT;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.head().await;
    let reason = broken(sent.await.expect("ends"));
    assert_eq!(reason, "no byte moved for 200 ms");
    assert!(conn.rest().await < LARGE);
}

#[tokio::test]
async fn a_slow_connection_is_not_one_that_stands_still() {
    let mut case = Case::new(LARGE).await;
    case.options.stall_timeout = Duration::from_millis(500);
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.head().await;
    let mut pause = tokio::time::interval(Duration::from_millis(25));
    for _ in 0..32 {
        pause.tick().await;
        conn.body(LARGE / 32).await;
    }
    conn.stored().await;
    assert_stored(&sent.await.expect("ends"));
}

#[tokio::test]
async fn a_wait_for_the_rate_limit_is_no_stall() {
    let mut case = Case::new(10_000).await;
    // Long enough for a busy machine to open a file, and for the limit far too short.
    case.options.stall_timeout = SHORT;
    case.options.answer_timeout = LONG;
    case.limit(10_000);
    let begun = std::time::Instant::now();
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.upload().await;
    conn.stored().await;
    assert_stored(&sent.await.expect("ends"));
    assert!(begun.elapsed() >= 2 * SHORT);
}

#[tokio::test]
async fn a_lost_answer_is_unknown() {
    for reset in [false, true] {
        let case = Case::new(1_000_000).await;
        let sent = case.begin();
        let mut conn = case.server.accept().await;
        conn.upload().await;
        if reset {
            conn.reset();
        } else {
            drop(conn);
        }
        let (status, reason) = unknown(sent.await.expect("ends"));
        assert_eq!(status, None);
        assert!(reason.starts_with("no answer: "), "{reason}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_unknown() {
    let case = Case::new(10).await;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.upload().await;
    conn.say("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"assetId\":\"user:1").await;
    drop(conn);
    let unknown = unknown(sent.await.expect("ends"));
    assert_eq!(unknown, (Some(200), "status 200 with an unreadable answer".into()));
}

#[tokio::test]
async fn an_answer_that_is_no_http_is_unknown() {
    let case = Case::new(10).await;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.upload().await;
    conn.say("what?\r\n\r\n").await;
    assert_eq!(unknown(sent.await.expect("ends")).0, None);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_unknown() {
    let mut case = Case::new(10).await;
    case.options.answer_timeout = SHORT;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.upload().await;
    let unknown = unknown(sent.await.expect("ends"));
    assert_eq!(unknown, (None, "no answer 200 ms after the last byte".into()));
    // The connection is given up with it.
    assert_eq!(conn.rest().await, 0);
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_is_unknown_with_its_status() {
    let mut case = Case::new(10).await;
    case.options.answer_timeout = SHORT;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.upload().await;
    conn.say("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{").await;
    assert_eq!(unknown(sent.await.expect("ends")).0, Some(200));
}

#[tokio::test]
async fn a_connection_that_fails_before_the_first_byte_is_replaced_once() {
    for again in [false, true] {
        let case = Case::new(1_000).await;
        // The first byte waits for longer than the test takes.
        case.limit(1);
        let sent = case.begin();
        let mut conn = case.server.accept().await;
        conn.head().await;
        conn.reset();
        let mut conn = case.server.accept().await;
        conn.head().await;
        assert_eq!(case.handed(), 0);
        if again {
            conn.reset();
            let reason = broken(sent.await.expect("ends"));
            assert_eq!(reason, "the connection closed before the first byte, twice");
            assert!(case.server.untouched().await);
        } else {
            case.control.rate.set(None);
            assert!(conn.body(1_000).await == bytes(1_000));
            conn.stored().await;
            assert_stored(&sent.await.expect("ends"));
        }
    }
}
