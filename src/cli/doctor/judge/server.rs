//! Verdicts on the server: the way to it, the token, the accounts, their room, its clock.

use crate::api::{RunwayAccount, Storage, Unanswered};
use crate::cli::Exit;
use crate::cli::doctor::facts::{Server, ServerFacts, TokenFacts, Trust, Wanted, Way};
use crate::cli::doctor::report::Check;
use crate::config::{BASE_URL_VARIABLE, BaseUrl, Origin};
use crate::planner::{Refusal, RefusalKind};
use crate::secret::TokenSource;
use crate::text::{count_of_bytes, escaped, shell_word, shown};

const TOKEN: &str = "token";
const CERTIFICATES: &str = "certificates";
const PROXY: &str = "proxy";
const SERVER: &str = "server";
const SUBSCRIPTION: &str = "subscription";
const ACCOUNT: &str = "account";
const STORAGE: &str = "storage";
const CLOCK: &str = "clock";

const AGAIN: &str = "taxiway doctor";
const RENEW: &str = "renew the subscription at https://useapi.net, then: taxiway retry --all";
const MEND: &str = "mend the account at https://useapi.net, then: taxiway retry --all";

/// A clock that is off by more than this makes the look-up of lost answers see less.
const SKEW_MOST_MS: u64 = 60_000;
/// Less room than this part of the whole is worth a warning.
const LITTLE_ROOM_PART: u64 = 20;

pub(super) fn token(token: &TokenFacts, server: &Server) -> Check {
    let (source, unusual, shadowed) = match token {
        TokenFacts::Sandbox => return Check::ok(TOKEN, "not needed for a sandbox"),
        TokenFacts::Missing { error, hint } => {
            return Check::fail(TOKEN, Exit::Config, error, hint);
        }
        TokenFacts::Found { source, unusual, shadowed } => (source, *unusual, shadowed),
    };
    if let Server::Asked(facts) = server
        && let Some(refusal) = token_refusal(facts)
    {
        let text = format!("the server refuses the token from {source}: {}", refusal.message);
        return Check::fail(TOKEN, Exit::Stopped, text, source.how_to_replace());
    }
    let taken = matches!(server, Server::Asked(facts) if is_taken(facts));
    let tried = if taken { "the server takes it" } else { "not tried" };
    let text = format!("from {source}; {tried}");
    match shadowed {
        Some(other) => Check::warn(
            TOKEN,
            format!("{text}; another token, from {other}, is not looked at"),
            match source {
                TokenSource::Environment(name) => format!("unset {name}"),
                TokenSource::Credential(_) | TokenSource::File(_) | TokenSource::Keyring(_) => {
                    source.how_to_replace()
                }
            },
        ),
        None if unusual && !taken => Check::warn(
            TOKEN,
            format!("{text}; it does not look like user:<digits>-<letters and digits>"),
            "compare it with the one on https://useapi.net",
        ),
        None => Check::ok(TOKEN, text),
    }
}

/// The refusal of the token, in whatever answer it came.
fn token_refusal(facts: &ServerFacts) -> Option<&Refusal> {
    let subscription = facts.subscription.as_ref().err();
    let accounts = facts.accounts.as_ref().and_then(|accounts| accounts.as_ref().err());
    let lists = facts.wanted.iter().filter_map(|wanted| wanted.list.as_ref()?.as_ref().err());
    let mut all = subscription.into_iter().chain(accounts).chain(lists);
    all.find_map(|answer| match answer {
        Unanswered::Refused(refusal) if refusal.kind == RefusalKind::Token => Some(refusal),
        Unanswered::Refused(_)
        | Unanswered::Failing { .. }
        | Unanswered::Silent { .. }
        | Unanswered::NotTheApi { .. } => None,
    })
}

/// Something was answered that is only answered to who has a token.
fn is_taken(facts: &ServerFacts) -> bool {
    let subscription = match &facts.subscription {
        Ok(_) => true,
        Err(Unanswered::Refused(refusal)) => refusal.kind == RefusalKind::Subscription,
        Err(_) => false,
    };
    subscription || matches!(&facts.accounts, Some(Ok(accounts)) if !accounts.is_empty())
}

pub(super) fn trust(way: &Way) -> Check {
    match &way.trust {
        Trust::NotNeeded => Check::ok(CERTIFICATES, "not needed: the server is on this machine"),
        Trust::Certificates { ca_file: None } => Check::ok(CERTIFICATES, "those of the system"),
        Trust::Certificates { ca_file: Some(file) } => {
            Check::ok(CERTIFICATES, format!("those of the system and of {}", shown(file)))
        }
        Trust::Broken { error, hint } => Check::fail(CERTIFICATES, Exit::Config, error, hint),
        Trust::Unknown => {
            Check::warn(CERTIFICATES, "not looked at: the configuration does not load", AGAIN)
        }
    }
}

pub(super) fn proxy(way: &Way) -> Check {
    let named = way.proxies.iter().map(|(name, at)| format!("{name} is {}", escaped(at)));
    let named: Vec<String> = named.collect();
    match named.join(", ") {
        none if none.is_empty() => Check::ok(PROXY, "none is set"),
        named if way.is_local => {
            Check::ok(PROXY, format!("not used: the server is on this machine ({named})"))
        }
        named => Check::ok(PROXY, named),
    }
}

pub(super) fn server(server: &Server, way: &Way) -> Vec<Check> {
    let facts = match server {
        Server::NotAsked { why } => {
            return vec![Check::warn(SERVER, format!("not asked: {why}"), AGAIN)];
        }
        Server::Asked(facts) => facts,
    };
    let url = escaped(&facts.base_url);
    let mut checks = match (&facts.subscription, elsewhere(facts)) {
        (Err(Unanswered::Silent { reason }), _) => {
            let text = format!("{url} gives no answer: {}", escaped(reason));
            let hint = format!("curl -sS -o /dev/null {}", shell_word(&facts.base_url));
            return vec![Check::fail(SERVER, Exit::Later, text, hint)];
        }
        (Err(Unanswered::Failing { reason }), _) => {
            let text = format!("{url} is in trouble: {}", escaped(reason));
            return vec![Check::fail(SERVER, Exit::Later, text, AGAIN)];
        }
        (_, Some(reason)) => {
            let text = format!("the API is not at {url}: {}", escaped(&reason));
            return vec![Check::fail(SERVER, Exit::Config, text, right_address(facts))];
        }
        (_, None) => {
            let through =
                if way.is_local || way.proxies.is_empty() { "" } else { ", by the proxy" };
            vec![Check::ok(SERVER, format!("{url} answers{through}"))]
        }
    };
    checks.extend(subscription(facts));
    checks.extend(accounts(facts));
    checks.extend(facts.wanted.iter().filter_map(|wanted| {
        let email = resolved(wanted, facts)?;
        Some(storage(email, wanted.storage.as_ref()?))
    }));
    checks.extend(facts.skew_ms.map(clock));
    checks
}

/// Why what answers is not the API, if so.
fn elsewhere(facts: &ServerFacts) -> Option<String> {
    if let Some(Err(Unanswered::NotTheApi { reason })) = &facts.accounts {
        return Some(reason.clone());
    }
    let no_accounts = matches!(&facts.accounts, Some(Ok(accounts)) if accounts.is_empty());
    let refused = facts.wanted.iter().find_map(|wanted| match &wanted.list {
        Some(Err(Unanswered::NotTheApi { reason })) => Some(reason.clone()),
        Some(Err(Unanswered::Refused(refusal))) if no_accounts && refusal.status == 404 => {
            Some(format!("status 404: {}", refusal.message))
        }
        Some(Ok(()) | Err(_)) | None => None,
    });
    let strange = || match &facts.subscription {
        Err(Unanswered::NotTheApi { reason }) if facts.accounts.is_none() => Some(reason.clone()),
        Ok(_) | Err(_) => None,
    };
    refused.or_else(strange)
}

fn right_address(facts: &ServerFacts) -> String {
    match &facts.base_url_from {
        Origin::Environment(_) => format!("unset {BASE_URL_VARIABLE}"),
        Origin::File { path, line } => {
            format!("set base_url = \"{}\" in line {line} of {}", BaseUrl::DEFAULT, shown(path))
        }
        Origin::Default | Origin::Flag(_) | Origin::Argument => {
            format!("set base_url = \"{}\"", BaseUrl::DEFAULT)
        }
    }
}

fn subscription(facts: &ServerFacts) -> Option<Check> {
    Some(match &facts.subscription {
        Ok(owner) => match owner.is_active {
            Some(true) => Check::ok(SUBSCRIPTION, "it is active"),
            Some(false) => Check::fail(SUBSCRIPTION, Exit::Stopped, "it is not active", RENEW),
            None => Check::ok(SUBSCRIPTION, "the server does not tell"),
        },
        Err(Unanswered::Refused(refusal)) => match refusal.kind {
            RefusalKind::Token => return None,
            RefusalKind::Subscription => {
                Check::fail(SUBSCRIPTION, Exit::Stopped, &refusal.message, RENEW)
            }
            RefusalKind::Rate { .. }
            | RefusalKind::Account
            | RefusalKind::File
            | RefusalKind::Other => unasked(SUBSCRIPTION, &refusal.message),
        },
        Err(Unanswered::Failing { reason } | Unanswered::Silent { reason }) => {
            unasked(SUBSCRIPTION, reason)
        }
        Err(Unanswered::NotTheApi { reason }) => unasked(SUBSCRIPTION, reason),
    })
}

fn unasked(name: &'static str, why: &str) -> Check {
    Check::warn(name, format!("cannot be asked after: {}", escaped(why)), AGAIN)
}

fn accounts(facts: &ServerFacts) -> Vec<Check> {
    match &facts.accounts {
        None => Vec::new(),
        Some(Err(error)) => vec![trouble("the accounts cannot be asked after", error)],
        Some(Ok(accounts)) if accounts.is_empty() => vec![Check::fail(
            ACCOUNT,
            Exit::Stopped,
            "no Runway account is set up for this token",
            "add one at https://useapi.net, then: taxiway doctor",
        )],
        Some(Ok(accounts)) => facts.wanted.iter().map(|wanted| account(wanted, accounts)).collect(),
    }
}

/// The only account there is, or the one that is named.
fn resolved<'a>(wanted: &'a Wanted, facts: &'a ServerFacts) -> Option<&'a str> {
    match (&wanted.email, &facts.accounts) {
        (Some(email), _) => Some(email),
        (None, Some(Ok(accounts))) => match accounts.as_slice() {
            [only] => Some(&only.email),
            [] | [..] => None,
        },
        (None, Some(Err(_)) | None) => None,
    }
}

fn account(wanted: &Wanted, accounts: &[RunwayAccount]) -> Check {
    let known = || {
        let emails: Vec<&str> = accounts.iter().map(|account| account.email.as_str()).collect();
        emails.join(", ")
    };
    let found = match &wanted.email {
        Some(email) => accounts.iter().find(|account| account.email == *email),
        None if accounts.len() == 1 => accounts.first(),
        None => None,
    };
    let (found, whose) = match (found, &wanted.email, &wanted.folder) {
        (Some(found), Some(_), _) => (found, ""),
        (Some(found), None, _) => (found, ", the only one"),
        (None, Some(email), folder) => {
            let of = folder
                .as_ref()
                .map_or(String::new(), |folder| format!(" of folder {}", shown(folder)));
            let text = format!("{email}{of} is not among the accounts of this token: {}", known());
            let hint = "set email to one of them; where it is set says: taxiway config show";
            return Check::fail(ACCOUNT, Exit::Config, text, hint);
        }
        (None, None, Some(folder)) => {
            let text = format!("folder {} names no account of several: {}", shown(folder), known());
            let hint = "set its email to one of them; where it is says: taxiway config path";
            return Check::fail(ACCOUNT, Exit::Config, text, hint);
        }
        (None, None, None) => {
            let text = format!("a push has to name one of several accounts: {}", known());
            let hint = "add --email to it, or set email under [api]";
            return Check::warn(ACCOUNT, text, hint);
        }
    };
    let email = escaped(&found.email);
    if let Some(error) = &found.error {
        let text = format!("{email}{whose} does not work: {}", escaped(error));
        return Check::fail(ACCOUNT, Exit::Stopped, text, MEND);
    }
    match &wanted.list {
        Some(Err(error)) => trouble(&format!("{email}{whose} cannot be listed"), error),
        Some(Ok(())) => Check::ok(ACCOUNT, format!("{email}{whose}: its assets can be listed")),
        None => Check::ok(ACCOUNT, format!("{email}{whose}")),
    }
}

fn trouble(what: &str, error: &Unanswered) -> Check {
    match error {
        Unanswered::Refused(refusal) => {
            let text = format!("{what}: {}", refusal.message);
            match refusal.kind {
                RefusalKind::Rate { .. } => Check::warn(ACCOUNT, text, AGAIN),
                RefusalKind::Subscription => Check::fail(ACCOUNT, Exit::Stopped, text, RENEW),
                RefusalKind::Token => {
                    Check::fail(ACCOUNT, Exit::Stopped, text, "give it a new token: taxiway init")
                }
                RefusalKind::Account | RefusalKind::File | RefusalKind::Other => {
                    Check::fail(ACCOUNT, Exit::Stopped, text, MEND)
                }
            }
        }
        Unanswered::Failing { reason } | Unanswered::Silent { reason } => {
            Check::fail(ACCOUNT, Exit::Later, format!("{what}: {reason}"), AGAIN)
        }
        Unanswered::NotTheApi { reason } => {
            Check::fail(ACCOUNT, Exit::Config, format!("{what}: {reason}"), "taxiway config show")
        }
    }
}

fn storage(email: &str, storage: &Result<Storage, Unanswered>) -> Check {
    let email = escaped(email);
    let (permitted, used) = match storage {
        Ok(Storage { permitted_bytes: Some(permitted), used_bytes: Some(used) }) => {
            (*permitted, *used)
        }
        Ok(_) => return Check::ok(STORAGE, format!("{email}: the server does not tell")),
        Err(Unanswered::Refused(refusal)) => {
            return unasked(STORAGE, &format!("{email}: {}", refusal.message));
        }
        Err(
            Unanswered::Failing { reason }
            | Unanswered::Silent { reason }
            | Unanswered::NotTheApi { reason },
        ) => return unasked(STORAGE, &format!("{email}: {reason}")),
    };
    let text = format!(
        "{email}: {} of {} used, {} left",
        count_of_bytes(used),
        count_of_bytes(permitted),
        count_of_bytes(permitted.saturating_sub(used))
    );
    let hint = "delete what is not needed at https://app.runwayml.com";
    match permitted.saturating_sub(used) {
        0 => Check::fail(STORAGE, Exit::Stopped, text, hint),
        left if left < permitted / LITTLE_ROOM_PART => Check::warn(STORAGE, text, hint),
        _ => Check::ok(STORAGE, text),
    }
}

fn clock(skew_ms: i64) -> Check {
    let seconds = (skew_ms.unsigned_abs() + 500) / 1_000;
    if skew_ms.unsigned_abs() <= SKEW_MOST_MS {
        return Check::ok(CLOCK, "agrees with the server's");
    }
    let way = if skew_ms > 0 { "behind" } else { "ahead of" };
    let text = format!("this machine's is {seconds} s {way} the server's");
    let set = if cfg!(target_os = "macos") {
        "sudo sntp -sS time.apple.com"
    } else {
        "sudo timedatectl set-ntp true"
    };
    Check::warn(CLOCK, text, set)
}

#[cfg(test)]
mod tests;
