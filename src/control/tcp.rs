//! TCP beside the socket: for programs of this machine that show the control token.
//!
//! Owns:
//! - without the setting, or a person who asks for the page, nothing listens;
//! - the token is ours alone;
//! - an address that cannot be had keeps nothing else from running, and is tried again.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::app::App;
use super::guard::Guard;
use super::page::{Keys, Open, random};
use super::routes;
use super::server::{Bounds, Door, serve};
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
            app.page.fixed.send_replace(None);
            tokio::select! {
                () = cancel.cancelled() => return,
                Ok(()) = configs.changed() => continue,
                else => return,
            }
        };
        let state_dir = config.state_dir.clone();
        let keys = Arc::<Keys>::default();
        let (listener, guard) = match open(address, &state_dir, Arc::clone(&keys)).await {
            Ok(opened) => opened,
            Err(why) => {
                app.page.fixed.send_replace(Some(Err(why.clone())));
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
        let door = Door { router: routes::of_tcp(Arc::clone(&app)), guard: Some(guard.clone()) };
        app.page.fixed.send_replace(Some(Ok(Open { address, keys })));
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

/// Listens for the page, once somebody asks for it and the configuration names no address; on, to
/// the end.
pub(super) async fn listen_for_page(app: Arc<App>, bounds: Bounds, cancel: CancellationToken) {
    let mut wanted = app.page.wanted.subscribe();
    let (listener, address) = loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            Ok(()) = wanted.changed() => {}
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        match listener.and_then(|listener| listener.local_addr().map(|here| (listener, here))) {
            Ok(opened) => break opened,
            Err(error) => {
                let why = format!("nothing can listen on 127.0.0.1: {}", reason(&error));
                app.page.own.send_replace(Some(Err(why)));
            }
        }
    };
    tracing::info!("listening on http://{address} for the page");
    let keys = Arc::<Keys>::default();
    let guard = Arc::new(Guard::of_page(address, Arc::clone(&keys)));
    let door = Door { router: routes::of_tcp(Arc::clone(&app)), guard: Some(guard) };
    app.page.own.send_replace(Some(Ok(Open { address, keys })));
    serve(listener, door, bounds, cancel).await;
}

async fn open(
    address: SocketAddr,
    state_dir: &Path,
    keys: Arc<Keys>,
) -> Result<(TcpListener, Arc<Guard>), String> {
    let token = token(state_dir)?;
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| format!("{address}: {}", reason(&error)))?;
    Ok((listener, Arc::new(Guard::new(address, &state_dir.join(TOKEN_FILE), &token, keys))))
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
    let token = random(TOKEN_BYTES)?;
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
