//! The documented answers.
use serde_json::{Value, json};

use super::client::Ground;
use crate::sandbox::{Error, Options, Sandbox};

/// The names of an object's fields.
fn fields(value: &Value) -> Vec<&str> {
    let mut fields: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    fields
}

#[tokio::test]
async fn an_upload_is_answered_as_documented() {
    let ground = Ground::with(&[]).await;
    let path = "/v1/runwayml/assets/?name=a%20b%2Bc.png&email=A@b.c&width=3&height=4&duration=1.5";
    let reply = ground.ask("POST", path, "content-type: image/png\r\n", b"bytes").await;
    assert_eq!(reply.status, 200);
    let value = reply.json();
    assert_eq!(
        fields(&value),
        [
            "annotated",
            "assetId",
            "createdAt",
            "createdBy",
            "description",
            "favorite",
            "fileCount",
            "id",
            "isUserUpload",
            "name",
            "permissions",
            "previewUrls",
            "private",
            "size",
            "sourceApplication",
            "type",
            "updatedAt",
            "url",
            "user",
        ]
    );
    let id = value["id"].as_str().unwrap();
    assert_eq!(value["assetId"], format!("user:1-runwayml:a@b.c-asset:{id}"));
    assert_eq!(id.len(), 36);
    assert_eq!(&id[14..15], "4");
    assert_eq!(value["name"], "a b+c.png");
    assert_eq!(value["size"], 5);
    assert_eq!(value["isUserUpload"], true);
    assert_eq!(value["type"], json!({"name": "image", "type": "image", "isDirectory": false}));
    let created_at = value["createdAt"].as_str().unwrap();
    assert_eq!(created_at.len(), "2024-08-01T01:02:03.456Z".len());
    created_at.parse::<jiff::Timestamp>().unwrap();
    assert!(reply.header("date").unwrap().ends_with(" GMT"));

    let stored = &ground.stored()[0];
    assert_eq!(stored.blake3, blake3::hash(b"bytes").to_hex().as_str());
    assert_eq!((stored.width, stored.height), (Some(3), Some(4)));
    assert_eq!(stored.duration, Some(1.5));
    assert!(stored.had_content_length);
}

#[tokio::test]
async fn both_spellings_of_the_path_take_uploads_and_lists() {
    let ground = Ground::with(&[]).await;
    for path in ["/v1/runwayml/assets", "/v1/runwayml/assets/"] {
        let upload = format!("{path}?name=x");
        let reply = ground.ask("POST", &upload, "content-type: image/png\r\n", b"x").await;
        assert_eq!(reply.status, 200);
        assert_eq!(ground.get(&format!("{path}?offset=0&limit=1")).await.status, 200);
    }
    assert_eq!(ground.stored().len(), 2);
}

#[tokio::test]
async fn one_asset_is_shown_and_deleted_by_its_long_id() {
    let ground = Ground::with(&[]).await;
    let uploaded = ground.upload("cat.png", b"bytes").await.json();
    let asset_id = uploaded["assetId"].as_str().unwrap();
    let escaped = asset_id.replace(':', "%3A").replace('@', "%40");
    let expected_fields = [
        "assetId",
        "createdAt",
        "createdBy",
        "favorite",
        "fileCount",
        "fileExtStandardized",
        "fileSize",
        "id",
        "isUserUpload",
        "mediaSubtype",
        "mediaType",
        "metadata",
        "name",
        "parentAssetGroupId",
        "previewUrls",
        "private",
        "privateInTeam",
        "updatedAt",
        "url",
        "userId",
        "userPicture",
        "username",
    ];
    for spelling in [asset_id, &escaped] {
        let shown = ground.get(&format!("/v1/runwayml/assets/{spelling}")).await.json();
        assert_eq!(fields(&shown), expected_fields);
        for field in ["assetId", "id", "createdAt", "name", "url"] {
            assert_eq!(shown[field], uploaded[field], "{field}");
        }
        assert_eq!(shown["fileSize"], 5);
        assert_eq!(shown["mediaType"], "image");
        assert_eq!(shown["fileExtStandardized"], "png");
        assert_eq!(shown["metadata"], Value::Null);
        assert_eq!(shown, ground.list().await[0]);
    }
    // The bare id is not usable in its place, nor is that of another account.
    let bare = uploaded["id"].as_str().unwrap();
    let other = asset_id.replace("a@b.c", "x@b.c");
    for wrong in [bare, &other] {
        let reply = ground.get(&format!("/v1/runwayml/assets/{wrong}")).await;
        assert_eq!(reply.status, 404);
    }
    let path = format!("/v1/runwayml/assets/{escaped}");
    let reply = ground.ask("DELETE", &path, "", b"").await;
    assert_eq!(reply.json(), json!({"success": true}));
    for method in ["GET", "DELETE"] {
        assert_eq!(ground.ask(method, &path, "", b"").await.error(), "Not found.");
    }
    let file = format!("/files/{bare}");
    assert_eq!(ground.bare_ask("GET", &file, "", b"").await.unwrap().status, 404);
    let ground = ground.restart().await;
    assert!(ground.stored().is_empty());
    assert!(std::fs::read_dir(ground.dir.path().join("assets")).unwrap().next().is_none());
}

#[tokio::test]
async fn the_url_gives_the_bytes_without_a_token() {
    let ground = Ground::with(&[]).await;
    let body: Vec<u8> = (0..700_001_u32).map(|i| (i % 251) as u8).collect();
    let uploaded = ground.upload("x.png", &body).await.json();
    let url = uploaded["url"].as_str().unwrap();
    assert_eq!(uploaded["previewUrls"][0], url);
    let origin = format!("http://{}", ground.sandbox.address());
    let path = url.strip_prefix(&origin).unwrap();
    let reply = ground.bare_ask("GET", path, "", b"").await.unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), Some("image/png"));
    assert!(reply.body == body);
    let reply = ground.bare_ask("POST", path, "", b"x").await.unwrap();
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")));
}

#[tokio::test]
async fn accounts_are_listed_with_secrets_that_are_none() {
    let ground = Ground::with_accounts(&["broken-account=d@b.c"], &["a@b.c", "D@b.c"]).await;
    let accounts = ground.get("/v1/runwayml/accounts").await.json();
    assert_eq!(fields(&accounts), ["a@b.c", "d@b.c"]);
    let account = &accounts["a@b.c"];
    assert_eq!(fields(account), ["email", "jwt", "maxJobs", "password"]);
    assert_eq!(fields(&account["jwt"]), ["exp", "iat", "id", "token"]);
    assert_eq!(account["password"], "not-a-real-password");
    assert!(account["jwt"]["exp"].as_i64() > account["jwt"]["iat"].as_i64());
    let broken = accounts["d@b.c"]["error"].as_str().unwrap();
    assert!(broken.starts_with("Account d@b.c in error state: "));

    let account = ground.get("/v2/account").await.json();
    assert_eq!(account["subscriptionIsActive"], true);
    assert_eq!(account["accounts"]["Runway API"], json!({"total": 2, "active": 1, "error": 1}));
}

#[tokio::test]
async fn without_an_account_there_is_nowhere_to_upload_to() {
    let ground = Ground::with_accounts(&[], &[]).await;
    let reply = ground.get("/v1/runwayml/accounts").await;
    assert_eq!((reply.status, reply.error().as_str()), (404, "Not found."));
    let reply = ground.upload("x", b"x").await;
    assert_eq!((reply.status, reply.error().as_str()), (400, "No Runway account is configured"));
}

#[tokio::test]
async fn features_tell_what_is_used() {
    let ground = Ground::with(&[]).await;
    ground.upload("x", &[7; 500]).await;
    for path in ["/v1/runwayml/features", "/v1/runwayml/features/?email=a@b.c"] {
        let features = ground.get(path).await.json();
        assert_eq!(features["used"]["storageGB"], 5e-7);
        assert!(features["permitted"]["storageGB"].is_number());
        assert!(features["permitted"]["numPlanCredits"].is_number());
    }
}

#[tokio::test]
async fn assets_survive_a_restart() {
    let ground = Ground::with(&[]).await;
    for name in ["one", "two", "three"] {
        ground.upload(name, name.as_bytes()).await;
    }
    let before = ground.stored();
    let dir = ground.dir.path().to_owned();
    // What a kill leaves behind: half a body, and bytes without a description.
    std::fs::write(dir.join("incoming/7.part"), "half").unwrap();
    std::fs::write(dir.join("assets/orphan.bin"), "bytes").unwrap();
    let ground = ground.restart().await;
    assert_eq!(ground.stored(), before);
    assert_eq!(ground.incoming(), 0);
    assert!(!dir.join("assets/orphan.bin").exists());
    ground.upload("four", b"four").await;
    assert_eq!(ground.listed_names().await, ["four", "three", "two", "one"]);
    let path = format!("/files/{}", before[1].id);
    assert_eq!(ground.bare_ask("GET", &path, "", b"").await.unwrap().body, b"two");
}

#[tokio::test]
async fn one_sandbox_a_directory() {
    let ground = Ground::with(&[]).await;
    let second = Sandbox::start(Options::new(ground.dir.path())).await;
    assert!(matches!(second, Err(Error::InUse(dir)) if dir == ground.dir.path()));
    let ground = ground.restart().await;
    ground.sandbox.stop().await;
}
