//! What the server says of the token, its accounts and their storage, without changing anything.
//!
//! Owns:
//! - of the list of accounts, which holds passwords, only e-mail and error are ever kept;
//! - a refusal, silence, and an answer of something that is not the API are told apart;
//! - the server's clock is read from whatever answer comes.
//!
//! Source: the API's pages of `GET /v2/account`, `GET /accounts`, `GET /features`, `GET /assets`.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::assets::in_own_words;
use super::client::{Client, Token};
use super::wire::{Entry, Loose};
use super::{list, send, verdict, words};
use crate::planner::{Refusal, Wall};

/// Most bytes of an answer.
const ANSWER_MOST: usize = 1024 * 1024;
/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A status of the API's own making, "account in error state".
const ERROR_STATE: u16 = 596;

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// The server says no.
    Refused(Refusal),
    /// The server, or what stands before it, is in trouble: 408 and 5xx.
    Failing {
        /// Status and words.
        reason: String,
    },
    /// No answer came.
    Silent {
        /// Which step failed, in words.
        reason: String,
    },
    /// An answer came that the API does not give.
    NotTheApi {
        /// What it was.
        reason: String,
    },
}

/// A question that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked<T> {
    /// The answer.
    pub answer: Result<T, Unanswered>,
    /// The server's clock, by the header `Date`.
    pub server_time: Option<Wall>,
}

/// The owner of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Whether it is paid for; none if the answer does not say.
    pub is_active: Option<bool>,
}

/// A Runway account that a token can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunwayAccount {
    /// Its e-mail, in lower case.
    pub email: String,
    /// Why it does not work, in the server's words.
    pub error: Option<String>,
}

/// The room of an account, in bytes; none where the answer does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Storage {
    /// What the plan permits.
    pub permitted_bytes: Option<u64>,
    /// What is used.
    pub used_bytes: Option<u64>,
}

impl Client {
    /// Whether the token is taken, and paid for.
    pub async fn subscription(&self, token: &Token) -> Asked<Subscription> {
        let mut url = self.assets.clone();
        url.set_path("/v2/account");
        let asked = self.ask::<Owner>(token, url).await;
        asked.map(|owner| Subscription { is_active: owner.subscription_is_active.flag() })
    }

    /// The accounts that the token can use, by e-mail; none is an answer, too.
    pub async fn accounts(&self, token: &Token) -> Asked<Vec<RunwayAccount>> {
        let asked = self.ask::<BTreeMap<String, Entered>>(token, self.beside("accounts")).await;
        let mut asked = asked.map(|entries| entries.into_iter().map(account).collect());
        if let Err(Unanswered::Refused(refusal)) = &asked.answer
            && refusal.status == 404
        {
            asked.answer = Ok(Vec::new());
        }
        asked
    }

    /// Whether the list of an account can be read: the proof that the account works.
    pub async fn reads_list(&self, token: &Token, email: Option<&str>) -> Asked<()> {
        let mut query = vec![("offset", "0"), ("limit", "1")];
        query.extend(email.map(|email| ("email", email)));
        self.ask::<Vec<Entry>>(token, self.assets_url(&query)).await.map(|_| ())
    }

    /// The room of an account.
    pub async fn storage(&self, token: &Token, email: &str) -> Asked<Storage> {
        let query = self.assets_url(&[("email", email)]);
        let mut url = self.beside("features/");
        url.set_query(query.query());
        self.ask::<Features>(token, url).await.map(|features| Storage {
            permitted_bytes: bytes(&features.permitted.storage_gb),
            used_bytes: bytes(&features.used.storage_gb),
        })
    }

    /// The address of a call that lies beside the assets.
    fn beside(&self, call: &str) -> Url {
        let mut url = self.assets.clone();
        let base = url.path().trim_end_matches("assets/").to_owned();
        url.set_path(&format!("{base}{call}"));
        url
    }

    async fn ask<T: DeserializeOwned>(&self, token: &Token, url: Url) -> Asked<T> {
        let request =
            self.http.get(url).header(AUTHORIZATION, token.header()).timeout(ANSWER_TIMEOUT);
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                let reason = list::trouble(&error).reason;
                return Asked { answer: Err(Unanswered::Silent { reason }), server_time: None };
            }
        };
        let mut answer = send::head(&response);
        let read = send::read(&mut response, ANSWER_MOST, &mut answer.body).await;
        let server_time = answer.date.as_deref().and_then(verdict::http_date);
        let answer = match (answer.status, read) {
            (200..=299, Ok(())) => serde_json::from_slice(&answer.body).map_err(|_| {
                let reason = words::line(&format!("status {}, and no such answer", answer.status));
                Unanswered::NotTheApi { reason }
            }),
            (200..=299, Err(error)) => {
                Err(Unanswered::Silent { reason: list::trouble(&error).reason })
            }
            (300..=399, _) => Err(Unanswered::NotTheApi { reason: verdict::with_words(&answer) }),
            (408 | 500..=599, _) if answer.status != ERROR_STATE => {
                Err(Unanswered::Failing { reason: verdict::with_words(&answer) })
            }
            (401 | 402 | 429 | ERROR_STATE, _) => {
                Err(Unanswered::Refused(verdict::refusal(&answer, send::wall())))
            }
            (_, _) if in_own_words(&answer.body) => {
                Err(Unanswered::Refused(verdict::refusal(&answer, send::wall())))
            }
            (_, _) => Err(Unanswered::NotTheApi { reason: verdict::with_words(&answer) }),
        };
        Asked { answer, server_time }
    }
}

impl<T> Asked<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Asked<U> {
        Asked { answer: self.answer.map(change), server_time: self.server_time }
    }
}

/// The answer of `GET /v2/account`, as far as it is used.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Owner {
    subscription_is_active: Loose,
}

/// One entry of the answer of `GET /accounts`; its secrets are skipped, not read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entered {
    error: serde_json::Value,
}

/// The answer of `GET /features`, as far as it is used.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Features {
    permitted: Amounts,
    used: Amounts,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Amounts {
    #[serde(rename = "storageGB")]
    storage_gb: Loose,
}

fn account((email, entered): (String, Entered)) -> RunwayAccount {
    let error = words::said(&entered.error).map(|error| words::line(&error));
    RunwayAccount { email: words::line(&email).to_lowercase(), error }
}

/// Gigabytes, whole or not, as bytes.
fn bytes(gigabytes: &Loose) -> Option<u64> {
    let number: f64 = gigabytes.spelled()?.trim().parse().ok()?;
    // A cast from a float saturates.
    (number.is_finite() && number >= 0.0).then_some((number * 1e9) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gigabytes_are_bytes_where_they_are_a_number() {
        for (json, expected) in [
            ("500", Some(500_000_000_000)),
            ("0.5", Some(500_000_000)),
            ("\"2\"", Some(2_000_000_000)),
            ("-1", None),
            ("null", None),
            ("\"much\"", None),
        ] {
            let loose: Loose = serde_json::from_str(json).expect("a field");
            assert_eq!(bytes(&loose), expected, "{json}");
        }
    }

    #[test]
    fn of_an_account_nothing_is_kept_but_its_email_and_its_error() {
        let json = r#"{"Me@B.c":{"email":"x","password":"pw","jwt":{"token":"t"},
            "error":"Account Me@B.c\nin error state"}}"#;
        let entries: BTreeMap<String, Entered> = serde_json::from_str(json).expect("an object");
        let accounts: Vec<RunwayAccount> = entries.into_iter().map(account).collect();
        let shown = format!("{accounts:?}");
        assert_eq!(
            shown,
            r#"[RunwayAccount { email: "me@b.c", error: Some("Account Me@B.c in error state") }]"#
        );
    }
}
