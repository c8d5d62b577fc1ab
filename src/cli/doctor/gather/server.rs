//! Asks the server: the token, the accounts, their lists and room, its clock.

use crate::api::Unanswered;
use crate::cli::doctor::facts::{Server, ServerFacts, Trust, Wanted, Way};
use crate::cli::proof::Prober;
use crate::config::Loaded;
use crate::daemon::Clock;
use crate::planner::RefusalKind;
use crate::secret::Found;

use super::Patient;

/// The variables that name a proxy for HTTPS, as curl and reqwest read them.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

pub(super) fn server(patient: &Patient, token: Option<&Found>) -> (Way, Server) {
    let mut way = Way { trust: Trust::Unknown, proxies: proxies(), is_local: patient.sandbox };
    let loaded = match &patient.loaded {
        Ok(loaded) => loaded,
        Err(_) => {
            let why = "the configuration, which says where it is, does not load";
            return (way, Server::NotAsked { why });
        }
    };
    let config = &loaded.config;
    // Plain HTTP goes to this machine only; HTTPS to it is possible, and goes by no proxy either.
    let is_plain = patient.sandbox || config.api.base_url.as_str().starts_with("http://");
    way.is_local = is_plain || is_loopback(config.api.base_url.origin());
    // Without a token the client is built all the same, for the sake of its certificates.
    let stand_in = crate::secret::Token::parse(crate::cli::session::SANDBOX_TOKEN).ok();
    let asker = match (patient.sandbox, token.map(|found| &found.token).or(stand_in.as_ref())) {
        (true, _) | (false, None) => Prober::sandbox(config, None),
        (false, Some(token)) => Prober::new(config, token),
    };
    let prober = match asker {
        Ok(prober) => prober,
        Err(failure) => {
            way.trust = Trust::Broken { error: failure.message, hint: failure.hint };
            return (way, Server::NotAsked { why: "no client can be made" });
        }
    };
    way.trust = match is_plain {
        true => Trust::NotNeeded,
        false => Trust::Certificates { ca_file: config.api.ca_file.clone() },
    };
    if !patient.sandbox && token.is_none() {
        return (way, Server::NotAsked { why: "there is no token" });
    }
    (way, Server::Asked(Box::new(asked(&prober, loaded))))
}

fn asked(prober: &Prober, loaded: &Loaded) -> ServerFacts {
    let clock = Clock::start();
    let subscription = prober.subscription();
    let now = clock.now().wall;
    let mut facts = ServerFacts {
        base_url: prober.base_url.clone(),
        base_url_from: loaded.api.of("base_url"),
        // The header has whole seconds, rounded down.
        skew_ms: subscription.server_time.map(|time| time.0.saturating_add(500) - now.0),
        subscription: subscription.answer,
        accounts: None,
        wanted: wanted(loaded),
    };
    if !goes_on(&facts.subscription) {
        return facts;
    }
    let accounts = prober.accounts();
    let emails: Vec<String> = match &accounts {
        Ok(accounts) => accounts.iter().map(|account| account.email.clone()).collect(),
        Err(_) => Vec::new(),
    };
    for wanted in &mut facts.wanted {
        let there = match &wanted.email {
            Some(email) => emails.contains(email),
            None => emails.len() == 1,
        };
        // Where there is none, the list tells whether this is the API at all.
        if there || emails.is_empty() && accounts.is_ok() {
            wanted.list = Some(prober.reads_list(wanted.email.as_deref()));
        }
        let email = wanted.email.as_deref().or(emails.first().map(String::as_str));
        if let (Some(Ok(())), Some(email)) = (&wanted.list, email) {
            wanted.storage = Some(prober.storage(email));
        }
    }
    facts.accounts = Some(accounts);
    facts
}

/// Whether the next question can have another answer than the first.
fn goes_on<T>(first: &Result<T, Unanswered>) -> bool {
    match first {
        Ok(_) | Err(Unanswered::NotTheApi { .. }) => true,
        Err(Unanswered::Silent { .. } | Unanswered::Failing { .. }) => false,
        Err(Unanswered::Refused(refusal)) => {
            !matches!(refusal.kind, RefusalKind::Token | RefusalKind::Subscription)
        }
    }
}

/// Each account once, with the first folder that names it.
fn wanted(loaded: &Loaded) -> Vec<Wanted> {
    let config = &loaded.config;
    let mut all: Vec<Wanted> = Vec::new();
    let mut want = |email: Option<String>, folder| {
        if !all.iter().any(|wanted| wanted.email == email) {
            all.push(Wanted { email, folder, list: None, storage: None });
        }
    };
    for folder in &config.folders {
        let email = folder.email.as_ref().map(|email| email.as_str().to_owned());
        want(email, Some(folder.path.clone()));
    }
    match &config.api.email {
        Some(email) => want(Some(email.as_str().to_owned()), None),
        None if config.folders.is_empty() => want(None, None),
        None => {}
    }
    all
}

/// What names a proxy, without name and password.
fn proxies() -> Vec<(&'static str, String)> {
    let set = PROXIES.into_iter().filter_map(|name| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
        Some((name, bare(&value.to_string_lossy())))
    });
    set.collect()
}

/// The address of a proxy without the name and password that may stand before it.
fn bare(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned()
}

fn is_loopback(origin: &str) -> bool {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_shown_without_what_it_is_entered_with() {
        for (address, shown) in [
            ("http://me:pw@proxy.example:3128/", "proxy.example:3128"),
            ("me:p@w@proxy:1", "proxy:1"),
            ("socks5://proxy", "proxy"),
            ("proxy:3128", "proxy:3128"),
        ] {
            assert_eq!(bare(address), shown);
        }
    }

    #[test]
    fn loopback_is_told_from_names_that_look_like_it() {
        for (origin, local) in [
            ("https://127.0.0.1:8443", true),
            ("https://[::1]:8443", true),
            ("https://[::1]", true),
            ("https://localhost", true),
            ("https://api.useapi.net", false),
            ("https://localhost.example.com:1", false),
        ] {
            assert_eq!(is_loopback(origin), local, "{origin}");
        }
    }
}
