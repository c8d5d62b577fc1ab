//! Answers of any kind, held to what the verdict promises. For fuzzers and tests only.

use super::list;
use super::verdict::{self, Answer};
use super::wire::Entry;
use super::words::LINE_MOST;
use crate::planner::{
    Asset, NotSent, Outcome, Refusal, RefusalKind, SERVER_DELAY_CAP_MS, Trouble, Wall,
};

/// An answer as a text: the status, and `whole` if the body went out whole; headers; an empty
/// line; the body. What cannot be read so is taken as it comes.
///
/// ```text
/// 429 whole
/// retry-after: 7
///
/// {"error":"slow down"}
/// ```
fn read(data: &[u8]) -> (Answer, bool) {
    let mut answer = Answer { status: 200, ..Answer::default() };
    let mut lines = data.split_inclusive(|byte| *byte == b'\n');
    let mut text = || lines.next().map(|line| String::from_utf8_lossy(line).trim_end().to_owned());
    let first = text().unwrap_or_default();
    let mut words = first.split_whitespace();
    if let Some(status) = words.next().and_then(|word| word.parse().ok()) {
        answer.status = status;
    }
    let whole = words.next() == Some("whole");
    while let Some(line) = text().filter(|line| !line.is_empty()) {
        match line.split_once(':') {
            Some(("date", value)) => answer.date = Some(value.trim().to_owned()),
            Some(("retry-after", value)) => answer.retry_after = Some(value.trim().to_owned()),
            Some(("location", value)) => answer.location = Some(value.trim().to_owned()),
            Some(_) | None => {}
        }
    }
    answer.body = lines.flatten().copied().collect();
    (answer, whole)
}

/// Takes any bytes as an answer to an upload and to a list.
///
/// # Panics
/// If a verdict breaks a promise.
pub fn answers(data: &[u8]) {
    let (answer, whole) = read(data);
    let now = Wall(1_700_000_000_000);
    let outcome = verdict::of_upload(&answer, whole, 5, now);
    assert_eq!(outcome, verdict::of_upload(&answer, whole, 5, now), "one answer, one verdict");
    match &outcome {
        Outcome::Stored(asset) => {
            assert!(whole && (200..=299).contains(&answer.status), "stored by {}", answer.status);
            is_usable(asset, &answer.body);
        }
        Outcome::NotSent(NotSent::Broken { reason }) => {
            assert!(!whole, "a body that went out whole is never not sent: {}", answer.status);
            is_safe(reason);
        }
        Outcome::NotSent(other) => panic!("an answer is no reason for {other:?}"),
        Outcome::Unknown { status, reason, took_ms } => {
            assert_eq!((*status, *took_ms), (Some(answer.status), 5));
            is_safe(reason);
        }
        Outcome::Refused(refusal) => {
            // Only what says no for certain; nobody knows what became of the rest.
            let no = (300..=499).contains(&answer.status) || answer.status == 596;
            assert!(no && answer.status != 408, "refused by {}", answer.status);
            is_sound(refusal, answer.status);
        }
    }
    let Trouble { reason, refusal } = verdict::of_list(&answer, now);
    is_safe(&reason);
    if let Some(refusal) = refusal {
        is_sound(&refusal, answer.status);
    }
    list_of(&answer.body);
}

/// All that must be in an answer for a file to count as stored.
#[derive(serde::Deserialize)]
struct Given {
    #[serde(rename = "assetId")]
    asset_id: String,
}

/// An assetId that later calls can use, and that the answer gives.
fn is_usable(asset: &Asset, body: &[u8]) {
    let id = asset.asset_id.as_str();
    let parts = id.strip_prefix("user:").and_then(|rest| rest.split_once("-runwayml:"));
    let parts = parts.and_then(|(user, rest)| Some((user, rest.rsplit_once("-asset:")?)));
    let full = parts.is_some_and(|(user, (email, asset))| {
        [user, email, asset].iter().all(|part| !part.is_empty())
    });
    assert!(full && !id.contains(char::is_whitespace) && id.len() <= 512, "{id:?}");
    assert!(!id.chars().any(misleads), "{id:?}");
    let given: Option<Given> = serde_json::from_slice(body).ok();
    assert!(given.is_some_and(|given| given.asset_id == id), "{id} is in no answer");
}

fn is_sound(refusal: &Refusal, status: u16) {
    assert_eq!(refusal.status, status);
    is_safe(&refusal.message);
    if let RefusalKind::Rate { retry_after_ms: Some(delay_ms) } = refusal.kind {
        assert!((0..=SERVER_DELAY_CAP_MS).contains(&delay_ms), "{delay_ms}");
    }
}

/// One line that a terminal can show: no controls, nothing that turns or hides text.
fn is_safe(text: &str) {
    assert!(!text.is_empty() && text.chars().count() <= LINE_MOST, "{text:?}");
    assert!(!text.chars().any(|c| c.is_control() || misleads(c)), "{text:?}");
}

/// Marks that turn or hide what stands beside them.
fn misleads(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}'
        | '\u{FEFF}')
}

/// A page of a list gives no more than it holds, and only assetIds that can be used.
fn list_of(body: &[u8]) {
    let Ok(entries) = serde_json::from_slice::<Vec<Entry>>(body) else { return };
    let most = entries.len();
    let assets: Vec<_> =
        entries.iter().filter_map(list::offered).map(|offer| offer.listed).collect();
    assert!(assets.len() <= most);
    for listed in &assets {
        assert!(!listed.asset.asset_id.contains(char::is_whitespace));
        assert!(!listed.asset.asset_id.chars().any(misleads), "{:?}", listed.asset.asset_id);
    }
}
