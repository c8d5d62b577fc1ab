//! How bodies arrive: whole, in chunks, short, refused, many at once.
use std::io::ErrorKind;

use super::client::{Ground, TOKEN, until};
use crate::sandbox::Outcome;

#[tokio::test]
async fn a_body_shorter_than_its_length_is_never_stored() {
    let ground = Ground::with(&[]).await;
    // One client ends its side and listens on, the other one is gone.
    let mut wire = ground.connect().await;
    wire.send_upload_head("x", 100).await;
    wire.send(&[7; 99]).await.unwrap();
    wire.end_sending().await;
    ground.until_ended(1, Outcome::Aborted).await;
    let mut wire = ground.connect().await;
    wire.send_upload_head("x", 100).await;
    wire.send(&[7; 99]).await.unwrap();
    ground.until_received(2, 99).await;
    drop(wire);
    ground.until_ended(2, Outcome::Aborted).await;
    assert!(ground.stored().is_empty());
    until(|| ground.incoming() == 0).await;
    let requests = ground.sandbox.requests();
    assert_eq!(requests.counters[&crate::sandbox::Call::Upload].aborted, 2);
    assert_eq!(requests.uploads_open, 0);
}

#[tokio::test]
async fn chunks_are_taken_and_noted() {
    let ground = Ground::with(&[]).await;
    let head = format!(
        "POST /v1/runwayml/assets/?name=x HTTP/1.1\r\nhost: localhost\r\n\
         authorization: Bearer {TOKEN}\r\ncontent-type: image/png\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    let mut wire = ground.connect().await;
    wire.send(head.as_bytes()).await.unwrap();
    wire.send(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").await.unwrap();
    assert_eq!(wire.reply().await.unwrap().json()["size"], 5);
    let stored = &ground.stored()[0];
    assert!(!stored.had_content_length);
    assert_eq!(stored.blake3, blake3::hash(b"abcde").to_hex().as_str());
    assert_eq!(ground.last_request().content_length, None);

    // No chunk at all is an empty body; one without its end is none.
    wire.send(head.as_bytes()).await.unwrap();
    wire.send(b"0\r\n\r\n").await.unwrap();
    let reply = wire.reply().await.unwrap();
    assert_eq!(reply.error(), "The body is empty: send the bytes of the file");
    wire.send(head.as_bytes()).await.unwrap();
    wire.send(b"3\r\nabc\r\n").await.unwrap();
    wire.end_sending().await;
    ground.until_ended(3, Outcome::Aborted).await;
    assert_eq!(ground.stored().len(), 1);
    until(|| ground.incoming() == 0).await;
}

#[tokio::test]
async fn a_large_body_is_refused_before_it_was_sent_and_the_connection_lives_on() {
    let ground = Ground::with(&[]).await;
    let total = 3_000_000;
    let mut wire = ground.connect().await;
    wire.send(
        format!(
            "POST /v1/runwayml/assets/?name=x HTTP/1.1\r\nhost: localhost\r\n\
             content-type: image/png\r\ncontent-length: {total}\r\n\r\n"
        )
        .as_bytes(),
    )
    .await
    .unwrap();
    let early = 300_000;
    wire.send(&vec![7; early]).await.unwrap();
    assert_eq!(wire.reply().await.unwrap().status, 401);
    wire.send(&vec![7; total - early]).await.unwrap();
    wire.send_upload_head("y", 1).await;
    wire.send(b"y").await.unwrap();
    assert_eq!(wire.reply().await.unwrap().status, 200);
    assert_eq!(ground.stored()[0].name, "y");
}

#[tokio::test]
async fn who_asks_before_sending_is_told_first() {
    let ground = Ground::with(&[]).await;
    let upload = |token: &str| {
        format!(
            "POST /v1/runwayml/assets/?name=x HTTP/1.1\r\nhost: localhost\r\n\
             authorization: Bearer {token}\r\ncontent-type: image/png\r\n\
             content-length: 3\r\nexpect: 100-continue\r\n\r\n"
        )
    };
    let mut wire = ground.connect().await;
    wire.send(upload("user:2-wrong").as_bytes()).await.unwrap();
    assert_eq!(wire.reply().await.unwrap().status, 401);
    let mut wire = ground.connect().await;
    wire.send(upload(TOKEN).as_bytes()).await.unwrap();
    assert_eq!(wire.reply().await.unwrap().status, 100);
    wire.send(b"abc").await.unwrap();
    assert_eq!(wire.reply().await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_uploads_at_once_stay_apart() {
    let ground = Ground::with(&[]).await;
    let body = |i: usize| vec![u8::try_from(i).unwrap(); 100_000 + i];
    let mut wires = Vec::new();
    for i in 0..16 {
        let mut wire = ground.connect().await;
        wire.send_upload_head(&format!("n{i}"), body(i).len()).await;
        wire.send(&body(i)[..50_000]).await.unwrap();
        wires.push(wire);
    }
    until(|| ground.sandbox.requests().uploads_open == 16).await;
    for (i, wire) in wires.iter_mut().enumerate() {
        wire.send(&body(i)[50_000..]).await.unwrap();
    }
    for wire in &mut wires {
        assert_eq!(wire.reply().await.unwrap().status, 200);
    }
    let stored = ground.stored();
    assert_eq!(stored.len(), 16);
    for asset in &stored {
        let i: usize = asset.name[1..].parse().unwrap();
        assert_eq!(asset.blake3, blake3::hash(&body(i)).to_hex().as_str());
    }
    let requests = ground.sandbox.requests();
    assert_eq!((requests.uploads_open, requests.uploads_peak), (0, 16));
}

#[tokio::test]
async fn a_stop_cuts_what_is_running_and_keeps_nothing_half() {
    let ground = Ground::with(&[]).await;
    let mut wire = ground.connect().await;
    wire.send_upload_head("x", 100).await;
    wire.send(&[7; 50]).await.unwrap();
    ground.until_received(1, 50).await;
    let ground = ground.restart().await;
    let error = wire.reply().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset));
    assert!(ground.stored().is_empty());
    assert_eq!(ground.incoming(), 0);
}

#[tokio::test]
async fn a_dropped_sandbox_lets_go_as_well() {
    let ground = Ground::with(&["slow-answer=1h"]).await;
    let mut wire = ground.connect().await;
    wire.send_upload_head("x", 1).await;
    wire.send(b"x").await.unwrap();
    until(|| ground.stored().len() == 1).await;
    let Ground { sandbox, dir } = ground;
    drop(sandbox);
    let error = wire.reply().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset));
    let lock = std::fs::File::open(dir.path().join("lock")).unwrap();
    until(|| lock.try_lock().is_ok()).await;
}
