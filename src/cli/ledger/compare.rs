//! Bytes of assets read and compared, several at once.
//!
//! Owns:
//! - never more than so many at once, however many there are;
//! - groups come to their end in their order, so that what is printed does not depend on chance.

use tokio::task::JoinSet;

use crate::api::Client;
use crate::planner::Offered;
use crate::planner::pairing::{Bytes, Comparison};

/// Reads what is to be compared, and hands each group to `ended` with its bytes.
///
/// # Errors
/// What `ended` says; then the rest is left unread.
pub async fn compare<E>(
    client: &Client,
    offered: &[Offered],
    groups: &[Vec<Comparison>],
    at_once: usize,
    mut ended: impl FnMut(&[Comparison], &[Bytes]) -> Result<(), E>,
) -> Result<(), E> {
    let mut left = places(groups).into_iter();
    let mut bytes: Vec<Vec<Option<Bytes>>> =
        groups.iter().map(|group| vec![None; group.len()]).collect();
    let mut reading = JoinSet::new();
    let mut next = 0;
    loop {
        while reading.len() < at_once {
            let Some((group, place)) = left.next() else { break };
            let one = &groups[group][place];
            let listed = &offered[one.asset].listed;
            let (client, url) = (client.clone(), listed.asset.url.clone());
            let (size, most) = (listed.size, one.most);
            reading.spawn(async move {
                let bytes = match url {
                    Some(url) => client.bytes(&url, size, most).await,
                    None => unread("the list gives no address of it"),
                };
                (group, place, bytes)
            });
        }
        while let Some(group) = groups.get(next) {
            let Some(read) = bytes[next].iter().cloned().collect::<Option<Vec<Bytes>>>() else {
                break;
            };
            ended(group, &read)?;
            next += 1;
        }
        match reading.join_next().await {
            None => break,
            Some(Ok((group, place, read))) => bytes[group][place] = Some(read),
            // A task that failed does not say which it was: what is missing at the end is unread.
            Some(Err(_)) => {}
        }
    }
    for (group, read) in groups.iter().zip(bytes).skip(next) {
        let missing = || unread("reading it failed inside taxiway");
        let read: Vec<Bytes> =
            read.into_iter().map(|bytes| bytes.unwrap_or_else(missing)).collect();
        ended(group, &read)?;
    }
    Ok(())
}

/// Group by group, so that the first ones end early.
fn places(groups: &[Vec<Comparison>]) -> Vec<(usize, usize)> {
    let of = |(group, all): (usize, &Vec<Comparison>)| (0..all.len()).map(move |one| (group, one));
    groups.iter().enumerate().flat_map(of).collect()
}

fn unread(reason: &str) -> Bytes {
    Bytes::NotRead { reason: reason.into(), passes: false }
}
