//! Every fault, as a client sees it.
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Ground, TOKEN, until};
use crate::sandbox::Outcome;

#[tokio::test]
async fn a_status_is_answered_and_nothing_stored() {
    let ground = Ground::with(&["status=503,times=1"]).await;
    let reply = ground.upload("x", b"12345").await;
    assert_eq!((reply.status, reply.error().as_str()), (503, "Service Unavailable"));
    assert_eq!(ground.last_request().received, 5);
    assert_eq!(ground.last_request().faults, ["status=503,times=1"]);
    assert!(ground.stored().is_empty());
    assert_eq!(ground.upload("x", b"x").await.status, 200);
}

#[tokio::test]
async fn a_status_can_say_when_to_come_back() {
    let ground = Ground::with(&["status=429,retry-after=7"]).await;
    let reply = ground.upload("x", b"x").await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("7")));

    ground.set_faults(&["status=429,retry-after-date=7"]);
    let reply = ground.upload("x", b"x").await;
    let time = |header: &str| {
        let text = reply.header(header).unwrap();
        jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).unwrap()
    };
    let ahead = time("retry-after").as_second() - time("date").as_second();
    assert!((6..=7).contains(&ahead), "{ahead}");

    ground.set_faults(&["status=429,retry-after-field=7"]);
    let reply = ground.upload("x", b"x").await;
    let expected = json!({"error": "Too Many Requests", "code": 429, "retryAfter": 7});
    assert_eq!((reply.json(), reply.header("retry-after")), (expected, None));
}

#[tokio::test]
async fn an_error_has_many_shapes() {
    let ground = Ground::with(&[]).await;
    for (spec, content_type, body) in [
        (
            "status=502,body=object",
            "application/json; charset=utf-8",
            r#"{"code":502,"error":{"message":"Bad Gateway"}}"#,
        ),
        (
            "status=502,body=no-code",
            "application/json; charset=utf-8",
            r#"{"error":"Bad Gateway"}"#,
        ),
        ("status=502,body=text", "text/plain", "error code: 502"),
        ("plain-error=522", "text/plain", "error code: 522"),
        ("status=502,body=empty", "text/plain", ""),
    ] {
        ground.set_faults(&[spec]);
        let reply = ground.upload("x", b"x").await;
        assert_eq!(reply.status, if spec == "plain-error=522" { 522 } else { 502 });
        assert_eq!(reply.header("content-type"), Some(content_type), "{spec}");
        assert_eq!(reply.text(), body, "{spec}");
    }
    ground.set_faults(&["status=502,body=html"]);
    assert!(ground.upload("x", b"x").await.text().starts_with("<html>"));
    assert!(ground.stored().is_empty());
}

#[tokio::test]
async fn an_early_status_does_not_wait_for_the_body() {
    let ground = Ground::with(&["status=503,early"]).await;
    let mut wire = ground.connect().await;
    wire.send_upload_head("x", 10_000_000).await;
    wire.send(&vec![7; 300_000]).await.unwrap();
    assert_eq!(wire.reply().await.unwrap().status, 503);
}

#[tokio::test]
async fn an_asset_can_be_stored_though_the_answer_is_an_error() {
    let ground = Ground::with(&["stored-status=502"]).await;
    let reply = ground.upload("x", b"x").await;
    assert_eq!((reply.status, reply.error().as_str()), (502, "Bad Gateway"));
    let stored = ground.stored();
    assert_eq!(stored.len(), 1);
    assert_eq!(ground.last_request().asset_id, Some(stored[0].asset_id()));
}

#[tokio::test]
async fn a_lost_answer_is_a_reset_after_the_asset_was_stored() {
    let ground = Ground::with(&["lost-answer,times=1,each-name"]).await;
    for (stored, name) in [(1, "x"), (3, "y")] {
        let error = ground.try_upload(name, b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(ground.last_request().outcome, Outcome::Reset);
        assert_eq!(ground.stored().len(), stored);
        assert_eq!(ground.upload(name, b"x").await.status, 200);
    }
}

#[tokio::test]
async fn a_lost_answer_may_also_hide_that_nothing_was_stored() {
    let ground = Ground::with(&["lost-answer,unstored"]).await;
    let error = ground.try_upload("x", b"12345").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(ground.last_request().received, 5);
    assert!(ground.stored().is_empty());
}

#[tokio::test]
async fn a_malformed_answer_is_no_json() {
    let ground = Ground::with(&["malformed"]).await;
    let reply = ground.upload("x", b"x").await;
    assert_eq!(reply.status, 200);
    assert!(serde_json::from_slice::<serde_json::Value>(&reply.body).is_err());
    assert_eq!(ground.stored().len(), 1);
    ground.set_faults(&["malformed,unstored"]);
    assert_eq!(ground.upload("x", b"x").await.status, 200);
    assert_eq!(ground.stored().len(), 1);
}

#[tokio::test]
async fn an_incomplete_answer_lacks_the_asset_id() {
    let ground = Ground::with(&["incomplete"]).await;
    let value = ground.upload("x", b"x").await.json();
    assert_eq!(value.get("assetId"), None);
    assert_eq!(value["id"], ground.stored()[0].id);
    ground.set_faults(&["incomplete,unstored"]);
    assert_eq!(ground.upload("x", b"x").await.json(), json!({}));
    assert_eq!(ground.stored().len(), 1);
}

#[tokio::test]
async fn a_reset_comes_after_so_many_bytes_of_the_body() {
    let ground = Ground::with(&["reset-after=1KiB"]).await;
    let mut wire = ground.connect().await;
    wire.send_upload_head("x", 5000).await;
    wire.send(&[7; 1023]).await.unwrap();
    ground.until_received(1, 1023).await;
    assert_eq!(ground.last_request().outcome, Outcome::Open);
    wire.send(&[7; 1]).await.unwrap();
    assert_eq!(wire.reply().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(ground.last_request().received, 1024);
    assert_eq!(ground.last_request().outcome, Outcome::Reset);
    assert!(ground.stored().is_empty());
    until(|| ground.incoming() == 0).await;
    // A shorter body never gets there.
    assert_eq!(ground.upload("x", &[7; 1023]).await.status, 200);
    // Zero is before the first byte.
    ground.set_faults(&["reset-after=0"]);
    let mut wire = ground.connect().await;
    wire.send_upload_head("x", 5).await;
    assert_eq!(wire.reply().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_stalled_body_is_never_answered_and_ends_with_the_sandbox() {
    let ground = Ground::with(&["stall-after=4"]).await;
    let mut wire = ground.connect().await;
    wire.send_upload_head("x", 5).await;
    wire.send(b"12345").await.unwrap();
    ground.until_ended(1, Outcome::Stalled).await;
    assert_eq!(ground.last_request().received, 4);
    let ground = ground.restart().await;
    let error = wire.reply().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset));
    assert!(ground.stored().is_empty());
}

#[tokio::test]
async fn a_slow_answer_comes_late_and_does_not_hold_up_a_stop() {
    let ground = Ground::with(&["slow-answer=30ms"]).await;
    let started = Instant::now();
    assert_eq!(ground.upload("x", b"x").await.status, 200);
    assert!(started.elapsed() >= Duration::from_millis(30));
    ground.set_faults(&["slow-answer=1h"]);
    let mut wire = ground.connect().await;
    wire.send_upload_head("y", 1).await;
    wire.send(b"y").await.unwrap();
    until(|| ground.stored().len() == 2).await;
    let ground = ground.restart().await;
    let error = wire.reply().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset));
    assert_eq!(ground.stored().len(), 2);
}

#[tokio::test]
async fn a_narrow_band_takes_its_time() {
    let ground = Ground::with(&["bandwidth=1MB/s"]).await;
    let started = Instant::now();
    assert_eq!(ground.upload("x", &[7; 50_000]).await.status, 200);
    assert!(started.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_larger_body_is_refused_with_a_page() {
    let ground = Ground::with(&["max-size=10"]).await;
    assert_eq!(ground.upload("x", &[7; 10]).await.status, 200);
    let reply = ground.upload("x", &[7; 11]).await;
    assert_eq!(reply.status, 413);
    assert!(reply.text().starts_with("<html>"));
    // Chunks do not say how many will come.
    let mut wire = ground.connect().await;
    wire.send(
        format!(
            "POST /v1/runwayml/assets/?name=x HTTP/1.1\r\nhost: localhost\r\n\
             authorization: Bearer {TOKEN}\r\ncontent-type: image/png\r\n\
             transfer-encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n"
        )
        .as_bytes(),
    )
    .await
    .unwrap();
    assert_eq!(wire.reply().await.unwrap().status, 413);
    assert_eq!(ground.stored().len(), 1);
}

#[tokio::test]
async fn a_broken_account_stops_only_itself() {
    let ground = Ground::with_accounts(&["broken-account=A@b.c"], &["a@b.c", "d@b.c"]).await;
    let upload = async |email: &str| {
        let path = format!("/v1/runwayml/assets/?name=x&email={email}");
        ground.ask("POST", &path, "content-type: image/png\r\n", b"x").await
    };
    let reply = upload("a@b.c").await;
    assert_eq!(reply.status, 596);
    assert!(reply.error().starts_with("Account a@b.c in error state: "));
    assert_eq!(upload("d@b.c").await.status, 200);
    let list = "/v1/runwayml/assets/?offset=0&limit=1&email=";
    assert_eq!(ground.get(&format!("{list}a@b.c")).await.status, 596);
    assert_eq!(ground.get(&format!("{list}d@b.c")).await.status, 200);
}

#[tokio::test]
async fn without_a_subscription_all_calls_are_402() {
    let ground = Ground::with(&["subscription"]).await;
    let message = "Account has no subscription or subscription expired";
    let reply = ground.upload("x", b"x").await;
    assert_eq!((reply.status, reply.error().as_str()), (402, message));
    let reply = ground.get("/v1/runwayml/accounts").await;
    assert_eq!((reply.status, reply.error().as_str()), (402, message));
    assert_eq!(ground.get("/v2/account").await.json()["subscriptionIsActive"], false);
    assert!(ground.stored().is_empty());
}

#[tokio::test]
async fn other_calls_fail_when_told() {
    let ground = Ground::with(&["status=503,on=list,on=accounts", "malformed,on=account"]).await;
    assert_eq!(ground.upload("x", b"x").await.status, 200);
    assert_eq!(ground.get("/v1/runwayml/assets/?offset=0&limit=1").await.status, 503);
    assert_eq!(ground.get("/v1/runwayml/accounts").await.status, 503);
    assert_eq!(ground.get("/v1/runwayml/features").await.status, 200);
    let reply = ground.get("/v2/account").await;
    assert!(serde_json::from_slice::<serde_json::Value>(&reply.body).is_err());

    // A lost answer to a delete leaves it done; an unstored one does not do it.
    let asset_id = ground.stored()[0].asset_id();
    let path = format!("/v1/runwayml/assets/{asset_id}");
    ground.set_faults(&["lost-answer,unstored,on=delete"]);
    assert!(ground.try_ask("DELETE", &path, "", b"").await.is_err());
    assert_eq!(ground.stored().len(), 1);
    ground.set_faults(&["lost-answer,on=delete"]);
    let error = ground.try_ask("DELETE", &path, "", b"").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(ground.stored().is_empty());
}

#[tokio::test]
async fn a_wrong_clock_shows_in_the_date_and_in_what_is_created() {
    let ground = Ground::with(&["clock=-2h"]).await;
    let reply = ground.upload("x", b"x").await;
    let behind_s = |time: jiff::Timestamp| jiff::Timestamp::now().as_second() - time.as_second();
    let date = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(reply.header("date").unwrap())
        .unwrap();
    let created_at = reply.json()["createdAt"].as_str().unwrap().parse().unwrap();
    for time in [date, created_at] {
        assert!((7_200..7_260).contains(&behind_s(time)), "{time}");
    }
}

#[tokio::test]
async fn faults_hit_only_the_names_they_are_for() {
    let ground = Ground::with(&["status=500,name=*.png", "status=503,name=cat"]).await;
    assert_eq!(ground.upload("cat.png", b"x").await.status, 500);
    assert_eq!(ground.upload("cat.jpg", b"x").await.status, 503);
    assert_eq!(ground.upload("dog.jpg", b"x").await.status, 200);
}

#[tokio::test]
async fn several_faults_at_once_combine() {
    let ground = Ground::with(&["slow-answer=20ms", "stored-status=504", "bandwidth=1MB/s"]).await;
    let started = Instant::now();
    let reply = ground.upload("x", &[7; 20_000]).await;
    assert!(started.elapsed() >= Duration::from_millis(40));
    assert_eq!(reply.status, 504);
    assert_eq!(ground.stored().len(), 1);
    assert_eq!(ground.last_request().faults.len(), 3);
}

#[tokio::test]
async fn a_request_that_is_refused_anyway_counts_for_no_fault() {
    let ground = Ground::with(&["status=503,times=1", "status=503,on=asset,times=1"]).await;
    assert_eq!(ground.upload("", b"x").await.status, 400);
    assert_eq!(ground.upload("x", b"").await.status, 400);
    assert_eq!(ground.get("/v1/runwayml/assets/none").await.status, 404);
    assert_eq!(ground.upload("x", b"x").await.status, 503);
}
