//! One account's assets, all pages of them.
//!
//! Owns:
//! - a list is complete or it is trouble: one failed page fails it all;
//! - an asset is in it once, however the pages shift while assets arrive.
//!
//! Source: the API's page of `GET /assets`: `offset` 0 to 1000, `limit` 1 to 50.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use unicode_normalization::UnicodeNormalization;

use super::client::{Client, Token};
use super::verdict::{self, Answer};
use super::wire::{Entry, Listed};
use super::{send, words};
use crate::planner::{Asset, ListedAsset, Listing, MediaKind, Now, Offered, Trouble, Wall};

/// Assets on a page.
const PAGE: usize = 50;
/// The last offset that the API takes.
const LAST_OFFSET: usize = 1_000;
/// Most bytes of a page: 50 assets with many preview addresses each stay far below.
const PAGE_MOST: usize = 8 * 1024 * 1024;
/// How long one page may take.
const PAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// How a list ended.
struct End {
    /// The last page was short.
    reached: bool,
    server_time: Option<Wall>,
}

impl Client {
    /// Reads every page of an account's list. `now` is read when the first page is asked for.
    pub async fn list(
        &self,
        token: &Token,
        email: Option<&str>,
        now: impl Fn() -> Now,
    ) -> Result<Listing, Trouble> {
        let mut listing =
            Listing { assets: Vec::new(), reached_end: false, server_time: None, asked: now() };
        let (assets, end) = self.pages(token, email).await?;
        listing.assets = assets.into_iter().map(|asset| asset.listed).collect();
        listing.reached_end = end.reached;
        listing.server_time = end.server_time;
        Ok(listing)
    }

    /// Reads every page of an account's list, for pairing: with the kind of each asset. True if
    /// older assets than these do not exist in this list.
    pub async fn inventory(
        &self,
        token: &Token,
        email: Option<&str>,
    ) -> Result<(Vec<Offered>, bool), Trouble> {
        let (assets, end) = self.pages(token, email).await?;
        Ok((assets, end.reached))
    }

    async fn pages(
        &self,
        token: &Token,
        email: Option<&str>,
    ) -> Result<(Vec<Offered>, End), Trouble> {
        let mut assets = Vec::new();
        let mut end = End { reached: false, server_time: None };
        let mut seen = HashSet::new();
        for offset in (0..=LAST_OFFSET).step_by(PAGE) {
            let (answer, entries) = self.page(token, email, offset).await?;
            if offset == 0 {
                end.server_time = answer.date.as_deref().and_then(verdict::http_date);
            }
            end.reached = entries.len() < PAGE;
            let found = entries.iter().filter_map(offered);
            assets.extend(found.filter(|found| seen.insert(found.listed.asset.asset_id.clone())));
            if end.reached {
                break;
            }
        }
        Ok((assets, end))
    }

    async fn page(
        &self,
        token: &Token,
        email: Option<&str>,
        offset: usize,
    ) -> Result<(Answer, Vec<Entry>), Trouble> {
        let (offset, limit) = (offset.to_string(), PAGE.to_string());
        let mut query = vec![("offset", offset.as_str()), ("limit", limit.as_str())];
        query.extend(email.map(|email| ("email", email)));
        let request = self
            .http
            .get(self.assets_url(&query))
            .header(AUTHORIZATION, token.header())
            .timeout(PAGE_TIMEOUT);
        let mut response = request.send().await.map_err(|error| trouble(&error))?;
        let success = response.status().is_success();
        let mut answer = send::head(&response);
        let read = send::read(&mut response, PAGE_MOST, &mut answer.body).await;
        if !success {
            // The status says enough, even if its words broke off.
            return Err(verdict::of_list(&answer, send::wall()));
        }
        read.map_err(|error| trouble(&error))?;
        match serde_json::from_slice(&answer.body) {
            Ok(entries) => Ok((answer, entries)),
            Err(error) => Err(Trouble {
                reason: words::line(&format!("the list of assets is unreadable: {error}")),
                refusal: None,
            }),
        }
    }
}

pub(super) fn trouble(error: &reqwest::Error) -> Trouble {
    let reason = if error.is_connect() {
        words::of_connect(error, error.is_timeout())
    } else if error.is_timeout() {
        format!("no whole answer within {} s", PAGE_TIMEOUT.as_secs())
    } else {
        words::of_error(error)
    };
    Trouble { reason, refusal: None }
}

pub(super) fn offered(entry: &Entry) -> Option<Offered> {
    match entry {
        Entry::Asset(listed) => asset(listed),
        Entry::Other(_) => None,
    }
}

/// An asset as a list shows it; none if it has no assetId that later calls take.
pub(super) fn asset(listed: &Listed) -> Option<Offered> {
    let created_at = listed.created_at.text().and_then(|text| {
        let stamp: jiff::Timestamp = text.parse().ok()?;
        Some(Wall(stamp.as_millisecond()))
    });
    let asset = ListedAsset {
        asset: Asset {
            asset_id: listed.asset_id.asset_id()?.to_owned(),
            url: listed.url.text().map(str::to_owned),
        },
        name: listed.name.text().map(|name| name.nfc().collect()),
        size: listed.file_size.whole_number(),
        created_at,
        is_user_upload: listed.is_user_upload.flag().unwrap_or(true),
    };
    let kind = listed.media_type.text().and_then(MediaKind::parse);
    Some(Offered { listed: asset, kind })
}
