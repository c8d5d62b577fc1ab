//! Who may come in over TCP, and to what.
//!
//! Owns:
//! - only what names this machine as its host is heard, so that no name of the web that comes to
//!   mean this machine gets in; and no page of another site is, nor of another port;
//! - a browser's key is of no use to another user of this machine, nor at another address;
//! - without the token nothing is told but whether the daemon is healthy; a browser that was let in
//!   shows its key instead, and changes nothing without a header that no form and no foreign page can
//!   send;
//! - every answer says that it is nothing to be framed, guessed at, kept, or read by others.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, COOKIE, HOST, HeaderName, ORIGIN,
    REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, Request};
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};

use super::page::{self, Entered, Keys};
use super::refusal::{No, Refusal};
use super::routes::refused;
use super::whence::Owner;
use crate::hash::hash_of;
use crate::text::shell_word;

/// What the page sends with each wish.
const PAGES_OWN: (HeaderName, &str) = (HeaderName::from_static("x-taxiway"), "page");
/// Whose page a browser says that it asks for.
pub(super) const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who may come in.
#[derive(Debug)]
pub(super) struct Guard {
    address: SocketAddr,
    /// None where only the page is meant to come in.
    token: Option<Token>,
    keys: Arc<Keys>,
}

#[derive(Debug)]
struct Token {
    /// The hash of the token: what is compared says nothing of it, however long that takes.
    hash: RwLock<[u8; 32]>,
    file: PathBuf,
}

impl Guard {
    /// For those who show the token, and for the page.
    pub(super) fn new(
        address: SocketAddr,
        file: &Path,
        token: &SecretString,
        keys: Arc<Keys>,
    ) -> Guard {
        let hash = RwLock::new(hashed(token.expose_secret()));
        Guard { address, token: Some(Token { hash, file: file.to_owned() }), keys }
    }

    /// For the page alone.
    pub(super) fn of_page(address: SocketAddr, keys: Arc<Keys>) -> Guard {
        Guard { address, token: None, keys }
    }

    pub(super) fn take(&self, new: &SecretString) {
        if let Some(token) = &self.token {
            let new = hashed(new.expose_secret());
            *token.hash.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
    }

    /// The name of a browser's key: cookies of all ports of a host are one another's.
    pub(super) fn cookie(&self) -> String {
        format!("taxiway_{}", self.address.port())
    }

    /// Whether a request may come in.
    ///
    /// # Errors
    /// Why it may not.
    pub(super) fn admit<B>(&self, request: &Request<B>, owner: Owner) -> Result<(), Refusal> {
        let here = format!("http://{}", self.address);
        let host = single(request, HOST).filter(|host| self.is_here(host));
        let target = request.uri().authority().is_none_or(|it| self.is_here(it.as_str()));
        if host.is_none() || !target {
            let words = "the request is meant for another host";
            return Err(Refusal::new(No::Foreign, words, format!("curl {here}/healthz")));
        }
        let mut origins = request.headers().get_all(ORIGIN).iter();
        let ours = |origin: &HeaderValue| {
            let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
            origin.is_some_and(|host| self.is_here(host))
        };
        if !origins.all(ours) {
            return Err(foreign(&here));
        }
        let path = request.uri().path();
        // A page of another port of this host is another site, too, though its requests bring cookies.
        // A link to the page, or to a way in, may stand anywhere.
        let site = single(request, FETCH_SITE);
        if site.is_some_and(|site| !["same-origin", "none"].contains(&site)) && !page::is_door(path)
        {
            return Err(foreign(&here));
        }
        let read = request.method() == Method::GET;
        let health = path == "/healthz" && request.uri().query().is_none();
        if read && (health || page::is_open(path)) || self.knows(single(request, AUTHORIZATION)) {
            return Ok(());
        }
        if !self.knows_browser(request.headers(), owner) {
            let is_browser = self.shown(request.headers()).next().is_some();
            return Err(self.stranger(&here, is_browser || page::is_of_page(path)));
        }
        if !page::is_for_page(path) {
            let words = "a browser's key is for what the page asks, and no more";
            return Err(Refusal::new(No::Foreign, words, format!("open {here}")));
        }
        let (header, value) = PAGES_OWN;
        if read || request.method() == Method::HEAD || single(request, header) == Some(value) {
            return Ok(());
        }
        let words = "the page sends its wishes with the header X-Taxiway: page";
        Err(Refusal::new(No::Foreign, words, format!("open {here}")))
    }

    fn stranger(&self, here: &str, is_browser: bool) -> Refusal {
        match (&self.token, is_browser) {
            (Some(token), false) => {
                let hint = format!(
                    "curl -H \"Authorization: Bearer $(cat {})\" {here}/v1/status",
                    shell_word(&token.file)
                );
                Refusal::new(No::Stranger, "the control token is missing or wrong", hint)
            }
            (_, _) => {
                let words = "this page's key is missing or has expired";
                Refusal::new(No::Stranger, words, "taxiway ui")
            }
        }
    }

    /// `localhost` or a loopback address, and our port.
    fn is_here(&self, host: &str) -> bool {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
            _ => (host, Some(80)),
        };
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let loopback = bare.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        port == Some(self.address.port()) && (loopback || name.eq_ignore_ascii_case("localhost"))
    }

    fn knows(&self, authorization: Option<&str>) -> bool {
        let shown = authorization.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        let (Some(shown), Some(token)) = (shown, &self.token) else { return false };
        let token = token.hash.read().unwrap_or_else(PoisonError::into_inner);
        let pairs = token.iter().zip(hashed(shown));
        pairs.fold(0, |differing, (ours, theirs)| differing | (ours ^ theirs)) == 0
    }

    /// Whether a browser shows a key that holds for its user; it holds on from now.
    pub(super) fn knows_browser(&self, headers: &HeaderMap, owner: Owner) -> bool {
        self.shown(headers).any(|key| self.keys.knows(key, owner))
    }

    /// What comes of showing a key for the way in.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub(super) fn enter(&self, once: &str, owner: Owner) -> std::io::Result<Entered> {
        self.keys.enter(once, owner)
    }

    /// The keys that a browser shows; more than one if another server of this host set one as well.
    fn shown<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        let name = self.cookie();
        let headers = headers.get_all(COOKIE).iter();
        let cookies = headers.filter_map(|header| header.to_str().ok());
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(move |cookie| {
            let (key, value) = cookie.trim().split_once('=')?;
            (key == name).then_some(value)
        })
    }
}

fn foreign(here: &str) -> Refusal {
    let words = "the request comes from a page of another site";
    Refusal::new(No::Foreign, words, format!("open {here}"))
}

/// The answer to who may not come in. `path`: what was asked for.
pub(super) fn kept_out(refusal: &Refusal, path: &str) -> Response {
    if refusal.status == 401 && path == "/" {
        let why = "A key ends when taxiway does, and a day after its last use. Another comes with";
        return page::words(401, "This page needs a key", why);
    }
    let mut response = refused(refusal);
    if refusal.status == 401 {
        let how = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(WWW_AUTHENTICATE, how);
    }
    response
}

/// What a browser is told about every answer.
pub(super) fn sealed(mut response: Response) -> Response {
    const SEALS: [(HeaderName, &str); 6] = [
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in SEALS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// A header that comes once, and is text.
fn single<B>(request: &Request<B>, name: HeaderName) -> Option<&str> {
    let mut values = request.headers().get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        (_, _) => None,
    }
}

fn hashed(token: &str) -> [u8; 32] {
    hash_of(token.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody of whom nothing is known.
    const FROM: Owner = Owner::Untold;

    fn guard() -> Guard {
        let token = SecretString::from("a-token-of-some-length");
        let (address, file) = ("127.0.0.1:7447".parse().unwrap(), Path::new("/s/control-token"));
        Guard::new(address, file, &token, Arc::default())
    }

    fn admitted(path: &str, headers: &[(&str, &str)]) -> Result<(), u16> {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        guard().admit(&request.body(()).unwrap(), FROM).map_err(|refusal| refusal.status)
    }

    #[test]
    fn only_this_machine_may_be_meant() {
        for (host, meant) in [
            ("127.0.0.1:7447", true),
            ("localhost:7447", true),
            ("LOCALHOST:7447", true),
            ("[::1]:7447", true),
            ("127.9.9.9:7447", true),
            ("127.0.0.1", false),
            ("127.0.0.1:7448", false),
            ("localhost", false),
            ("evil.example:7447", false),
            ("127.0.0.1.evil.example:7447", false),
            ("localhost.evil.example:7447", false),
            ("192.168.0.1:7447", false),
            ("0.0.0.0:7447", false),
            ("[::1]", false),
            ("user@localhost:7447", false),
            (":7447", false),
            ("", false),
        ] {
            assert_eq!(admitted("/healthz", &[("host", host)]).is_ok(), meant, "{host}");
        }
        assert_eq!(admitted("/healthz", &[]), Err(403));
        let here = ("host", "127.0.0.1:7447");
        assert_eq!(admitted("/healthz", &[here, here]), Err(403), "twice");
        assert_eq!(admitted("http://evil.example/healthz", &[here]), Err(403));
        assert_eq!(admitted("http://127.0.0.1:7447/healthz", &[here]), Ok(()));
    }

    #[test]
    fn a_page_of_another_site_is_kept_out_though_it_had_the_token() {
        let (here, token) =
            (("host", "127.0.0.1:7447"), ("authorization", "Bearer a-token-of-some-length"));
        let from = |origin| admitted("/v1/status", &[here, token, ("origin", origin)]);
        assert_eq!(from("http://127.0.0.1:7447"), Ok(()));
        assert_eq!(from("http://localhost:7447"), Ok(()));
        for foreign in
            ["https://evil.example", "http://127.0.0.1:8000", "https://127.0.0.1:7447", "null"]
        {
            assert_eq!(from(foreign), Err(403), "{foreign}");
        }
    }

    #[test]
    fn without_the_token_nothing_is_told_but_health() {
        let here = ("host", "127.0.0.1:7447");
        let shown = |value| admitted("/v1/status", &[here, ("authorization", value)]);
        assert_eq!(shown("Bearer a-token-of-some-length"), Ok(()));
        assert_eq!(shown("bearer  a-token-of-some-length"), Ok(()));
        for wrong in [
            "Bearer a-token-of-some-lengtH",
            "Bearer a-token-of-some-length-and-more",
            "Bearer a-token-of-some",
            "Bearer ",
            "Bearer",
            "Basic a-token-of-some-length",
            "a-token-of-some-length",
        ] {
            assert_eq!(shown(wrong), Err(401), "{wrong}");
        }
        assert_eq!(admitted("/v1/status", &[here]), Err(401));
        assert_eq!(admitted("/healthz", &[here]), Ok(()));
        assert_eq!(admitted("/healthz?strict", &[here]), Err(401));
        assert_eq!(admitted("/healthz/../v1/status", &[here]), Err(401));
    }

    /// A guard, and the cookie of a browser that was let in.
    fn visited() -> (Guard, String) {
        let guard = guard();
        let once = guard.keys.offer(FROM).unwrap();
        let Ok(Entered::In(key)) = guard.enter(&once, FROM) else { panic!("it is let in") };
        let cookie = format!("other=1; {}={key}; more=2", guard.cookie());
        (guard, cookie)
    }

    fn asked(guard: &Guard, request: &str, headers: &[(&str, &str)]) -> Result<(), u16> {
        let (method, path) = request.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("host", "127.0.0.1:7447");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        guard.admit(&request.body(()).unwrap(), FROM).map_err(|refusal| refusal.status)
    }

    #[test]
    fn a_browser_that_was_let_in_sees_everything_and_changes_nothing_by_accident() {
        let (guard, cookie) = visited();
        let browser = ("cookie", cookie.as_str());
        for request in ["GET /", "GET /v1/status", "GET /v1/events", "GET /ui/rows", "HEAD /"] {
            assert_eq!(asked(&guard, request, &[browser]), Ok(()), "{request}");
            assert_eq!(asked(&guard, request, &[]), Err(401), "{request}");
        }
        let page = ("x-taxiway", "page");
        for request in [
            "POST /v1/push",
            "POST /v1/reload",
            "POST /v1/forget",
            "GET /v1/why?path=/etc/passwd",
            "GET /v1/ledger",
            "GET /metrics",
            "GET /nowhere",
        ] {
            assert_eq!(asked(&guard, request, &[browser, page]), Err(403), "{request}");
        }
        for request in ["POST /v1/pause", "POST /ui/drop", "PUT /ui/drop", "OPTIONS /v1/pause"] {
            assert_eq!(asked(&guard, request, &[browser]), Err(403), "{request}");
            assert_eq!(asked(&guard, request, &[browser, ("x-taxiway", "form")]), Err(403));
            assert_eq!(asked(&guard, request, &[page]), Err(401), "{request}");
            assert_eq!(asked(&guard, request, &[browser, page]), Ok(()), "{request}");
        }
    }

    #[test]
    fn pages_of_other_sites_and_ports_get_nothing_but_the_door() {
        let (guard, cookie) = visited();
        for site in ["cross-site", "same-site"] {
            let browser = [("cookie", cookie.as_str()), ("sec-fetch-site", site)];
            for (path, status) in [
                ("/", Ok(())),
                ("/ui/enter?once=1", Ok(())),
                ("/healthz", Err(403)),
                ("/ui/app.js", Err(403)),
                ("/ui/rows", Err(403)),
                ("/v1/events", Err(403)),
            ] {
                assert_eq!(
                    asked(&guard, &format!("GET {path}"), &browser),
                    status,
                    "{site} {path}"
                );
            }
        }
    }

    #[test]
    fn a_browser_is_known_by_its_own_key_alone() {
        let (guard, cookie) = visited();
        let known = |cookie: &str| asked(&guard, "GET /v1/status", &[("cookie", cookie)]);
        assert_eq!(known(&cookie), Ok(()));
        let key = cookie.split(['=', ';']).nth(3).unwrap();
        // Another server of this machine may have set one of that name, too.
        assert_eq!(known(&format!("taxiway_7447=forged; taxiway_7447={key}")), Ok(()));
        for wrong in [
            format!("taxiway_7448={key}"),
            format!("taxiway_7447={key}0"),
            format!("taxiway_7447={}", key.to_uppercase()),
            format!("x_taxiway_7447={key}"),
            "taxiway_7447=".to_owned(),
            key.to_owned(),
            String::new(),
        ] {
            assert_eq!(known(&wrong), Err(401), "{wrong}");
        }
        let bearer = format!("Bearer {key}");
        let shown = asked(&guard, "GET /v1/status", &[("authorization", &bearer)]);
        assert_eq!(shown, Err(401), "it is no token");
    }

    #[test]
    fn a_page_of_another_port_or_site_has_no_use_of_the_browsers_key() {
        let (guard, cookie) = visited();
        let (browser, page) = (("cookie", cookie.as_str()), ("x-taxiway", "page"));
        for site in ["cross-site", "same-site", ""] {
            let site = ("sec-fetch-site", site);
            assert_eq!(asked(&guard, "GET /ui/thumb?id=1", &[browser, site]), Err(403), "{site:?}");
            assert_eq!(
                asked(&guard, "POST /ui/drop", &[browser, page, site]),
                Err(403),
                "{site:?}"
            );
            assert_eq!(asked(&guard, "GET /", &[browser, site]), Ok(()), "a link to the page");
        }
        for site in ["same-origin", "none"] {
            let site = ("sec-fetch-site", site);
            assert_eq!(asked(&guard, "POST /ui/drop", &[browser, page, site]), Ok(()), "{site:?}");
        }
        for origin in ["http://127.0.0.1:8000", "https://evil.example", "null"] {
            let origin = ("origin", origin);
            assert_eq!(asked(&guard, "POST /ui/drop", &[browser, page, origin]), Err(403));
            assert_eq!(asked(&guard, "GET /ui/enter?once=1", &[origin]), Err(403), "{origin:?}");
        }
    }

    #[test]
    fn a_guard_of_the_page_alone_takes_no_token() {
        let keys: Arc<Keys> = Arc::default();
        let guard = Guard::of_page("127.0.0.1:7447".parse().unwrap(), Arc::clone(&keys));
        let bearer = ("authorization", "Bearer a-token-of-some-length");
        assert_eq!(asked(&guard, "GET /v1/status", &[bearer]), Err(401));
        assert_eq!(asked(&guard, "GET /v1/status", &[("authorization", "Bearer ")]), Err(401));
        let once = keys.offer(FROM).unwrap();
        let Ok(Entered::In(key)) = keys.enter(&once, FROM) else { panic!("it is let in") };
        let cookie = format!("taxiway_7447={key}");
        assert_eq!(asked(&guard, "GET /v1/status", &[("cookie", &cookie)]), Ok(()));
    }
}
