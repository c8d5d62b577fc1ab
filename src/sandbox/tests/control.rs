//! The control endpoint.
use serde_json::json;

use super::client::{Ground, TOKEN};

async fn post(ground: &Ground, path: &str, body: &str) -> super::client::Reply {
    ground.bare_ask("POST", path, "", body.as_bytes()).await.unwrap()
}

#[tokio::test]
async fn faults_are_replaced_and_counted() {
    let ground = Ground::with(&["status=500"]).await;
    assert_eq!(ground.upload("x", b"x").await.status, 500);
    let reply = post(&ground, "/sandbox/faults", r#"{"faults":["status=503,every=2"]}"#).await;
    assert_eq!(reply.status, 200);
    assert_eq!(ground.upload("x", b"x").await.status, 200);
    assert_eq!(ground.upload("x", b"x").await.status, 503);
    let faults = ground.bare_ask("GET", "/sandbox/faults", "", b"").await.unwrap();
    let expected = json!({"faults": [{"fault": "status=503,every=2", "matched": 2, "fired": 1}]});
    assert_eq!(faults.json(), expected);

    // A set with an error in it changes nothing.
    let reply = post(&ground, "/sandbox/faults", r#"{"faults":["malformed","statsu=1"]}"#).await;
    assert_eq!(
        (reply.status, reply.error().as_str()),
        (400, r#"fault "statsu=1": there is no fault "statsu"; did you mean "status"?"#)
    );
    for body in ["", "[]", r#"{"faults":[],"x":1}"#] {
        assert_eq!(post(&ground, "/sandbox/faults", body).await.status, 400, "{body}");
    }
    let faults = ground.bare_ask("GET", "/sandbox/faults", "", b"").await.unwrap();
    assert_eq!(faults.json(), expected);
}

#[tokio::test]
async fn requests_are_logged_without_the_token() {
    let ground = Ground::with(&["slow-answer=1ms"]).await;
    let uploaded = ground.upload("a%20b", b"12345").await.json();
    ground.get("/v1/runwayml/assets/?offset=0&limit=1").await;
    ground.get("/nothing").await;
    let reply = ground.bare_ask("GET", "/sandbox/requests", "", b"").await.unwrap();
    assert!(!reply.text().contains(TOKEN));
    let log = reply.json();
    assert_eq!(log["counters"]["upload"]["answered"], json!({"200": 1}));
    assert_eq!(log["counters"]["other"]["answered"], json!({"404": 1}));
    assert_eq!(log["uploads_peak"], 1);
    let mut first = log["requests"][0].clone();
    assert!(first["at"].as_str().unwrap().ends_with('Z'));
    first.as_object_mut().unwrap().remove("at");
    assert_eq!(
        first,
        json!({
            "sequence": 1,
            "call": "upload",
            "method": "POST",
            "path": "/v1/runwayml/assets/",
            "query": "name=a%20b",
            "content_type": "image/png",
            "content_length": 5,
            "authorization": true,
            "received": 5,
            "outcome": "answered",
            "status": 200,
            "asset_id": uploaded["assetId"],
            "faults": ["slow-answer=1ms"],
            "problem": null,
        })
    );
    assert_eq!(log["requests"].as_array().unwrap().len(), 3);
    let reply = ground.bare_ask("DELETE", "/sandbox/requests", "", b"").await.unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(ground.sandbox.requests(), Default::default());
}

#[tokio::test]
async fn only_the_latest_thousand_requests_are_kept_one_by_one() {
    let ground = Ground::with(&[]).await;
    let mut wire = ground.connect().await;
    for _ in 0..1_005 {
        wire.send(b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        assert_eq!(wire.reply().await.unwrap().status, 404);
    }
    let requests = ground.sandbox.requests();
    assert_eq!(requests.requests.len(), 1_000);
    assert_eq!(requests.requests[0].sequence, 6);
    assert_eq!(requests.counters[&crate::sandbox::Call::Other].total, 1_005);
}

#[tokio::test]
async fn the_token_can_be_reset_while_it_runs() {
    let ground = Ground::with(&[]).await;
    assert_eq!(ground.upload("x", b"x").await.status, 200);
    let reply = post(&ground, "/sandbox/token", r#"{"token":"user:1-new"}"#).await;
    assert_eq!(reply.status, 200);
    assert!(!reply.text().contains("user:1-new"));
    assert_eq!(ground.upload("x", b"x").await.error(), "Unauthorized");
    let header = "authorization: Bearer user:1-new\r\n";
    let reply = ground.bare_ask("GET", "/v2/account", header, b"").await.unwrap();
    assert_eq!(reply.status, 200);
    for body in [r#"{"token":""}"#, r#"{"token":"a b"}"#, "{}"] {
        assert_eq!(post(&ground, "/sandbox/token", body).await.status, 400);
    }
}

#[tokio::test]
async fn all_stored_assets_are_shown_whatever_the_list_says() {
    let ground = Ground::with(&["list-blind"]).await;
    for name in ["one", "two", "three"] {
        ground.upload(name, b"x").await;
    }
    let get = async |query: &str| {
        let path = format!("/sandbox/assets{query}");
        ground.bare_ask("GET", &path, "", b"").await.unwrap()
    };
    let all = get("").await.json();
    assert_eq!(all.as_array().unwrap().len(), 3);
    assert_eq!(all[0]["name"], "one");
    assert_eq!(all[0]["blake3"], blake3::hash(b"x").to_hex().as_str());
    let second = get("?after=1&limit=1").await.json();
    assert_eq!(second.as_array().unwrap().len(), 1);
    assert_eq!(second[0], all[1]);
    assert_eq!(get("?limit=x").await.status, 400);
}

#[tokio::test]
async fn web_pages_have_no_say() {
    let ground = Ground::with(&[]).await;
    let header = "origin: http://example.com\r\n";
    for path in ["/sandbox/faults", "/sandbox/requests", "/sandbox/assets"] {
        let reply = ground.bare_ask("GET", path, header, b"").await.unwrap();
        assert_eq!(reply.status, 403);
    }
}
