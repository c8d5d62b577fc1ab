//! Which assets on a server are which contents here.
//!
//! Owns:
//! - certain means that the bytes were compared; nothing else is, however alike it looks;
//! - an asset that is a row's, was one's, is another account's, or was not uploaded by a person is
//!   paired with nothing;
//! - a content gets one asset, the oldest of its bytes, and an asset one content;
//! - a guess has the name, the size where the server tells one, and no rival on either side.

use std::collections::{BTreeMap, BTreeSet};

use super::doubt::same_name;
use super::message::ListedAsset;
use super::types::ContentHash;

/// What a list says an asset is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MediaKind {
    /// `image`
    Image,
    /// `video`
    Video,
    /// `audio`
    Audio,
}

impl MediaKind {
    /// Reads `image`, `video` or `audio`, or the content type of one.
    pub fn parse(text: &str) -> Option<MediaKind> {
        match text.split('/').next()? {
            "image" => Some(MediaKind::Image),
            "video" => Some(MediaKind::Video),
            "audio" => Some(MediaKind::Audio),
            _ => None,
        }
    }
}

/// An asset that a list offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// As the list shows it.
    pub listed: ListedAsset,
    /// What it is, if the list says.
    pub kind: Option<MediaKind>,
}

/// A content that has no assetId on the account yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Its identity.
    pub hash: ContentHash,
    /// Bytes.
    pub size: u64,
    /// What it is.
    pub kind: Option<MediaKind>,
    /// The names that it has, or was to be sent under; in NFC.
    pub names: Vec<String>,
}

/// An asset whose bytes are to be compared with contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Which asset, by its place among the offered.
    pub asset: usize,
    /// Which contents, by their places.
    pub locals: Vec<usize>,
    /// Bytes that make it none of them.
    pub most: u64,
}

/// What came of reading an asset's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bytes {
    /// Read to their end.
    Read {
        /// Their hash.
        hash: ContentHash,
        /// How many.
        size: u64,
    },
    /// More or fewer than the contents have: it is none of them.
    Other,
    /// They could not be read.
    NotRead {
        /// In words.
        reason: String,
        /// It may be otherwise another time.
        passes: bool,
    },
}

/// A content and its asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Which content.
    pub local: usize,
    /// Which asset.
    pub asset: usize,
    /// Other assets of the same bytes.
    pub doubles: Vec<usize>,
    /// None if the bytes are equal; else why they could not be compared.
    pub guess: Option<String>,
}

/// What comparing a group came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pairing {
    /// Contents and their assets.
    pub pairs: Vec<Pair>,
    /// Contents for which there are assets of that name that could not be compared, and that
    /// could be other contents' as well.
    pub unclear: Vec<usize>,
    /// Contents that are not paired for certain, and might be another time.
    pub again: Vec<usize>,
}

/// Which files are worth reading: all others can be none of the assets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sieve {
    sizes: BTreeSet<u64>,
    /// Names of assets whose size the list does not tell.
    names: Vec<String>,
}

impl Sieve {
    /// Of what a list offers.
    pub fn of(offered: &[Offered], email: Option<&str>, taken: impl Fn(&str) -> bool) -> Sieve {
        let mut sieve = Sieve::default();
        for offer in offered.iter().filter(|offer| to_be_had(offer, email, &taken)) {
            match (offer.listed.size, &offer.listed.name) {
                (Some(size), _) => {
                    sieve.sizes.insert(size);
                }
                (None, Some(name)) => sieve.names.push(name.clone()),
                (None, None) => {}
            }
        }
        sieve
    }

    /// Whether a file of this size and name may be one of them.
    pub fn passes(&self, size: u64, name: &str) -> bool {
        let named = || self.names.iter().any(|listed| same_name(Some(listed), name));
        self.sizes.contains(&size) || named()
    }

    /// Whether no file at all can be one of them.
    pub fn is_empty(&self) -> bool {
        self.sizes.is_empty() && self.names.is_empty()
    }
}

/// What is to be compared: groups that have no asset and no content in common. `email` is the
/// account's, and `taken` says of an assetId that it is a row's, or was one's.
pub fn comparisons(
    offered: &[Offered],
    locals: &[Local],
    email: Option<&str>,
    taken: impl Fn(&str) -> bool,
) -> Vec<Vec<Comparison>> {
    let mut by_size: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (place, local) in locals.iter().enumerate() {
        by_size.entry(local.size).or_default().push(place);
    }
    let mut all = Vec::new();
    for (asset, offer) in offered.iter().enumerate() {
        if !to_be_had(offer, email, &taken) {
            continue;
        }
        let alike: Vec<usize> = match offer.listed.size {
            Some(size) => by_size.get(&size).cloned().unwrap_or_default(),
            None => (0..locals.len()).filter(|place| named(offer, &locals[*place])).collect(),
        };
        if let Some(most) = alike.iter().map(|place| locals[*place].size).max() {
            all.push(Comparison { asset, locals: alike, most });
        }
    }
    grouped(all)
}

/// What follows for one group; `bytes` are those of its comparisons, in their order.
pub fn pair(
    offered: &[Offered],
    locals: &[Local],
    group: &[Comparison],
    bytes: &[Bytes],
) -> Pairing {
    let compared: Vec<(&Comparison, &Bytes)> = group.iter().zip(bytes).collect();
    let contents: BTreeSet<usize> = group.iter().flat_map(|one| one.locals.clone()).collect();
    let mut pairing = Pairing::default();
    for local in contents {
        let mut equal: Vec<usize> = compared
            .iter()
            .filter(|(one, bytes)| one.locals.contains(&local) && is(bytes, &locals[local]))
            .map(|(one, _)| one.asset)
            .collect();
        equal.sort_by_key(|asset| age(&offered[*asset]));
        match equal.split_first() {
            Some((oldest, doubles)) => pairing.pairs.push(Pair {
                local,
                asset: *oldest,
                doubles: doubles.to_vec(),
                guess: None,
            }),
            None => guess(offered, locals, &compared, local, &mut pairing),
        }
    }
    pairing
}

/// Whether an asset may be paired with anything at all.
fn to_be_had(offer: &Offered, email: Option<&str>, taken: &impl Fn(&str) -> bool) -> bool {
    let listed = &offer.listed;
    let ours = email.is_none() || listed.asset.email().as_deref() == email;
    ours && listed.is_user_upload && !taken(&listed.asset.asset_id)
}

/// A content that equals no asset that could be read.
fn guess(
    offered: &[Offered],
    locals: &[Local],
    compared: &[(&Comparison, &Bytes)],
    local: usize,
    pairing: &mut Pairing,
) {
    let not_read = compared.iter().filter_map(|(one, bytes)| match bytes {
        Bytes::NotRead { reason, passes } if one.locals.contains(&local) => {
            Some((*one, reason, *passes))
        }
        Bytes::NotRead { .. } | Bytes::Read { .. } | Bytes::Other => None,
    });
    let not_read: Vec<(&Comparison, &String, bool)> = not_read.collect();
    if not_read.iter().any(|(.., passes)| *passes) {
        pairing.again.push(local);
    }
    let alike = not_read.iter().filter(|(one, ..)| looks_like(&offered[one.asset], &locals[local]));
    let alike: Vec<&(&Comparison, &String, bool)> = alike.collect();
    let rivals = |one: &Comparison| {
        let others = one.locals.iter().filter(|other| **other != local);
        others.filter(|other| looks_like(&offered[one.asset], &locals[**other])).count()
    };
    match alike.as_slice() {
        [] => {}
        [(one, reason, _)] if rivals(one) == 0 => pairing.pairs.push(Pair {
            local,
            asset: one.asset,
            doubles: Vec::new(),
            guess: Some((*reason).clone()),
        }),
        [_, ..] => pairing.unclear.push(local),
    }
}

fn is(bytes: &Bytes, local: &Local) -> bool {
    match bytes {
        Bytes::Read { hash, size } => *hash == local.hash && *size == local.size,
        Bytes::Other | Bytes::NotRead { .. } => false,
    }
}

/// Oldest first; what has no date comes last, and equals keep one order.
fn age(offer: &Offered) -> (bool, i64, &str) {
    let created_at = offer.listed.created_at;
    (created_at.is_none(), created_at.map_or(0, |at| at.0), &offer.listed.asset.asset_id)
}

fn named(offer: &Offered, local: &Local) -> bool {
    local.names.iter().any(|name| same_name(offer.listed.name.as_deref(), name))
}

/// Bytes decide what they can. Only where they cannot, the kind is looked at; what either side
/// does not know excludes nothing.
fn looks_like(offer: &Offered, local: &Local) -> bool {
    let same_kind = offer.kind.is_none() || local.kind.is_none() || offer.kind == local.kind;
    same_kind && named(offer, local)
}

/// Comparisons that have contents in common stay together.
fn grouped(all: Vec<Comparison>) -> Vec<Vec<Comparison>> {
    let mut groups: Vec<(BTreeSet<usize>, Vec<Comparison>)> = Vec::new();
    for one in all {
        let contents: BTreeSet<usize> = one.locals.iter().copied().collect();
        let (mut joined, apart): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|(known, _)| !known.is_disjoint(&contents));
        groups = apart;
        let mut group = (contents, vec![one]);
        for (known, before) in joined.drain(..).rev() {
            group.0.extend(known);
            group.1.splice(0..0, before);
        }
        groups.push(group);
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

#[cfg(test)]
mod tests;
