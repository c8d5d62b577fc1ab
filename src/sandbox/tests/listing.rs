//! The list: pages, order, reach, filters, and what its faults do.
use std::sync::Arc;

use serde_json::Value;

use super::client::{Ground, until};
use crate::sandbox::store::Description;

/// Stores so many assets named by their number, without the way over the wire.
async fn fill(ground: &Ground, count: usize) {
    let store = Arc::clone(&ground.sandbox.app.store);
    let tasks = ground.sandbox.tasks.clone();
    let fill = move || {
        for number in 1..=count {
            let mut incoming = store.begin(tasks.token()).unwrap();
            incoming.write(b"x").unwrap();
            let description = Description {
                account: "a@b.c".to_owned(),
                name: number.to_string(),
                content_type: "image/png".to_owned(),
                width: None,
                height: None,
                duration: None,
                had_content_length: true,
            };
            // All in one millisecond: the order must not hang on the clock.
            incoming.keep(description, 0).unwrap();
        }
    };
    tokio::task::spawn_blocking(fill).await.unwrap();
}

async fn names(ground: &Ground, query: &str) -> Vec<String> {
    let reply = ground.get(&format!("/v1/runwayml/assets/?{query}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let name = |asset: &Value| asset["name"].as_str().unwrap().to_owned();
    reply.json().as_array().unwrap().iter().map(name).collect()
}

#[tokio::test]
async fn pages_come_newest_first_and_end_at_the_newest_1050() {
    let ground = Ground::with(&[]).await;
    fill(&ground, 1_060).await;
    assert_eq!(names(&ground, "offset=0&limit=2").await, ["1060", "1059"]);
    assert_eq!(names(&ground, "offset=2&limit=1").await, ["1058"]);
    let mut reached = Vec::new();
    for offset in (0..=1_000).step_by(50) {
        reached.extend(names(&ground, &format!("offset={offset}&limit=50")).await);
    }
    let expected: Vec<String> = (11..=1_060).rev().map(|number| number.to_string()).collect();
    assert_eq!(reached, expected);
    // Out of reach is not gone.
    let asset_id = ground.stored()[0].asset_id();
    let reply = ground.get(&format!("/v1/runwayml/assets/{asset_id}")).await;
    assert_eq!(reply.json()["name"], "1");
}

#[tokio::test]
async fn a_list_is_of_one_account_and_may_be_of_one_kind() {
    let ground = Ground::with_accounts(&[], &["a@b.c", "d@b.c"]).await;
    for (name, email, content_type) in [
        ("picture", "a@b.c", "image/png"),
        ("film", "a@b.c", "video/mp4"),
        ("sound", "a@b.c", "audio/wav"),
        ("other", "d@b.c", "image/png"),
    ] {
        let path = format!("/v1/runwayml/assets/?name={name}&email={email}");
        let header = format!("content-type: {content_type}\r\n");
        assert_eq!(ground.ask("POST", &path, &header, b"x").await.status, 200);
    }
    let page = "offset=0&limit=50&email=a@b.c";
    assert_eq!(names(&ground, page).await, ["sound", "film", "picture"]);
    for (kind, name) in [("image", "picture"), ("video", "film"), ("audio", "sound")] {
        assert_eq!(names(&ground, &format!("{page}&mediaType={kind}")).await, [name]);
    }
    assert_eq!(names(&ground, "offset=0&limit=50&email=D@b.c").await, ["other"]);
}

#[tokio::test]
async fn sizes_in_pixels_come_back_as_metadata() {
    let ground = Ground::with(&[]).await;
    let path = "/v1/runwayml/assets/?name=x&width=3&height=4";
    ground.ask("POST", path, "content-type: image/png\r\n", b"x").await;
    let metadata = &ground.list().await[0]["metadata"];
    assert_eq!(metadata, &serde_json::json!({"width": 3, "height": 4}));
}

#[tokio::test]
async fn a_lagging_list_shows_an_asset_later_though_it_is_there() {
    let ground = Ground::with(&["list-lag=1h,name=late"]).await;
    let late = ground.upload("late", b"x").await.json();
    ground.upload("soon", b"x").await;
    assert_eq!(ground.listed_names().await, ["soon"]);
    let path = format!("/v1/runwayml/assets/{}", late["assetId"].as_str().unwrap());
    assert_eq!(ground.get(&path).await.status, 200);
    ground.set_faults(&["list-lag=20ms"]);
    let created_at_ms = ground.stored()[1].created_at_ms;
    until(|| jiff::Timestamp::now().as_millisecond() >= created_at_ms + 20).await;
    assert_eq!(ground.listed_names().await, ["soon", "late"]);
}

#[tokio::test]
async fn a_reordered_list_has_everything_in_an_order_of_its_own() {
    let ground = Ground::with(&["list-reorder,seed=1"]).await;
    fill(&ground, 60).await;
    let first = names(&ground, "offset=0&limit=50").await;
    assert_eq!(first, names(&ground, "offset=0&limit=50").await);
    let mut all = first.clone();
    all.extend(names(&ground, "offset=50&limit=50").await);
    ground.set_faults(&["list-reorder,seed=2"]);
    assert_ne!(first, names(&ground, "offset=0&limit=50").await);
    ground.set_faults(&[]);
    assert_ne!(first, names(&ground, "offset=0&limit=50").await);
    all.sort_by_key(|name| name.parse::<u32>().unwrap());
    let expected: Vec<String> = (1..=60).map(|number| number.to_string()).collect();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn a_blind_list_is_empty_for_as_long_as_it_is_told() {
    let ground = Ground::with(&["list-blind,times=2"]).await;
    ground.upload("x", b"x").await;
    assert!(ground.list().await.is_empty());
    assert!(ground.list().await.is_empty());
    assert_eq!(ground.list().await.len(), 1);
}

#[tokio::test]
async fn sizes_and_names_can_be_missing_or_changed() {
    let ground = Ground::with(&["list-no-size,name=cat", "list-rename=extension"]).await;
    let cat = ground.upload("cat", b"x").await.json();
    let dog = ground.upload("dog.png", b"x").await.json();
    // What the upload answered is not what the list says.
    assert_eq!((&cat["name"], &cat["size"]), (&"cat".into(), &1.into()));
    for (uploaded, name, size) in [(&cat, "cat.png", None), (&dog, "dog.png", Some(1))] {
        let path = format!("/v1/runwayml/assets/{}", uploaded["assetId"].as_str().unwrap());
        let shown = ground.get(&path).await.json();
        assert_eq!(shown["name"], name);
        assert_eq!(shown.get("fileSize").and_then(Value::as_u64), size);
        assert!(ground.list().await.contains(&shown));
    }
    ground.set_faults(&["list-no-url,name=cat"]);
    let shown = ground.list().await;
    let urls: Vec<bool> = shown.iter().map(|asset| asset["url"].is_string()).collect();
    assert_eq!(urls, [true, false]);
    ground.set_faults(&["list-rename=stem"]);
    assert_eq!(ground.listed_names().await, ["dog", "cat"]);
    ground.set_faults(&["list-rename=suffix"]);
    assert_eq!(ground.listed_names().await, ["dog-1.png", "cat-1"]);
}
