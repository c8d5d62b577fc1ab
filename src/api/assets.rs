//! One asset asked after, and the bytes of one, for comparing them with what lies here.
//!
//! Owns:
//! - gone means: the API itself says so, in its own words; a 404 of anybody else is trouble;
//! - bytes are asked for without the token and without following redirects, over HTTPS, or over
//!   HTTP from this machine if the API is on it too;
//! - reading ends with the first piece beyond the expected size, and nothing of it is kept.
//!
//! Source: the API's page of `GET /assets/assetId`.

use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use reqwest::{Response, StatusCode, Url};

use super::client::{Client, Token, loopback};
use super::verdict;
use super::wire::{Complaint, Listed};
use super::{list, send, words};
use crate::planner::pairing::Bytes;
use crate::planner::{ContentHash, Trouble};

/// Most bytes of one asset's description: one with many preview addresses stays far below.
const ASSET_MOST: usize = 1024 * 1024;
/// How long an answer may take.
const ASSET_TIMEOUT: Duration = Duration::from_secs(30);

/// Whether an asset is on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    There,
    /// The server does not know it, or it was deleted.
    Gone,
}

impl Client {
    /// Asks after one asset.
    pub async fn presence(&self, token: &Token, asset_id: &str) -> Result<Presence, Trouble> {
        let request = self
            .http
            .get(self.asset_url(asset_id))
            .header(AUTHORIZATION, token.header())
            .timeout(ASSET_TIMEOUT);
        let mut response = request.send().await.map_err(|error| list::trouble(&error))?;
        let mut answer = send::head(&response);
        let read = send::read(&mut response, ASSET_MOST, &mut answer.body).await;
        match answer.status {
            200..=299 => {
                read.map_err(|error| list::trouble(&error))?;
                let listed = serde_json::from_slice::<Listed>(&answer.body).ok();
                let found = listed.as_ref().and_then(list::asset);
                match found.filter(|found| found.listed.asset.asset_id == asset_id) {
                    Some(_) => Ok(Presence::There),
                    None => Err(odd("the answer is about no asset, or about another")),
                }
            }
            404 if in_own_words(&answer.body) => Ok(Presence::Gone),
            404 => Err(odd("status 404, and not in the API's words")),
            _ => Err(verdict::of_list(&answer, send::wall())),
        }
    }

    /// Reads the bytes of an asset from its own address and hashes them, as long as they may
    /// still be what they are to be compared with: `expected` bytes, or at most `most`.
    pub async fn bytes(&self, url: &str, expected: Option<u64>, most: u64) -> Bytes {
        let url = match self.bytes_url(url) {
            Ok(url) => url,
            Err(reason) => return not_compared(reason, false),
        };
        let asked = tokio::time::timeout(self.stall_timeout, self.http.get(url).send()).await;
        let response = match asked {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_connect() => {
                return not_compared(&words::of_connect(&error, error.is_timeout()), true);
            }
            Ok(Err(error)) => return not_compared(&words::of_error(&error), true),
            Err(_) => return not_compared("its server does not answer", true),
        };
        let status = response.status();
        if status != StatusCode::OK {
            let passes = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            let what = if status.is_redirection() { ", a redirect" } else { "" };
            return not_compared(&format!("its server says {}{what}", status.as_u16()), passes);
        }
        let most = expected.map_or(most, |expected| expected.min(most));
        self.hash(response, expected, most).await
    }

    /// The token's way is HTTPS, and so is this one, although no token goes it.
    fn bytes_url(&self, text: &str) -> Result<Url, &'static str> {
        let url = Url::parse(text).map_err(|_| "its address is none")?;
        let near = url.host_str().is_some_and(loopback);
        match url.scheme() {
            _ if !url.username().is_empty() || url.password().is_some() => {
                Err("its address holds a password")
            }
            "https" | "http" if near && !self.loopback => Err("its address is on this machine"),
            "https" => Ok(url),
            "http" if near => Ok(url),
            _ => Err("its address is not https://"),
        }
    }

    async fn hash(&self, mut response: Response, expected: Option<u64>, most: u64) -> Bytes {
        // Known before the first byte, unless it comes compressed.
        let told = response.content_length();
        if told.is_some_and(|told| told > most || expected.is_some_and(|size| size != told)) {
            return Bytes::Other;
        }
        let mut hasher = blake3::Hasher::new();
        let mut size = 0;
        loop {
            match tokio::time::timeout(self.stall_timeout, response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    size += chunk.len() as u64;
                    if size > most {
                        return Bytes::Other;
                    }
                    hasher.update(&chunk);
                }
                Ok(Ok(None)) if expected.is_none_or(|expected| expected == size) => {
                    return Bytes::Read { hash: ContentHash(*hasher.finalize().as_bytes()), size };
                }
                Ok(Ok(None)) => return Bytes::Other,
                Ok(Err(error)) => return not_compared(&words::of_error(&error), true),
                Err(_) => return not_compared("its bytes stopped coming", true),
            }
        }
    }
}

/// Whether a body is an error as the API words it.
pub(super) fn in_own_words(body: &[u8]) -> bool {
    let complaint = serde_json::from_slice::<Complaint>(body);
    complaint.is_ok_and(|complaint| !complaint.error.is_null())
}

fn odd(reason: &str) -> Trouble {
    Trouble { reason: reason.into(), refusal: None }
}

fn not_compared(reason: &str, passes: bool) -> Bytes {
    Bytes::NotRead { reason: reason.to_owned(), passes }
}
