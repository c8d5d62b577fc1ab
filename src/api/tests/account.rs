//! The token, its accounts and their room asked after.

use super::*;
use crate::api::{Asked, RunwayAccount, Storage, Unanswered};
use crate::planner::{Refusal, Wall};

/// Asks, and answers with this.
async fn answered<T>(
    status: &str,
    body: &str,
    ask: impl AsyncFnOnce(&Client, &Token) -> Asked<T>,
) -> (String, Asked<T>) {
    let server = Server::start().await;
    let client = Client::new(options(&server.url())).expect("a client");
    let token = token();
    let serve = async {
        let mut conn = server.accept().await;
        let head = conn.head().await;
        assert_eq!(head.header("authorization"), Some("Bearer user:1-abc"));
        conn.answer(status, body).await;
        head.line
    };
    let both = async { tokio::join!(serve, ask(&client, &token)) };
    tokio::time::timeout(LONG, both).await.expect("ends in time")
}

fn refused(kind: RefusalKind, status: u16, message: &str) -> Unanswered {
    Unanswered::Refused(Refusal { kind, status, message: message.into() })
}

#[tokio::test]
async fn each_question_goes_to_its_documented_address() {
    let (line, asked) = answered("200 OK", r#"{"subscriptionIsActive":true}"#, async |c, t| {
        c.subscription(t).await
    })
    .await;
    assert_eq!(line, "GET /v2/account HTTP/1.1");
    assert_eq!(asked.answer.expect("an answer").is_active, Some(true));

    let json = r#"{"B@c.d":{"password":"pw","maxJobs":5,"error":"broken"},"a@b.c":{}}"#;
    let (line, asked) = answered("200 OK", json, async |c, t| c.accounts(t).await).await;
    assert_eq!(line, "GET /v1/runwayml/accounts HTTP/1.1");
    let account = |email: &str, error: Option<&str>| RunwayAccount {
        email: email.into(),
        error: error.map(str::to_owned),
    };
    let accounts = vec![account("b@c.d", Some("broken")), account("a@b.c", None)];
    assert_eq!(asked.answer, Ok(accounts));

    let (line, asked) =
        answered("200 OK", "[]", async |c, t| c.reads_list(t, Some("me+x@b.c")).await).await;
    assert_eq!(line, "GET /v1/runwayml/assets/?offset=0&limit=1&email=me%2Bx%40b.c HTTP/1.1");
    assert_eq!(asked.answer, Ok(()));

    let json = r#"{"permitted":{"storageGB":500},"used":{"storageGB":1.5}}"#;
    let (line, asked) = answered("200 OK", json, async |c, t| c.storage(t, "a@b.c").await).await;
    assert_eq!(line, "GET /v1/runwayml/features/?email=a%40b.c HTTP/1.1");
    let storage =
        Storage { permitted_bytes: Some(500_000_000_000), used_bytes: Some(1_500_000_000) };
    assert_eq!(asked.answer, Ok(storage));
}

#[tokio::test]
async fn no_account_is_an_answer() {
    let (_, asked) =
        answered("404 No", r#"{"error":"Not found."}"#, async |c, t| c.accounts(t).await).await;
    assert_eq!(asked.answer, Ok(Vec::new()));
    let (_, asked) = answered("404 No", "<html>", async |c, t| c.accounts(t).await).await;
    let reason = "status 404".to_owned();
    assert_eq!(asked.answer, Err(Unanswered::NotTheApi { reason }));
}

#[tokio::test]
async fn refusals_failures_and_strangers_are_told_apart() {
    for (status, body, expected) in [
        ("401 No", "", refused(RefusalKind::Token, 401, "status 401 without a word")),
        ("402 Pay", r#"{"error":"expired"}"#, refused(RefusalKind::Subscription, 402, "expired")),
        ("596 Odd", r#"{"error":"broken"}"#, refused(RefusalKind::Account, 596, "broken")),
        (
            "429 Slow",
            "slow down",
            refused(RefusalKind::Rate { retry_after_ms: None }, 429, "slow down"),
        ),
        ("400 Bad", r#"{"error":"email"}"#, refused(RefusalKind::Other, 400, "email")),
        ("502 Bad", "<title>Bad</title>", Unanswered::Failing { reason: "status 502: Bad".into() }),
        ("408 Late", "", Unanswered::Failing { reason: "status 408".into() }),
        (
            "302 Off",
            "",
            Unanswered::NotTheApi { reason: "status 302: redirected to nowhere".into() },
        ),
        (
            "404 No",
            "<title>Hello</title>",
            Unanswered::NotTheApi { reason: "status 404: Hello".into() },
        ),
        (
            "200 OK",
            "<html>",
            Unanswered::NotTheApi { reason: "status 200, and no such answer".into() },
        ),
    ] {
        let (_, asked) = answered(status, body, async |c, t| c.reads_list(t, None).await).await;
        assert_eq!(asked.answer, Err(expected), "{status} {body}");
    }
}

#[tokio::test]
async fn the_servers_clock_is_read_from_a_refusal_too() {
    let server = Server::start().await;
    let client = Client::new(options(&server.url())).expect("a client");
    let token = token();
    let serve = async {
        let mut conn = server.accept().await;
        conn.head().await;
        let date = "date: Thu, 01 Aug 2024 00:00:00 GMT";
        conn.say(&format!("HTTP/1.1 401 No\r\n{date}\r\ncontent-length: 0\r\n\r\n")).await;
    };
    let both = async { tokio::join!(serve, client.subscription(&token)) };
    let ((), asked) = tokio::time::timeout(LONG, both).await.expect("ends in time");
    assert_eq!(asked.server_time, Some(Wall(1_722_470_400_000)));
}

#[tokio::test]
async fn silence_names_the_step_that_failed() {
    let server = Server::start().await;
    let client = Client::new(options(&server.url())).expect("a client");
    drop(server);
    let asked = client.subscription(&token()).await;
    let reason = "no TCP connection: connection refused".to_owned();
    assert_eq!(asked.answer, Err(Unanswered::Silent { reason }));
}
