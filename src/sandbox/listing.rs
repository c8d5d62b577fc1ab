//! The list of assets: which are reachable, in which order.
//!
//! Owns: paging (newest first, at most the newest 1,050) and what the list faults do to it.
use serde_json::Value;

use super::fault::ListFault;
use super::faults::{ListRule, mix};
use super::query::Query;
use super::store::{Asset, Store};
use super::wire;

/// The highest offset, as documented.
pub(super) const MAX_OFFSET: usize = 1000;
/// The highest limit, as documented.
pub(super) const MAX_LIMIT: usize = 50;

/// What a list request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) offset: usize,
    pub(super) limit: usize,
    pub(super) media_type: Option<String>,
}

impl Page {
    /// The parameters of a list request.
    pub(super) const PARAMETERS: [&str; 4] = ["offset", "limit", "email", "mediaType"];

    /// Reads the parameters, apart from the account.
    pub(super) fn parse(query: &Query) -> Result<Page, String> {
        let offset = query.within("offset", 0..=MAX_OFFSET)?;
        let limit = query.within("limit", 1..=MAX_LIMIT)?;
        let media_type = match query.value("mediaType") {
            None => None,
            Some(kind @ ("video" | "image" | "audio")) => Some(kind.to_owned()),
            Some(other) => {
                return Err(format!(
                    "Query parameter mediaType must be video, image or audio, not {other:?}"
                ));
            }
        };
        Ok(Page { offset, limit, media_type })
    }
}

/// One page of an account's list.
pub(super) fn page(
    store: &Store,
    origin: &str,
    account: &str,
    page: &Page,
    rules: &[ListRule],
    now_ms: i64,
) -> Value {
    let visible = |asset: &Asset| {
        asset.account == account
            && page.media_type.as_deref().is_none_or(|kind| wire::kind(&asset.content_type) == kind)
            && !rules.iter().any(|rule| rule.hides(asset, now_ms))
    };
    let order = rules.iter().find(|rule| rule.fault == ListFault::Reorder).map(|rule| rule.seed);
    let assets = match order {
        None => store.newest_first(page.offset + page.limit, visible),
        Some(seed) => {
            let mut assets = store.newest_first(MAX_OFFSET + MAX_LIMIT, visible);
            assets.sort_by_key(|asset| mix(mix(seed) ^ asset.sequence));
            assets
        }
    };
    assets
        .iter()
        .skip(page.offset)
        .take(page.limit)
        .map(|asset| wire::listed(asset, origin, rules))
        .collect()
}

impl ListRule {
    /// Whether the asset is one of those that the fault is about.
    pub(super) fn concerns(&self, asset: &Asset) -> bool {
        self.name.as_ref().is_none_or(|pattern| pattern.matches(&asset.name))
    }

    fn hides(&self, asset: &Asset, now_ms: i64) -> bool {
        let hides = match self.fault {
            ListFault::Blind => true,
            ListFault::Lag(lag) => {
                let age_ms = u128::try_from(now_ms - asset.created_at_ms).unwrap_or(0);
                age_ms < lag.as_millis()
            }
            ListFault::Reorder | ListFault::NoSize | ListFault::NoUrl | ListFault::Rename(_) => {
                false
            }
        };
        hides && self.concerns(asset)
    }
}
