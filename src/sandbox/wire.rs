//! What goes over the wire: the documented shapes.
//!
//! Owns: the JSON of every answer of the API that is no error. An upload's answer and an entry of the list are two
//! shapes, as documented: `size` and `type{}` in one, `fileSize` and `mediaType` in the other.
use jiff::Timestamp;
use serde_json::{Value, json};

use super::fault::{ListFault, Rename};
use super::faults::ListRule;
use super::refusal;
use super::store::Asset;

/// The id of the only user of a sandbox, as it stands in every assetId.
pub(super) const USER_ID: u64 = 1;

/// The answer to an upload.
pub(super) fn uploaded(asset: &Asset, origin: &str) -> Value {
    let user = json!({
        "id": USER_ID,
        "username": "sandbox",
        "firstName": "Sand",
        "lastName": "Box",
        "picture": null,
        "teamName": "sandbox",
        "teamPicture": null,
    });
    let created_at = rfc3339(asset.created_at_ms);
    let kind = kind(&asset.content_type);
    let url = url(asset, origin);
    json!({
        "assetId": asset.asset_id(),
        "id": asset.id,
        "user": user,
        "createdAt": created_at,
        "updatedAt": created_at,
        "name": asset.name,
        "description": "",
        "type": {"name": kind, "type": kind, "isDirectory": false},
        "size": asset.size,
        "url": url,
        "previewUrls": [url],
        "fileCount": 1,
        "private": true,
        "permissions": {"read": true, "write": true, "admin": true},
        "annotated": false,
        "isUserUpload": true,
        "sourceApplication": "web",
        "createdBy": user,
        "favorite": false,
    })
}

/// An entry of the list, which is also the answer to `GET` of one asset.
pub(super) fn listed(asset: &Asset, origin: &str, rules: &[ListRule]) -> Value {
    let created_at = rfc3339(asset.created_at_ms);
    let url = url(asset, origin);
    let mut name = asset.name.clone();
    let mut size = Some(asset.size);
    let mut has_url = true;
    for rule in rules.iter().filter(|rule| rule.concerns(asset)) {
        match rule.fault {
            ListFault::NoSize => size = None,
            ListFault::NoUrl => has_url = false,
            ListFault::Rename(how) => name = renamed(&name, extension(&asset.content_type), how),
            ListFault::Lag(_) | ListFault::Reorder | ListFault::Blind => {}
        }
    }
    let mut value = json!({
        "assetId": asset.asset_id(),
        "id": asset.id,
        "createdAt": created_at,
        "updatedAt": created_at,
        "name": name,
        "url": url,
        "previewUrls": [url],
        "mediaType": kind(&asset.content_type),
        "mediaSubtype": null,
        "fileCount": 1,
        "fileExtStandardized": extension(&asset.content_type),
        "isUserUpload": true,
        "metadata": metadata(asset),
        "username": "sandbox",
        "userPicture": null,
        "userId": USER_ID,
        "createdBy": USER_ID,
        "private": true,
        "privateInTeam": true,
        "parentAssetGroupId": null,
        "favorite": false,
    });
    if let Some(fields) = value.as_object_mut() {
        fields.extend(size.map(|size| ("fileSize".to_owned(), json!(size))));
        fields.retain(|name, _| has_url || name != "url");
    }
    value
}

/// The answer of `GET /accounts`, with stand-ins for the secrets of the real one.
pub(super) fn accounts(accounts: &[(String, bool)], now: Timestamp) -> Value {
    let entry = |(email, broken): &(String, bool)| {
        let mut value = json!({
            "email": email,
            "password": "not-a-real-password",
            "maxJobs": 5,
            "jwt": {
                "token": "not-a-real-token",
                "exp": now.as_second() + 30 * 86_400,
                "iat": now.as_second(),
                "id": USER_ID,
            },
        });
        if let (true, Some(fields)) = (*broken, value.as_object_mut()) {
            fields.insert("error".to_owned(), json!(refusal::broken_account_message(email)));
        }
        (email.clone(), value)
    };
    Value::Object(accounts.iter().map(entry).collect())
}

/// The answer of `GET /v2/account`.
pub(super) fn account(accounts: usize, broken: usize, subscribed: bool) -> Value {
    json!({
        "id": USER_ID,
        "email": super::DEFAULT_ACCOUNT,
        "created": "2023-07-25T03:02:28.676Z",
        "name": "Sandbox",
        "subscriptionIsActive": subscribed,
        "subscriptions": 1,
        "maxAccountsPerAPI": 3,
        "accounts": {
            "Runway API": {"total": accounts, "active": accounts - broken, "error": broken},
        },
        "verified": "2023-07-25T03:02:53.252Z",
    })
}

/// The answer of `GET /features`.
pub(super) fn features(bytes_used: u64) -> Value {
    json!({
        "permitted": {"storageGB": 500, "numPlanCredits": 2250},
        // A double is exact up to 2^53 bytes, which no sandbox holds.
        "used": {"storageGB": bytes_used as f64 / 1e9, "numPlanCredits": 0},
    })
}

/// RFC 3339 in UTC, with milliseconds.
pub(super) fn rfc3339(time_ms: i64) -> String {
    let time = Timestamp::from_millisecond(time_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{time:.3}")
}

/// `image`, `video` or `audio`.
pub(super) fn kind(content_type: &str) -> &str {
    content_type.split('/').next().unwrap_or_default()
}

/// The extension that the table of `POST /assets` gives for a type.
fn extension(content_type: &str) -> &str {
    match content_type {
        "video/quicktime" => "mov",
        "video/3gpp" => "3gp",
        "video/x-matroska" => "mkv",
        "video/x-flv" => "flv",
        "video/MP2T" => "ts",
        "video/x-msvideo" => "avi",
        "video/x-motion-jpeg" => "mjpeg",
        "video/ogg" => "ogv",
        "audio/wave" => "wav",
        "audio/mpeg" => "mp3",
        other => other.split('/').next_back().unwrap_or_default(),
    }
}

fn url(asset: &Asset, origin: &str) -> String {
    format!("{origin}{}{}", super::routes::FILES_PATH, asset.id)
}

fn metadata(asset: &Asset) -> Value {
    let mut fields = serde_json::Map::new();
    if let Some(width) = asset.width {
        fields.insert("width".to_owned(), json!(width));
    }
    if let Some(height) = asset.height {
        fields.insert("height".to_owned(), json!(height));
    }
    if let Some(duration) = asset.duration {
        fields.insert("duration".to_owned(), json!(duration));
    }
    match fields.is_empty() {
        true => Value::Null,
        false => Value::Object(fields),
    }
}

fn renamed(name: &str, extension: &str, how: Rename) -> String {
    let (stem, tail) = match name.rsplit_once('.') {
        Some((stem, tail)) if !stem.is_empty() => (stem, Some(tail)),
        _ => (name, None),
    };
    match (how, tail) {
        (Rename::Extension, Some(tail)) if tail.eq_ignore_ascii_case(extension) => name.to_owned(),
        (Rename::Extension, _) => format!("{name}.{extension}"),
        (Rename::Stem, _) => stem.to_owned(),
        (Rename::Suffix, Some(tail)) => format!("{stem}-1.{tail}"),
        (Rename::Suffix, None) => format!("{stem}-1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_changed_in_three_ways() {
        for (name, how, expected) in [
            ("cat", Rename::Extension, "cat.png"),
            ("cat.jpeg", Rename::Extension, "cat.jpeg.png"),
            ("cat.PNG", Rename::Extension, "cat.PNG"),
            ("cat.png", Rename::Stem, "cat"),
            (".png", Rename::Stem, ".png"),
            ("cat.png", Rename::Suffix, "cat-1.png"),
            ("cat", Rename::Suffix, "cat-1"),
        ] {
            assert_eq!(renamed(name, "png", how), expected, "{name} {how:?}");
        }
    }

    #[test]
    fn every_documented_type_has_the_extension_of_the_table() {
        let table = [
            ("image/png", "png"),
            ("image/jpeg", "jpeg"),
            ("video/mp4", "mp4"),
            ("video/quicktime", "mov"),
            ("video/mpeg", "mpeg"),
            ("video/MP2T", "ts"),
            ("video/webm", "webm"),
            ("video/ogg", "ogv"),
            ("audio/wav", "wav"),
            ("audio/wave", "wav"),
            ("audio/mpeg", "mp3"),
            ("audio/ogg", "ogg"),
        ];
        for (content_type, expected) in table {
            assert_eq!(extension(content_type), expected);
        }
    }

    #[test]
    fn times_have_three_decimals() {
        assert_eq!(rfc3339(1_722_474_123_456), "2024-08-01T01:02:03.456Z");
        assert_eq!(rfc3339(1_722_474_123_000), "2024-08-01T01:02:03.000Z");
    }
}
