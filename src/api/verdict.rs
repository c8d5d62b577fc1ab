//! What an answer to an upload means.
//!
//! Owns:
//! - pure: an answer, whether the body went out whole, and the time go in, an [`Outcome`] comes out;
//! - stored means: a 2xx, after the whole body, with an assetId that later calls can use;
//! - after a whole body, everything that is not a definitive answer is [`Outcome::Unknown`];
//! - a server's delay is between zero and [`SERVER_DELAY_CAP_MS`].
//!
//! Source: the errors on the API's page of `POST /assets`, and what its edge answers in the field.

use super::wire::{Complaint, Uploaded};
use super::words;
use crate::planner::{
    Asset, NotSent, Outcome, Refusal, RefusalKind, SERVER_DELAY_CAP_MS, Trouble, Wall,
};

/// An answer, as far as it is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The HTTP status; 596 is one of theirs.
    pub status: u16,
    /// The header `Date`.
    pub date: Option<String>,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
    /// The header `Location`.
    pub location: Option<String>,
    /// The body's beginning; all of it in any answer that is sane.
    pub body: Vec<u8>,
}

/// What the answer to an upload means. `took_ms` runs from the first byte; `now` stands in for a
/// missing `Date`.
pub(crate) fn of_upload(answer: &Answer, whole: bool, took_ms: i64, now: Wall) -> Outcome {
    match answer.status {
        200..=299 => of_success(answer, whole, took_ms),
        // RFC 9110, 15.4.4: the request may well have been carried out.
        303 if whole => unsure(answer, whole, took_ms),
        300..=407 | 409..=499 | 596 => Outcome::Refused(refusal(answer, now)),
        // 408, 5xx, and what is no status of RFC 9110 at all: nobody says what became of the body.
        _ => unsure(answer, whole, took_ms),
    }
}

/// Why a list is not to be had, out of an answer that is no 2xx. A 400 is passed on too: it is
/// how a list without an e-mail is refused where there are several accounts.
pub(super) fn of_list(answer: &Answer, now: Wall) -> Trouble {
    let refusal = refusal(answer, now);
    let stops_more = match refusal.kind {
        RefusalKind::Token
        | RefusalKind::Subscription
        | RefusalKind::Account
        | RefusalKind::Rate { .. } => true,
        RefusalKind::Other => refusal.status == 400,
        RefusalKind::File => false,
    };
    Trouble { reason: with_words(answer), refusal: stops_more.then_some(refusal) }
}

/// A date as HTTP writes it, in any of the three forms of RFC 9110, 5.6.7.
pub(super) fn http_date(text: &str) -> Option<Wall> {
    let text = text.trim();
    let stamp = jiff::fmt::rfc2822::DateTimeParser::new()
        .relaxed_weekday(true)
        .parse_timestamp(text)
        .ok()
        .or_else(|| civil("%A, %d-%b-%y %H:%M:%S GMT", text))
        .or_else(|| civil("%a %b %d %H:%M:%S %Y", text))?;
    Some(Wall(stamp.as_millisecond()))
}

fn civil(format: &str, text: &str) -> Option<jiff::Timestamp> {
    let time = jiff::civil::DateTime::strptime(format, text).ok()?;
    jiff::tz::TimeZone::UTC.to_timestamp(time).ok()
}

/// A 2xx. Before the whole body it cannot be about the whole file, and so it is not believed; nor
/// is it simply tried again, for something was stored if the server is to be believed at all.
fn of_success(answer: &Answer, whole: bool, took_ms: i64) -> Outcome {
    let status = Some(answer.status);
    if !whole {
        return Outcome::Unknown {
            status,
            reason: format!("status {} before the last byte was sent", answer.status),
            took_ms,
        };
    }
    let uploaded = serde_json::from_slice::<Uploaded>(&answer.body).ok();
    match uploaded.as_ref().map(|answer| answer.asset_id.asset_id()) {
        Some(Some(asset_id)) => Outcome::Stored(Asset {
            asset_id: asset_id.to_owned(),
            url: uploaded.as_ref().and_then(|answer| answer.url.text()).map(str::to_owned),
        }),
        Some(None) => Outcome::Unknown {
            status,
            reason: format!("status {} without a usable assetId", answer.status),
            took_ms,
        },
        None => Outcome::Unknown {
            status,
            reason: format!("status {} with an unreadable answer", answer.status),
            took_ms,
        },
    }
}

fn unsure(answer: &Answer, whole: bool, took_ms: i64) -> Outcome {
    let reason = with_words(answer);
    if whole {
        Outcome::Unknown { status: Some(answer.status), reason, took_ms }
    } else {
        Outcome::NotSent(NotSent::Broken { reason })
    }
}

pub(super) fn refusal(answer: &Answer, now: Wall) -> Refusal {
    let kind = match answer.status {
        401 => RefusalKind::Token,
        402 => RefusalKind::Subscription,
        413 | 415 | 422 => RefusalKind::File,
        429 => RefusalKind::Rate { retry_after_ms: retry_after_ms(answer, now) },
        596 => RefusalKind::Account,
        _ => RefusalKind::Other,
    };
    let message = match answer.status {
        300..=399 => redirected(answer),
        _ => match words::of_body(&answer.body) {
            words if words.is_empty() => format!("status {} without a word", answer.status),
            words => words,
        },
    };
    Refusal { kind, status: answer.status, message }
}

/// Redirects are not followed: the token is for the configured address only.
fn redirected(answer: &Answer) -> String {
    let target = answer.location.as_deref().map(words::line);
    match target.filter(|target| !target.is_empty()) {
        Some(target) => words::line(&format!("redirected, which is not followed, to {target}")),
        None => "redirected to nowhere".into(),
    }
}

pub(super) fn with_words(answer: &Answer) -> String {
    let words = match answer.status {
        300..=399 => redirected(answer),
        _ => words::of_body(&answer.body),
    };
    match words {
        words if words.is_empty() => format!("status {}", answer.status),
        words => words::line(&format!("status {}: {words}", answer.status)),
    }
}

/// The delay that the server asks for, by header or else by the field `retryAfter`.
fn retry_after_ms(answer: &Answer, now: Wall) -> Option<i64> {
    let asked_at = answer.date.as_deref().and_then(http_date).unwrap_or(now);
    let header = answer.retry_after.as_deref();
    let header = header.and_then(|text| delay_ms(text, asked_at));
    let field = || {
        let complaint = serde_json::from_slice::<Complaint>(&answer.body).ok()?;
        let inner = || Some(complaint.error.get("retryAfter")?.to_string());
        let text = complaint.retry_after.spelled().or_else(inner)?;
        delay_ms(text.trim_matches('"'), asked_at)
    };
    header.or_else(field)
}

/// Seconds, also with a fraction, or a date.
fn delay_ms(text: &str, asked_at: Wall) -> Option<i64> {
    let delay_ms = match text.trim().parse::<f64>() {
        // A cast from a float saturates.
        Ok(seconds) if !seconds.is_nan() => (seconds * 1_000.0).ceil() as i64,
        Ok(_) => return None,
        Err(_) => http_date(text)?.since(asked_at),
    };
    Some(delay_ms.clamp(0, SERVER_DELAY_CAP_MS))
}

#[cfg(test)]
mod tests;
