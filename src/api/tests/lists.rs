//! Lists of assets: pages, their entries, and trouble with them.

use super::*;
use crate::planner::{Listing, Mono, Now, Trouble, Wall};

const NOW: Now = Now { wall: Wall(5), mono: Mono(6) };

fn begin(server: &Server, email: Option<&'static str>) -> JoinHandle<Result<Listing, Trouble>> {
    let client = Client::new(options(&server.url())).expect("a client");
    tokio::spawn(async move {
        let token = token();
        let list = client.list(&token, email, || NOW);
        tokio::time::timeout(LONG, list).await.expect("ends in time")
    })
}

/// An answer of these entries: numbered ones, then others.
fn page(numbers: std::ops::Range<usize>) -> String {
    let entries: Vec<String> = numbers
        .map(|n| format!(r#"{{"assetId":"{ID}{n}","name":"{n}","fileSize":{n}}}"#))
        .collect();
    format!("[{}]", entries.join(","))
}

#[tokio::test]
async fn pages_are_read_until_a_short_one() {
    let server = Server::start().await;
    let listed = begin(&server, Some("me+x@b.c"));
    let mut conn = server.accept().await;
    let head = conn.head().await;
    assert_eq!(head.line, "GET /v1/runwayml/assets/?offset=0&limit=50&email=me%2Bx%40b.c HTTP/1.1");
    assert_eq!(head.header("authorization"), Some("Bearer user:1-abc"));
    let body = page(0..50);
    conn.say(&format!(
        "HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 1970 00:00:09 GMT\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await;
    let head = conn.head().await;
    assert!(head.line.contains("offset=50&"), "{}", head.line);
    // An asset that arrived in between moved the last one of the first page here.
    conn.answer("200 OK", &page(49..60)).await;
    let listing = listed.await.expect("ends").expect("a list");
    assert!(listing.reached_end);
    assert_eq!(listing.server_time, Some(Wall(9_000)));
    assert_eq!(listing.asked, NOW);
    let sizes: Vec<u64> = listing.assets.iter().filter_map(|asset| asset.size).collect();
    assert_eq!(sizes, (0..60).collect::<Vec<u64>>());
}

#[tokio::test]
async fn no_more_is_asked_for_than_the_api_gives() {
    let server = Server::start().await;
    let listed = begin(&server, None);
    let mut conn = server.accept().await;
    for number in 0..21 {
        let head = conn.head().await;
        let offset = format!("?offset={}&limit=50 ", number * 50);
        assert!(head.line.contains(&offset), "{}", head.line);
        conn.answer("200 OK", &page(number * 50..number * 50 + 50)).await;
    }
    let listing = listed.await.expect("ends").expect("a list");
    assert!(!listing.reached_end);
    assert_eq!(listing.assets.len(), 1_050);
    assert_eq!(listing.server_time, None);
}

#[tokio::test]
async fn an_entry_is_read_as_far_as_it_makes_sense() {
    let server = Server::start().await;
    let listed = begin(&server, None);
    let mut conn = server.accept().await;
    conn.head().await;
    let entries = [
        format!(
            r#"{{"assetId":"{ID}1","name":"e\u0301.png","fileSize":"12","url":"https://x",
               "createdAt":"1970-01-01T00:00:01.500Z","isUserUpload":false,"metadata":null}}"#
        ),
        format!(r#"{{"assetId":"{ID}2","name":null,"fileSize":{{}},"createdAt":"soon"}}"#),
        r#"{"id":"0f","name":"no assetId"}"#.to_owned(),
        r#"{"assetId":"0f"}"#.to_owned(),
        "null".to_owned(),
    ];
    conn.answer("200 OK", &format!("[{}]", entries.join(","))).await;
    let listing = listed.await.expect("ends").expect("a list");
    assert!(listing.reached_end);
    let [first, second] = &listing.assets[..] else {
        panic!("{:?}", listing.assets);
    };
    assert_eq!(first.asset.asset_id, format!("{ID}1"));
    assert_eq!(first.asset.url.as_deref(), Some("https://x"));
    assert_eq!(first.name.as_deref(), Some("\u{e9}.png"));
    assert_eq!(first.size, Some(12));
    assert_eq!(first.created_at, Some(Wall(1_500)));
    assert!(!first.is_user_upload);
    assert_eq!(second.name, None);
    assert_eq!(second.size, None);
    assert_eq!(second.created_at, None);
    assert!(second.is_user_upload);
}

#[tokio::test]
async fn one_bad_page_fails_the_list() {
    for (status, body, reason, stops) in [
        ("500 Oops", "oops", "status 500: oops", false),
        ("401 No", r#"{"error":"Unauthorized"}"#, "status 401: Unauthorized", true),
        ("200 OK", "{}", "the list of assets is unreadable: ", false),
        ("200 OK", "[", "the list of assets is unreadable: ", false),
        ("302 Off", "", "status 302: redirected to nowhere", false),
    ] {
        let server = Server::start().await;
        let listed = begin(&server, None);
        let mut conn = server.accept().await;
        conn.head().await;
        conn.answer("200 OK", &page(0..50)).await;
        conn.head().await;
        conn.answer(status, body).await;
        let trouble = listed.await.expect("ends").expect_err("trouble");
        assert!(trouble.reason.starts_with(reason), "{}", trouble.reason);
        assert_eq!(trouble.refusal.is_some(), stops, "{status}");
    }
}

#[tokio::test]
async fn a_page_that_breaks_off_fails_the_list() {
    let server = Server::start().await;
    let listed = begin(&server, None);
    let mut conn = server.accept().await;
    conn.head().await;
    conn.say("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n[]").await;
    drop(conn);
    assert!(listed.await.expect("ends").is_err());
}

#[tokio::test]
async fn a_list_that_nobody_answers_is_offline() {
    let server = Server::start().await;
    let url = server.url();
    drop(server);
    let client = Client::new(options(&url)).expect("a client");
    let trouble = client.list(&token(), None, || NOW).await.expect_err("trouble");
    assert_eq!(trouble.reason, "no TCP connection: connection refused");
}

#[tokio::test]
async fn a_redirected_list_takes_the_token_nowhere() {
    let elsewhere = Server::start().await;
    let server = Server::start().await;
    let listed = begin(&server, None);
    let mut conn = server.accept().await;
    conn.head().await;
    let target = elsewhere.url();
    conn.say(&format!(
        "HTTP/1.1 302 Over there\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n"
    ))
    .await;
    assert!(listed.await.expect("ends").is_err());
    assert!(elsewhere.untouched().await);
}
