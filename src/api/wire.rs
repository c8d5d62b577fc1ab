//! The answers of the API as they come over the wire.
//!
//! Owns:
//! - every field is optional, unknown fields are skipped, and a field of the wrong type is absent
//!   without taking its neighbours along;
//! - an assetId is one only in its long form.
//!
//! Source: the examples on the API's pages of `POST /assets` and `GET /assets`.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::words;

/// The answer to an upload, as far as it is used.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Uploaded {
    /// The long id.
    #[serde(rename = "assetId")]
    pub asset_id: Loose,
    /// Where the bytes can be fetched.
    pub url: Loose,
}

/// One entry of a list. What is no object at all has no fields.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Entry {
    /// An asset.
    Asset(Box<Listed>),
    /// Anything else.
    Other(IgnoredAny),
}

/// An asset in a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Listed {
    /// The long id.
    pub asset_id: Loose,
    /// As it was sent, or as the server made it.
    pub name: Loose,
    /// RFC 3339.
    pub created_at: Loose,
    /// Where the bytes can be fetched.
    pub url: Loose,
    /// Bytes; lists call it so.
    pub file_size: Loose,
    /// `image`, `video` or `audio`.
    pub media_type: Loose,
    /// Uploaded by a person.
    pub is_user_upload: Loose,
}

/// The body of an answer that says no.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Complaint {
    /// A text, or an object that holds one.
    pub error: serde_json::Value,
    /// What some gateways write instead.
    pub message: serde_json::Value,
    /// Seconds or a date.
    #[serde(rename = "retryAfter")]
    pub retry_after: Loose,
}

/// A field that may hold anything.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
pub(super) enum Loose {
    /// Any text. First, as most are: each variant that is tried in vain words an error.
    Text(String),
    /// `true` or `false`.
    Flag(bool),
    /// Any number.
    Number(serde_json::Number),
    /// Null, an array or an object.
    Other(IgnoredAny),
    /// Not there.
    #[default]
    #[serde(skip)]
    Absent,
}

impl Loose {
    /// The text, if it is one and not empty.
    pub fn text(&self) -> Option<&str> {
        match self {
            Loose::Text(text) if !text.is_empty() => Some(text),
            Loose::Flag(_)
            | Loose::Number(_)
            | Loose::Text(_)
            | Loose::Other(_)
            | Loose::Absent => None,
        }
    }

    /// The flag, if it is one.
    pub fn flag(&self) -> Option<bool> {
        match self {
            Loose::Flag(flag) => Some(*flag),
            Loose::Number(_) | Loose::Text(_) | Loose::Other(_) | Loose::Absent => None,
        }
    }

    /// A whole number that is not negative, written as a number or as text.
    pub fn whole_number(&self) -> Option<u64> {
        match self {
            Loose::Number(number) => number.as_u64().or_else(|| {
                // Numbers up to 2^53 come through JavaScript unharmed, also as `5.0`.
                let float = number.as_f64()?;
                let whole =
                    float.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&float);
                whole.then_some(float as u64)
            }),
            Loose::Text(text) => text.trim().parse().ok(),
            Loose::Flag(_) | Loose::Other(_) | Loose::Absent => None,
        }
    }

    /// A number or a text, as text.
    pub fn spelled(&self) -> Option<String> {
        match self {
            Loose::Number(number) => Some(number.to_string()),
            Loose::Text(text) => Some(text.clone()),
            Loose::Flag(_) | Loose::Other(_) | Loose::Absent => None,
        }
    }

    /// The assetId, if it has the long form `user:<id>-runwayml:<email>-asset:<uuid>`.
    ///
    /// Anything else is refused: the bare `id` of the same answer cannot be used in place of the
    /// assetId by any later call, so to note it as one would hand out ids that do not work. The
    /// parts between the marks are left to the server.
    pub fn asset_id(&self) -> Option<&str> {
        let text = self.text()?;
        let (user, rest) = text.strip_prefix("user:")?.split_once("-runwayml:")?;
        let (email, asset) = rest.rsplit_once("-asset:")?;
        let full = !user.is_empty() && !email.is_empty() && !asset.is_empty();
        let plain = !text.chars().any(|c| c.is_whitespace() || words::misleads(c));
        (full && plain && text.len() <= ASSET_ID_MOST).then_some(text)
    }
}

/// Longest assetId that is believed, in bytes: an e-mail has at most 254, the rest about 100.
const ASSET_ID_MOST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "user:1-runwayml:a@b.c-asset:0f-1";

    fn listed(json: &str) -> Listed {
        serde_json::from_str(json).expect("an object")
    }

    #[test]
    fn a_field_of_the_wrong_type_is_absent_and_its_neighbours_stay() {
        let entry = listed(&format!(
            r#"{{"assetId":"{ID}","name":7,"fileSize":[1],"isUserUpload":"yes","url":null,
                "metadata":{{"deep":[1,{{}}]}},"createdAt":{{}}}}"#
        ));
        assert_eq!(entry.asset_id.asset_id(), Some(ID));
        assert_eq!(entry.name.text(), None);
        assert_eq!(entry.file_size.whole_number(), None);
        assert_eq!(entry.is_user_upload.flag(), None);
        assert_eq!(entry.url.text(), None);
        assert_eq!(entry.created_at.text(), None);
    }

    #[test]
    fn a_size_is_a_number_or_a_numeric_text() {
        for (json, size) in [
            ("5", Some(5)),
            ("\"5\"", Some(5)),
            ("5.0", Some(5)),
            ("5.5", None),
            ("-5", None),
            ("\"five\"", None),
            ("1e300", None),
            ("true", None),
            ("null", None),
        ] {
            let entry = listed(&format!(r#"{{"fileSize":{json}}}"#));
            assert_eq!(entry.file_size.whole_number(), size, "{json}");
        }
        assert_eq!(listed("{}").file_size.whole_number(), None);
    }

    #[test]
    fn only_the_long_form_is_an_asset_id() {
        let long = "x".repeat(600);
        for (text, good) in [
            (ID, true),
            ("user:1-runwayml:me+x-asset:1@b.c-asset:0f", true),
            ("0f0e0d0c-0b0a-4908-8706-050403020100", false),
            ("user:1-runwayml:a@b.c-asset:", false),
            ("user:1-runwayml:-asset:0f", false),
            ("user:-runwayml:a@b.c-asset:0f", false),
            ("user:1-pixverse:a@b.c-asset:0f", false),
            ("user:1-runwayml:a@b.c-asset:0f\n", false),
            ("user:1-runwayml:a b@c-asset:0f", false),
            ("user:1-runwayml:\u{202E}a@b.c-asset:0f", false),
            (&format!("user:1-runwayml:{long}-asset:0f"), false),
            ("", false),
        ] {
            let id = Loose::Text(text.into());
            assert_eq!(id.asset_id().is_some(), good, "{text}");
        }
    }

    #[test]
    fn what_is_no_object_is_an_entry_without_fields() {
        let page: Vec<Entry> =
            serde_json::from_str(&format!(r#"[null,7,"x",[],{{"assetId":"{ID}"}}]"#))
                .expect("an array");
        let assets = page.iter().filter(|entry| match entry {
            Entry::Asset(asset) => asset.asset_id.asset_id().is_some(),
            Entry::Other(_) => false,
        });
        assert_eq!(assets.count(), 1);
    }
}
