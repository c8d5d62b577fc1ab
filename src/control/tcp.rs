//! TCP beside the socket: for programs of this machine that show the control token.
//!
//! Owns:
//! - only what names this machine as its host is heard, so that no name of the web that comes to
//!   mean this machine gets in; and no page of another site is;
//! - without the token nothing is told but whether the daemon is healthy;
//! - an address that cannot be had keeps nothing else from running, and is tried again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, Request};
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::refusal::{No, Refusal};
use super::routes::{self, App, refused};
use super::server::{Bounds, Door, serve};
use crate::hash::hash_of;
use crate::text::{reason, shell_word, shown};

/// The file of the token, in the state directory.
const TOKEN_FILE: &str = "control-token";
/// How often an address that cannot be had is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// The token that is made here, in random bytes.
const TOKEN_BYTES: usize = 32;
/// The least that a token of somebody else's making must have, in characters.
const TOKEN_LEAST: usize = 16;
/// The most that is read of the file, in bytes.
const TOKEN_MOST: u64 = 1_024;

/// Listens where the configuration says, for as long as it says so.
pub(super) async fn listen(app: Arc<App>, bounds: Bounds, cancel: CancellationToken) {
    let mut configs = app.configs();
    let mut warned = None;
    loop {
        let config = Arc::clone(&configs.borrow_and_update());
        let Some(address) = config.control.listen else {
            warned = None;
            tokio::select! {
                () = cancel.cancelled() => return,
                Ok(()) = configs.changed() => continue,
                else => return,
            }
        };
        let state_dir = config.state_dir.clone();
        let (listener, guard) = match open(address, &state_dir).await {
            Ok(opened) => opened,
            Err(why) => {
                if warned.as_ref() != Some(&why) {
                    tracing::warn!("[control] listen: {why}; it is tried again and again");
                    warned = Some(why);
                }
                tokio::select! {
                    () = cancel.cancelled() => return,
                    Ok(()) = configs.changed() => {}
                    () = tokio::time::sleep(RETRY) => {}
                }
                continue;
            }
        };
        warned = None;
        let file = shown(&state_dir.join(TOKEN_FILE));
        tracing::info!("listening on http://{address}, for those who show the token of {file}");
        let door = Door { router: routes::router(Arc::clone(&app)), guard: Some(guard.clone()) };
        let here = cancel.child_token();
        let serving = serve(listener, door, bounds, here.clone());
        tokio::pin!(serving);
        loop {
            tokio::select! {
                () = &mut serving => return,
                Ok(()) = configs.changed() => {
                    if configs.borrow().control.listen != Some(address) {
                        here.cancel();
                        serving.await;
                        break;
                    }
                    // A reload is also how another token is taken up.
                    match token(&state_dir) {
                        Ok(token) => guard.take(&token),
                        Err(why) => tracing::warn!("{why}; the token from before holds"),
                    }
                }
            }
        }
    }
}

async fn open(address: SocketAddr, state_dir: &Path) -> Result<(TcpListener, Arc<Guard>), String> {
    let token = token(state_dir)?;
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| format!("{address}: {}", reason(&error)))?;
    Ok((listener, Arc::new(Guard::new(address, state_dir, &token))))
}

/// Who may come in.
#[derive(Debug)]
pub(super) struct Guard {
    address: SocketAddr,
    /// The hash of the token: what is compared says nothing of it, however long that takes.
    token: RwLock<[u8; 32]>,
    file: PathBuf,
}

impl Guard {
    fn new(address: SocketAddr, state_dir: &Path, token: &SecretString) -> Guard {
        let token = RwLock::new(hashed(token.expose_secret()));
        Guard { address, token, file: state_dir.join(TOKEN_FILE) }
    }

    fn take(&self, token: &SecretString) {
        let token = hashed(token.expose_secret());
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// Whether a request may come in.
    ///
    /// # Errors
    /// Why it may not.
    pub(super) fn admit<B>(&self, request: &Request<B>) -> Result<(), Refusal> {
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
            let words = "the request comes from a page of another site";
            return Err(Refusal::new(No::Foreign, words, format!("open {here}")));
        }
        let health = request.method() == Method::GET
            && request.uri().path() == "/healthz"
            && request.uri().query().is_none();
        if health || self.knows(single(request, AUTHORIZATION)) {
            return Ok(());
        }
        let hint = format!(
            "curl -H \"Authorization: Bearer $(cat {})\" {here}/v1/status",
            shell_word(&self.file)
        );
        Err(Refusal::new(No::Stranger, "the control token is missing or wrong", hint))
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
        let Some(shown) = shown else { return false };
        let token = self.token.read().unwrap_or_else(PoisonError::into_inner);
        let pairs = token.iter().zip(hashed(shown));
        pairs.fold(0, |differing, (ours, theirs)| differing | (ours ^ theirs)) == 0
    }
}

/// The answer to who may not come in.
pub(super) fn kept_out(refusal: &Refusal) -> Response {
    let mut response = refused(refusal);
    if refusal.status == 401 {
        let how = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(WWW_AUTHENTICATE, how);
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

/// The token of the state directory; made if there is none.
fn token(state_dir: &Path) -> Result<SecretString, String> {
    let path = state_dir.join(TOKEN_FILE);
    let named = |why: &str| format!("the control token {} {why}", shown(&path));
    let failed = |error: io::Error| named(&format!("cannot be used: {}", reason(&error)));
    let file = match OpenOptions::new().read(true).custom_flags(no_follow()).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(state_dir, &path).map_err(failed)?;
            File::open(&path).map_err(failed)?
        }
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(named("is no file"));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        let why = format!("can be read by others; hint: chmod 600 {}", shell_word(&path));
        return Err(named(&why));
    }
    let mut text = String::new();
    file.take(TOKEN_MOST).read_to_string(&mut text).map_err(failed)?;
    let token = SecretString::from(text.trim());
    let long = token.expose_secret().len() >= TOKEN_LEAST;
    if !long || !token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) {
        let why = format!(
            "is not one of {TOKEN_LEAST} characters at least; hint: rm {}, and it is made anew",
            shell_word(&path)
        );
        return Err(named(&why));
    }
    Ok(token)
}

/// Opened, a FIFO would wait and a link lead elsewhere.
fn no_follow() -> i32 {
    (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed()
}

/// Makes a token from what the system's source of randomness gives: whole, or not at all.
fn make(state_dir: &Path, path: &Path) -> io::Result<()> {
    let mut random = [0; TOKEN_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    let token: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let new = state_dir.join(format!("{TOKEN_FILE}.new"));
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    writeln!(file, "{token}")?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let token = SecretString::from("a-token-of-some-length");
        Guard::new("127.0.0.1:7447".parse().unwrap(), Path::new("/s"), &token)
    }

    fn admitted(path: &str, headers: &[(&str, &str)]) -> Result<(), u16> {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        guard().admit(&request.body(()).unwrap()).map_err(|refusal| refusal.status)
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

    #[test]
    fn a_token_is_made_once_is_ours_alone_and_is_never_the_same() {
        let made = || {
            let state = tempfile::tempdir().unwrap();
            let one = token(state.path()).unwrap();
            let mode = std::fs::metadata(state.path().join(TOKEN_FILE)).unwrap().permissions();
            assert_eq!(mode.mode() & 0o777, 0o600);
            assert_eq!(one.expose_secret().len(), 64);
            assert_eq!(one.expose_secret(), token(state.path()).unwrap().expose_secret());
            one
        };
        assert_ne!(made().expose_secret(), made().expose_secret());
    }

    #[test]
    fn a_token_that_others_can_read_or_guess_is_not_used() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join(TOKEN_FILE);
        let refused = |text: &str, mode| {
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            token(state.path()).map(|_| ())
        };
        let named = format!("the control token {}", path.display());
        assert_eq!(refused("0123456789abcdef\n", 0o600), Ok(()));
        let open = format!("{named} can be read by others; hint: chmod 600 {}", path.display());
        assert_eq!(refused("0123456789abcdef\n", 0o640), Err(open));
        for guessed in ["", "0123456789abcde", "0123456789abcde\u{e9}", "01234567 89abcdef"] {
            assert!(refused(guessed, 0o600).unwrap_err().contains("is not one of 16"), "{guessed}");
        }
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(token(state.path()).is_err(), "a link is not followed");
    }
}
