//! Requests as they go out, and answers of all kinds.

use super::*;

#[tokio::test]
async fn a_request_is_what_the_api_documents() {
    let case = Case::new(100_000).await;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    let (head, body) = conn.upload().await;
    assert_eq!(head.line, "POST /v1/runwayml/assets/?name=a.png HTTP/1.1");
    assert_eq!(head.header("authorization"), Some("Bearer user:1-abc"));
    assert_eq!(head.header("content-type"), Some("image/png"));
    assert_eq!(head.header("content-length"), Some("100000"));
    assert_eq!(head.header("transfer-encoding"), None);
    let agent = concat!("taxiway/", env!("CARGO_PKG_VERSION"));
    assert_eq!(head.header("user-agent"), Some(agent));
    assert!(body == bytes(100_000));
    conn.stored().await;
    assert_stored(&sent.await.expect("ends"));
    assert_eq!(case.handed(), 100_000);
}

#[tokio::test]
async fn a_large_body_arrives_byte_for_byte() {
    for size in [1, 128 * 1024 - 1, 128 * 1024, 128 * 1024 + 1, 3_000_000] {
        let case = Case::new(size).await;
        let sent = case.begin();
        let mut conn = case.server.accept().await;
        let (_, body) = conn.upload().await;
        assert!(body == bytes(size), "{size}");
        conn.stored().await;
        assert_stored(&sent.await.expect("ends"));
    }
}

/// The request line of an upload.
async fn line(change: impl FnOnce(&mut Case)) -> String {
    let mut case = Case::new(10).await;
    change(&mut case);
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    let (head, _) = conn.upload().await;
    conn.stored().await;
    assert_stored(&sent.await.expect("ends"));
    let query = head.line.strip_prefix("POST /v1/runwayml/assets/?");
    let query = query.and_then(|line| line.strip_suffix(" HTTP/1.1"));
    query.expect("a query").to_owned()
}

#[tokio::test]
async fn every_value_of_the_query_is_encoded() {
    let query = line(|case| {
        case.send.name = "ein Bild & mehr+é#1.png".into();
        case.send.email = Some("me+x@example.com".into());
    });
    assert_eq!(
        query.await,
        "name=ein%20Bild%20%26%20mehr%2B%C3%A9%231.png&email=me%2Bx%40example.com"
    );
}

#[tokio::test]
async fn facts_go_out_when_they_are_known_and_asked_for() {
    fn known(case: &mut Case, media_type: MediaType) {
        case.send.content.media_type = media_type;
        case.send.content.width = Some(640);
        case.send.content.height = Some(480);
        case.send.content.duration_ms = Some(12_340);
    }
    let asked = line(|case| known(case, MediaType::Mp4)).await;
    assert_eq!(asked, "name=a.png&width=640&height=480");
    let all = line(|case| {
        known(case, MediaType::Mp4);
        case.options.facts.duration = true;
    });
    assert_eq!(all.await, "name=a.png&width=640&height=480&duration=12.34");
    let audio = line(|case| {
        known(case, MediaType::Mp3);
        case.send.content.duration_ms = Some(12_000);
        case.options.facts.duration = true;
    });
    assert_eq!(audio.await, "name=a.png&duration=12");
    let none = line(|case| {
        known(case, MediaType::Mp4);
        case.options.facts.width = false;
        case.options.facts.height = false;
    });
    assert_eq!(none.await, "name=a.png");
    let unknown = line(|case| case.options.facts.duration = true).await;
    assert_eq!(unknown, "name=a.png");
}

#[tokio::test]
async fn a_chunked_answer_is_read() {
    let case = Case::new(10).await;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.upload().await;
    let body = format!(r#"{{"assetId":"{ID}"}}"#);
    let (one, two) = body.split_at(7);
    conn.say(&format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n",
        one.len(),
        two.len(),
    ))
    .await;
    assert_stored(&sent.await.expect("ends"));
}

#[tokio::test]
async fn a_status_that_no_standard_has_is_understood() {
    let case = Case::new(10).await;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.upload().await;
    conn.answer("596 Account", r#"{"error":"Account a@b.c in error state: x"}"#).await;
    let (kind, status, message) = refused(sent.await.expect("ends"));
    assert_eq!((kind, status), (RefusalKind::Account, 596));
    assert_eq!(message, "Account a@b.c in error state: x");
}

#[tokio::test]
async fn a_refusal_before_the_last_byte_ends_the_body() {
    for close in [false, true] {
        let case = Case::new(LARGE).await;
        let sent = case.begin();
        let mut conn = case.server.accept().await;
        conn.head().await;
        conn.body(1_000).await;
        let more = if close { "connection: close\r\n" } else { "" };
        conn.say(&format!("HTTP/1.1 413 Too Large\r\n{more}content-length: 7\r\n\r\ntoo big"))
            .await;
        let (kind, status, message) = refused(sent.await.expect("ends"));
        assert_eq!((kind, status, message.as_str()), (RefusalKind::File, 413, "too big"));
        assert!(1_000 + conn.rest().await < LARGE);
        assert!(case.handed() < LARGE as u64);
    }
}

#[tokio::test]
async fn the_words_of_an_early_refusal_may_come_late_while_the_body_stands_still() {
    let case = Case::new(LARGE).await;
    let client = case.client();
    let sent = case.begin_with(client.clone());
    let mut conn = case.server.accept().await;
    conn.head().await;
    conn.say("HTTP/1.1 401 No\r\ncontent-length: 5\r\n\r\nnot").await;
    // What the two ends hold already still arrives; the rest is kept back.
    while tokio::time::timeout(SHORT, conn.body(1_000)).await.is_ok() {}
    assert!(case.handed() < LARGE as u64);
    conn.say("hi").await;
    let (kind, _, message) = refused(sent.await.expect("ends"));
    assert_eq!((kind, message.as_str()), (RefusalKind::Token, "nothi"));
    // Nothing moves on the connection, and it ends all the same while the client lives on.
    conn.rest().await;
    drop(client);
    assert!(case.handed() < LARGE as u64);
}

#[tokio::test]
async fn an_early_success_is_not_believed() {
    let case = Case::new(LARGE).await;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.head().await;
    conn.stored().await;
    let (status, reason) = unknown(sent.await.expect("ends"));
    assert_eq!(status, Some(200));
    assert_eq!(reason, "status 200 before the last byte was sent");
    assert!(conn.rest().await < LARGE);
}

#[tokio::test]
async fn a_success_that_begins_early_and_ends_after_the_body_is_stored() {
    let case = Case::new(LARGE).await;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.head().await;
    let answer = format!(r#"{{"assetId":"{ID}"}}"#);
    let length = answer.len();
    conn.say(&format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n")).await;
    assert!(conn.body(LARGE).await == bytes(LARGE));
    conn.say(&answer).await;
    assert_stored(&sent.await.expect("ends"));
}

#[tokio::test]
async fn a_server_error_before_the_last_byte_is_no_doubt() {
    let case = Case::new(LARGE).await;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.head().await;
    conn.answer("503 Busy", "later").await;
    assert_eq!(broken(sent.await.expect("ends")), "status 503: later");

    let case = Case::new(10).await;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.upload().await;
    conn.answer("503 Busy", "later").await;
    let unknown = unknown(sent.await.expect("ends"));
    assert_eq!(unknown, (Some(503), "status 503: later".into()));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::start().await;
    let case = Case::new(10).await;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.upload().await;
    let target = elsewhere.url();
    conn.say(&format!(
        "HTTP/1.1 302 Over there\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n"
    ))
    .await;
    let (kind, status, message) = refused(sent.await.expect("ends"));
    assert_eq!((kind, status), (RefusalKind::Other, 302));
    assert_eq!(message, format!("redirected, which is not followed, to {target}"));
    assert!(elsewhere.untouched().await);
}

#[tokio::test]
async fn an_endless_answer_is_read_up_to_a_bound() {
    for (status, refusal) in [("200 OK", false), ("400 Bad", true)] {
        let case = Case::new(10).await;
        let sent = case.begin();
        let mut conn = case.server.accept().await;
        conn.upload().await;
        conn.say(&format!("HTTP/1.1 {status}\r\n\r\n")).await;
        while conn.try_say(&"no ".repeat(10_000)).await {}
        let outcome = sent.await.expect("ends");
        if refusal {
            assert_eq!(refused(outcome).0, RefusalKind::Other);
        } else {
            assert_eq!(unknown(outcome).1, "status 200 with an unreadable answer");
        }
    }
}

#[tokio::test]
async fn a_refusal_whose_words_never_end_is_one_all_the_same() {
    let mut case = Case::new(10).await;
    case.options.stall_timeout = SHORT;
    let sent = case.begin();
    let mut conn = case.server.accept().await;
    conn.upload().await;
    conn.say("HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 99\r\n\r\nslow down").await;
    let (kind, _, message) = refused(sent.await.expect("ends"));
    let retry_after_ms = Some(7_000);
    assert_eq!(kind, RefusalKind::Rate { retry_after_ms });
    assert_eq!(message, "slow down");
}

#[tokio::test]
async fn a_kept_connection_is_used_again_and_replaced_when_it_was_closed() {
    let case = Case::new(10).await;
    let client = case.client();
    let mut sent = case.begin_with(client.clone());
    let mut conn = case.server.accept().await;
    for _ in 0..3 {
        conn.upload().await;
        conn.stored().await;
        assert_stored(&sent.await.expect("ends"));
        sent = case.begin_with(client.clone());
    }
    conn.upload().await;
    conn.stored().await;
    assert_stored(&sent.await.expect("ends"));
    conn.close().await;
    let sent = case.begin_with(client);
    let mut conn = case.server.accept().await;
    let (_, body) = conn.upload().await;
    assert_eq!(body, bytes(10));
    conn.stored().await;
    assert_stored(&sent.await.expect("ends"));
}
