//! One asset asked after, and the bytes of one compared.

use super::*;
use crate::api::Presence;
use crate::planner::Trouble;
use crate::planner::pairing::Bytes;

fn ask(server: &Server, asset_id: &str) -> JoinHandle<Result<Presence, Trouble>> {
    let client = Client::new(options(&server.url())).expect("a client");
    let asset_id = asset_id.to_owned();
    tokio::spawn(async move {
        let token = token();
        let asked = client.presence(&token, &asset_id);
        tokio::time::timeout(LONG, asked).await.expect("ends in time")
    })
}

fn read(server: &Server, expected: Option<u64>, most: u64) -> JoinHandle<Bytes> {
    read_with(
        options(&server.url()),
        format!("http://127.0.0.1:{}/f", server.port()),
        expected,
        most,
    )
}

fn read_with(options: Options, url: String, expected: Option<u64>, most: u64) -> JoinHandle<Bytes> {
    let client = Client::new(options).expect("a client");
    tokio::spawn(async move {
        let read = client.bytes(&url, expected, most);
        tokio::time::timeout(LONG, read).await.expect("ends in time")
    })
}

fn of(bytes: &[u8]) -> Bytes {
    let hash = ContentHash(*blake3::hash(bytes).as_bytes());
    Bytes::Read { hash, size: bytes.len() as u64 }
}

fn not_read(reason: &str, passes: bool) -> Bytes {
    Bytes::NotRead { reason: reason.into(), passes }
}

#[tokio::test]
async fn an_asset_is_asked_after_under_its_id_as_it_is() {
    let server = Server::start().await;
    let id = "user:1-runwayml:me+x@b.c-asset:0f";
    let asked = ask(&server, id);
    let mut conn = server.accept().await;
    let head = conn.head().await;
    let path = "/v1/runwayml/assets/user:1-runwayml:me%2Bx@b.c-asset:0f";
    assert_eq!(head.line, format!("GET {path} HTTP/1.1"));
    assert_eq!(head.header("authorization"), Some("Bearer user:1-abc"));
    conn.answer("200 OK", &format!(r#"{{"assetId":"{id}"}}"#)).await;
    assert_eq!(asked.await.expect("ends"), Ok(Presence::There));
}

#[tokio::test]
async fn only_the_api_itself_says_that_an_asset_is_gone() {
    for (status, body, answer) in [
        ("404 No", r#"{"error":"Not found.","code":404}"#, Ok(Presence::Gone)),
        ("404 No", "<html>not here</html>", Err("status 404, and not in the API's words")),
        ("404 No", "", Err("status 404, and not in the API's words")),
        ("200 OK", "{}", Err("the answer is about no asset, or about another")),
        ("200 OK", "oops", Err("the answer is about no asset, or about another")),
        (
            "200 OK",
            r#"{"assetId":"user:1-runwayml:a@b.c-asset:1f"}"#,
            Err("the answer is about no asset, or about another"),
        ),
        ("401 No", r#"{"error":"Unauthorized"}"#, Err("status 401: Unauthorized")),
        ("500 Oops", "oops", Err("status 500: oops")),
        ("410 Gone", r#"{"error":"gone"}"#, Err("status 410: gone")),
        ("302 Off", "", Err("status 302: redirected to nowhere")),
    ] {
        let server = Server::start().await;
        let asked = ask(&server, ID);
        let mut conn = server.accept().await;
        conn.head().await;
        conn.answer(status, body).await;
        let asked = asked.await.expect("ends").map_err(|trouble| trouble.reason);
        assert_eq!(asked, answer.map_err(str::to_owned), "{status} {body}");
    }
    let server = Server::start().await;
    let asked = ask(&server, ID);
    let mut conn = server.accept().await;
    conn.head().await;
    conn.answer("401 No", "{}").await;
    let trouble = asked.await.expect("ends").expect_err("trouble");
    assert_eq!(trouble.refusal.map(|refusal| refusal.kind), Some(RefusalKind::Token));
}

#[tokio::test]
async fn bytes_are_read_without_the_token() {
    let server = Server::start().await;
    let reading = read(&server, Some(5), 5);
    let mut conn = server.accept().await;
    let head = conn.head().await;
    assert_eq!(head.line, "GET /f HTTP/1.1");
    let names: Vec<&str> = head.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert!(!names.contains(&"authorization") && !names.contains(&"cookie"), "{names:?}");
    assert!(!head.headers.iter().any(|(_, value)| value.contains("user:1")), "{head:?}");
    conn.answer("200 OK", "bytes").await;
    assert_eq!(reading.await.expect("ends"), of(b"bytes"));
}

#[tokio::test]
async fn more_or_fewer_bytes_than_expected_are_others() {
    for (expected, most, body, bytes) in [
        (Some(5), 5, "bytes", of(b"bytes")),
        (Some(5), 5, "bytes!", Bytes::Other),
        (Some(5), 5, "byte", Bytes::Other),
        (None, 9, "bytes", of(b"bytes")),
        (None, 5, "bytes", of(b"bytes")),
        (None, 4, "bytes", Bytes::Other),
        (None, 4, "", of(b"")),
    ] {
        for told in [true, false] {
            let server = Server::start().await;
            let reading = read(&server, expected, most);
            let mut conn = server.accept().await;
            conn.head().await;
            if told {
                conn.answer("200 OK", body).await;
            } else {
                // Without a length, the end of the connection is the end.
                conn.say(&format!("HTTP/1.0 200 OK\r\n\r\n{body}")).await;
                drop(conn);
            }
            assert_eq!(reading.await.expect("ends"), bytes, "{expected:?} {most} {body} {told}");
        }
    }
}

#[tokio::test]
async fn an_endless_body_is_not_read_to_its_end() {
    let server = Server::start().await;
    let reading = read(&server, Some(100), 100);
    let mut conn = server.accept().await;
    conn.head().await;
    conn.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
    let chunk = format!("{:x}\r\n{}\r\n", 4096, "x".repeat(4096));
    let mut sent = 0;
    while conn.try_say(&chunk).await {
        sent += 4096;
        assert!(sent < LARGE, "it is read on and on");
        tokio::task::yield_now().await;
    }
    assert_eq!(reading.await.expect("ends"), Bytes::Other);
}

#[tokio::test]
async fn a_server_that_says_no_leaves_bytes_unread() {
    let elsewhere = Server::start().await;
    let target = format!("http://127.0.0.1:{}/", elsewhere.port());
    for (status, headers, bytes) in [
        ("403 No", String::new(), not_read("its server says 403", false)),
        ("404 No", String::new(), not_read("its server says 404", false)),
        ("206 Part", String::new(), not_read("its server says 206", false)),
        ("503 Busy", String::new(), not_read("its server says 503", true)),
        ("429 Slow", String::new(), not_read("its server says 429", true)),
        (
            "302 Off",
            format!("location: {target}\r\n"),
            not_read("its server says 302, a redirect", false),
        ),
    ] {
        let server = Server::start().await;
        let reading = read(&server, Some(5), 5);
        let mut conn = server.accept().await;
        conn.head().await;
        conn.say(&format!("HTTP/1.1 {status}\r\n{headers}content-length: 5\r\n\r\nbytes")).await;
        assert_eq!(reading.await.expect("ends"), bytes, "{status}");
    }
    assert!(elsewhere.untouched().await, "redirects are not followed");
}

#[tokio::test]
async fn bytes_that_stop_coming_are_given_up() {
    let server = Server::start().await;
    let options = Options { stall_timeout: SHORT, ..options(&server.url()) };
    let url = format!("http://127.0.0.1:{}/f", server.port());
    let reading = read_with(options.clone(), url.clone(), Some(5), 5);
    let mut conn = server.accept().await;
    conn.head().await;
    conn.say("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nby").await;
    assert_eq!(reading.await.expect("ends"), not_read("its bytes stopped coming", true));
    let reading = read_with(options, url, Some(5), 5);
    let mut silent = server.accept().await;
    silent.head().await;
    assert_eq!(reading.await.expect("ends"), not_read("its server does not answer", true));
    let broken = read(&server, Some(5), 5);
    let mut conn = server.accept().await;
    conn.head().await;
    conn.say("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nby").await;
    drop(conn);
    let broken = broken.await.expect("ends");
    assert!(matches!(broken, Bytes::NotRead { passes: true, .. }), "{broken:?}");
}

#[tokio::test]
async fn bytes_are_read_over_https_or_from_the_apis_own_machine() {
    let near = Server::start().await;
    let port = near.port();
    let (api_near, api_far) = (options(&near.url()), options("https://api.example.com/v1"));
    for (options, url, reason) in [
        (&api_near, "not an address", "its address is none"),
        (&api_near, "http://example.com/f", "its address is not https://"),
        (&api_near, "file:///etc/passwd", "its address is not https://"),
        (&api_near, "http://me:secret@127.0.0.1/f", "its address holds a password"),
        (&api_far, "http://example.com/f", "its address is not https://"),
        (&api_far, &format!("http://127.0.0.1:{port}/f"), "its address is on this machine"),
        (&api_far, &format!("https://localhost:{port}/f"), "its address is on this machine"),
    ] {
        let bytes = read_with(options.clone(), url.to_owned(), Some(5), 5).await.expect("ends");
        assert_eq!(bytes, not_read(reason, false), "{url}");
    }
    assert!(near.untouched().await);
}

#[tokio::test]
async fn an_inventory_says_what_an_asset_is() {
    let server = Server::start().await;
    let client = Client::new(options(&server.url())).expect("a client");
    let listed = tokio::spawn(async move { client.inventory(&token(), None).await });
    let mut conn = server.accept().await;
    conn.head().await;
    let entry = |n: u8, kind: &str| format!(r#"{{"assetId":"{ID}{n}","mediaType":{kind}}}"#);
    let entries = [entry(1, r#""video""#), entry(2, r#""dataset""#), entry(3, "null")];
    conn.answer("200 OK", &format!("[{}]", entries.join(","))).await;
    let (offered, whole) = listed.await.expect("ends").expect("a list");
    assert!(whole);
    let kinds: Vec<_> = offered.iter().map(|offer| offer.kind).collect();
    assert_eq!(kinds, [Some(crate::planner::MediaKind::Video), None, None]);
}
