//! Each answer of the server, and what is said of it.

use super::*;
use crate::api::Subscription;
use crate::cli::doctor::report;

fn told(check: &Check) -> String {
    report::told(check).replacen(": ", &format!(" {}: ", check.name), 1)
}

fn refused(kind: RefusalKind, status: u16, message: &str) -> Unanswered {
    Unanswered::Refused(Refusal { kind, status, message: message.into() })
}

fn account_of(email: &str, error: Option<&str>) -> RunwayAccount {
    RunwayAccount { email: email.into(), error: error.map(str::to_owned) }
}

/// All is well with one account and one folder that names none.
fn well() -> ServerFacts {
    let storage =
        Storage { permitted_bytes: Some(100_000_000_000), used_bytes: Some(1_500_000_000) };
    ServerFacts {
        base_url: "https://x/v1".into(),
        base_url_from: Origin::Default,
        subscription: Ok(Subscription { is_active: Some(true) }),
        accounts: Some(Ok(vec![account_of("a@b.c", None)])),
        wanted: vec![Wanted {
            email: None,
            folder: Some("/f".into()),
            list: Some(Ok(())),
            storage: Some(Ok(storage)),
        }],
        skew_ms: Some(900),
    }
}

fn way() -> Way {
    Way { trust: Trust::NotNeeded, proxies: Vec::new(), is_local: false }
}

fn judged(change: impl FnOnce(&mut ServerFacts)) -> Vec<String> {
    let mut facts = well();
    change(&mut facts);
    server(&Server::Asked(Box::new(facts)), &way()).iter().map(told).collect()
}

/// The lines that differ from those of [`well`].
fn odd(change: impl FnOnce(&mut ServerFacts)) -> Vec<String> {
    let usual = judged(|_| {});
    judged(change).into_iter().filter(|line| !usual.contains(line)).collect()
}

#[test]
fn a_server_that_works_says_so_of_each_thing() {
    assert_eq!(
        judged(|_| {}),
        [
            "ok server: https://x/v1 answers",
            "ok subscription: it is active",
            "ok account: a@b.c, the only one: its assets can be listed",
            "ok storage: a@b.c: 1.5 GB of 100 GB used, 98 GB left",
            "ok clock: agrees with the server's",
        ]
    );
}

#[test]
fn a_server_that_is_not_reached_is_not_judged_further() {
    let silent = Unanswered::Silent { reason: "no TCP connection: connection refused".into() };
    assert_eq!(
        judged(|facts| facts.subscription = Err(silent)),
        ["fail 75 server: https://x/v1 gives no answer: no TCP connection: connection refused | \
             curl -sS -o /dev/null https://x/v1"]
    );
    let failing = Unanswered::Failing { reason: "status 502: Bad".into() };
    assert_eq!(
        judged(|facts| facts.subscription = Err(failing)),
        ["fail 75 server: https://x/v1 is in trouble: status 502: Bad | taxiway doctor"]
    );
    let not_asked = Server::NotAsked { why: "there is no token" };
    assert_eq!(
        server(&not_asked, &way()).iter().map(told).collect::<Vec<_>>(),
        ["warn server: not asked: there is no token | taxiway doctor"]
    );
}

#[test]
fn an_address_that_is_not_the_apis_says_where_it_was_set() {
    let page = || Unanswered::NotTheApi { reason: "status 404: Hello".into() };
    let file = Origin::File { path: std::sync::Arc::new("/c.toml".into()), line: 2 };
    for (from, hint) in [
        (Origin::Default, "set base_url = \"https://api.useapi.net/v1/runwayml\""),
        (Origin::Environment("TAXIWAY_BASE_URL"), "unset TAXIWAY_BASE_URL"),
        (file, "set base_url = \"https://api.useapi.net/v1/runwayml\" in line 2 of /c.toml"),
    ] {
        let line =
            format!("fail 78 server: the API is not at https://x/v1: status 404: Hello | {hint}");
        assert_eq!(
            judged(|facts| {
                facts.base_url_from = from;
                facts.accounts = Some(Err(page()));
            })[0],
            line
        );
    }
    let missing = refused(RefusalKind::Other, 404, "Not found.");
    assert_eq!(
        judged(|facts| {
            facts.accounts = Some(Ok(Vec::new()));
            facts.wanted[0].list = Some(Err(missing));
        }),
        ["fail 78 server: the API is not at https://x/v1: status 404: Not found. | set base_url \
             = \"https://api.useapi.net/v1/runwayml\""]
    );
    let stranger = |facts: &mut ServerFacts| {
        facts.subscription = Err(page());
        facts.accounts = None;
        facts.wanted.clear();
    };
    assert_eq!(judged(stranger).len(), 1);
}

#[test]
fn a_subscription_that_has_ended_is_told() {
    let ended = "fail 77 subscription: Account has no subscription | renew the subscription at \
                 https://useapi.net, then: taxiway retry --all";
    let refusal = refused(RefusalKind::Subscription, 402, "Account has no subscription");
    assert_eq!(
        judged(|facts| {
            facts.subscription = Err(refusal);
            facts.accounts = None;
            facts.wanted[0].list = None;
            facts.wanted[0].storage = None;
            facts.skew_ms = None;
        }),
        ["ok server: https://x/v1 answers", ended]
    );
    assert_eq!(
        odd(|facts| facts.subscription = Ok(Subscription { is_active: Some(false) })),
        ["fail 77 subscription: it is not active | renew the subscription at \
             https://useapi.net, then: taxiway retry --all"]
    );
    assert_eq!(
        odd(|facts| facts.subscription = Ok(Subscription { is_active: None })),
        ["ok subscription: the server does not tell"]
    );
    let slow = refused(RefusalKind::Rate { retry_after_ms: None }, 429, "slow down");
    assert_eq!(
        odd(|facts| facts.subscription = Err(slow)),
        ["warn subscription: cannot be asked after: slow down | taxiway doctor"]
    );
}

#[test]
fn each_account_that_is_wanted_is_there_and_works() {
    let mend = "mend the account at https://useapi.net, then: taxiway retry --all";
    let several = || Some(Ok(vec![account_of("a@b.c", None), account_of("b@c.d", None)]));
    assert_eq!(
        odd(|facts| {
            facts.accounts = Some(Ok(Vec::new()));
            facts.wanted[0].list = Some(Err(refused(RefusalKind::Other, 400, "none")));
            facts.wanted[0].storage = None;
        }),
        ["fail 77 account: no Runway account is set up for this token | add one at \
             https://useapi.net, then: taxiway doctor"]
    );
    assert_eq!(
        odd(|facts| {
            facts.accounts = several();
            facts.wanted[0].storage = None;
        }),
        ["fail 78 account: folder /f names no account of several: a@b.c, b@c.d | set its email \
             to one of them; where it is says: taxiway config path"]
    );
    assert_eq!(
        odd(|facts| {
            facts.accounts = several();
            facts.wanted[0].folder = None;
            facts.wanted[0].storage = None;
        }),
        ["warn account: a push has to name one of several accounts: a@b.c, b@c.d | add --email \
             to it, or set email under [api]"]
    );
    assert_eq!(
        odd(|facts| {
            facts.wanted[0].email = Some("x@y.z".into());
            facts.wanted[0].storage = None;
        }),
        ["fail 78 account: x@y.z of folder /f is not among the accounts of this token: a@b.c | \
             set email to one of them; where it is set says: taxiway config show"]
    );
    assert_eq!(
        odd(|facts| facts.wanted[0].email = Some("a@b.c".into())),
        ["ok account: a@b.c: its assets can be listed"]
    );
    assert_eq!(
        odd(|facts| {
            facts.accounts = Some(Ok(vec![account_of("a@b.c", Some("wrong password"))]));
        }),
        [format!("fail 77 account: a@b.c, the only one does not work: wrong password | {mend}")]
    );
    let broken = refused(RefusalKind::Account, 596, "in error state");
    assert_eq!(
        odd(|facts| facts.wanted[0].list = Some(Err(broken))),
        [format!("fail 77 account: a@b.c, the only one cannot be listed: in error state | {mend}")]
    );
    let silent = Unanswered::Silent { reason: "no whole answer within 30 s".into() };
    assert_eq!(
        odd(|facts| facts.accounts = Some(Err(silent))),
        ["fail 75 account: the accounts cannot be asked after: no whole answer within 30 s | \
             taxiway doctor"]
    );
}

#[test]
fn room_that_runs_out_is_told_before_it_has() {
    let room = |permitted, used| {
        move |facts: &mut ServerFacts| {
            let storage = Storage { permitted_bytes: permitted, used_bytes: used };
            facts.wanted[0].storage = Some(Ok(storage));
        }
    };
    let gb = 1_000_000_000;
    let hint = "delete what is not needed at https://app.runwayml.com";
    assert_eq!(
        odd(room(Some(100 * gb), Some(95 * gb))),
        ["ok storage: a@b.c: 95 GB of 100 GB used, 5.0 GB left"]
    );
    assert_eq!(
        odd(room(Some(100 * gb), Some(96 * gb))),
        [format!("warn storage: a@b.c: 96 GB of 100 GB used, 4.0 GB left | {hint}")]
    );
    assert_eq!(
        odd(room(Some(100 * gb), Some(101 * gb))),
        [format!("fail 77 storage: a@b.c: 101 GB of 100 GB used, 0 bytes left | {hint}")]
    );
    assert_eq!(odd(room(None, Some(1))), ["ok storage: a@b.c: the server does not tell"]);
    let failing = Unanswered::Failing { reason: "status 500".into() };
    assert_eq!(
        odd(|facts| facts.wanted[0].storage = Some(Err(failing))),
        ["warn storage: cannot be asked after: a@b.c: status 500 | taxiway doctor"]
    );
}

#[test]
fn a_clock_may_be_off_by_a_minute() {
    assert_eq!(odd(|facts| facts.skew_ms = Some(-60_000)), [""; 0]);
    let off = odd(|facts| facts.skew_ms = Some(90_400));
    assert!(
        off[0].starts_with("warn clock: this machine's is 90 s behind the server's | sudo "),
        "{off:?}"
    );
    let off = odd(|facts| facts.skew_ms = Some(-90_500));
    assert!(
        off[0].starts_with("warn clock: this machine's is 91 s ahead of the server's | sudo "),
        "{off:?}"
    );
}

#[test]
fn a_token_is_taken_refused_or_not_tried() {
    let found = |unusual, shadowed| TokenFacts::Found {
        source: TokenSource::Environment("TAXIWAY_TOKEN"),
        unusual,
        shadowed,
    };
    let asked = |change: fn(&mut ServerFacts)| {
        let mut facts = well();
        change(&mut facts);
        Server::Asked(Box::new(facts))
    };
    let taken = || asked(|_| {});
    let no_answer = || {
        asked(|facts| {
            facts.subscription = Err(Unanswered::Silent { reason: "x".into() });
            facts.accounts = None;
        })
    };
    let unauthorized = || {
        asked(|facts| facts.subscription = Err(refused(RefusalKind::Token, 401, "Unauthorized")))
    };
    let expired =
        || asked(|facts| facts.subscription = Err(refused(RefusalKind::Subscription, 402, "x")));
    let file = || Some(TokenSource::File("/t".into()));
    let from = "from environment variable TAXIWAY_TOKEN";
    for (found, server, line) in [
        (TokenFacts::Sandbox, taken(), "ok token: not needed for a sandbox".to_owned()),
        (
            TokenFacts::Missing { error: "no token".into(), hint: "write one".into() },
            Server::NotAsked { why: "x" },
            "fail 78 token: no token | write one".into(),
        ),
        (found(false, None), taken(), format!("ok token: {from}; the server takes it")),
        (found(true, None), taken(), format!("ok token: {from}; the server takes it")),
        (found(false, None), expired(), format!("ok token: {from}; the server takes it")),
        (found(false, None), no_answer(), format!("ok token: {from}; not tried")),
        (
            found(true, None),
            no_answer(),
            format!(
                "warn token: {from}; not tried; it does not look like user:<digits>-<letters and \
                 digits> | compare it with the one on https://useapi.net"
            ),
        ),
        (
            found(false, file()),
            taken(),
            format!(
                "warn token: {from}; the server takes it; another token, from file /t, is not \
                 looked at | unset TAXIWAY_TOKEN"
            ),
        ),
        (
            found(false, file()),
            unauthorized(),
            format!(
                "fail 77 token: the server refuses the token {from}: Unauthorized | export \
                 TAXIWAY_TOKEN=user:…"
            ),
        ),
    ] {
        assert_eq!(told(&token(&found, &server)), line);
    }
}

#[test]
fn the_way_is_told_without_what_a_proxy_wants_to_know() {
    let proxies = vec![("HTTPS_PROXY", "proxy:3128".to_owned())];
    let mut way = Way { trust: Trust::NotNeeded, proxies, is_local: true };
    assert_eq!(
        told(&proxy(&way)),
        "ok proxy: not used: the server is on this machine (HTTPS_PROXY is proxy:3128)"
    );
    assert_eq!(told(&trust(&way)), "ok certificates: not needed: the server is on this machine");
    way.is_local = false;
    assert_eq!(told(&proxy(&way)), "ok proxy: HTTPS_PROXY is proxy:3128");
    let facts = Server::Asked(Box::new(well()));
    assert_eq!(told(&server(&facts, &way)[0]), "ok server: https://x/v1 answers, by the proxy");
    way.proxies.clear();
    assert_eq!(told(&proxy(&way)), "ok proxy: none is set");
    for (found, line) in [
        (Trust::Certificates { ca_file: None }, "ok certificates: those of the system"),
        (
            Trust::Certificates { ca_file: Some("/x.pem".into()) },
            "ok certificates: those of the system and of /x.pem",
        ),
        (
            Trust::Broken { error: "none".into(), hint: "install them".into() },
            "fail 78 certificates: none | install them",
        ),
    ] {
        way.trust = found;
        assert_eq!(told(&trust(&way)), line);
    }
}
