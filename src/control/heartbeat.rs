//! Calls an address of the user's choice as long as all is well, so that silence tells that it is not.
//!
//! Owns:
//! - it is called only when the loop has just turned and its step is on disk, nothing needs a person,
//!   nothing stops uploads, no folder is away, and nobody paused them;
//! - that nobody takes the call is told once, and that somebody does again; the address, which may be
//!   as good as a password, is not.

use std::sync::Arc;

use super::app::App;
use crate::api::{Beat, ClientError};
use crate::config::HeartbeatUrl;
use crate::planner::{Cause, Paused};

/// Calls while the server lasts.
pub(super) async fn beat(app: Arc<App>) {
    tokio::select! {
        () = app.ends() => {}
        () = beats(&app) => {}
    }
}

async fn beats(app: &Arc<App>) {
    let mut configs = app.configs();
    let mut unheard = Unheard::default();
    loop {
        let config = Arc::clone(&configs.borrow_and_update());
        let Some(url) = config.control.heartbeat_url.clone() else {
            unheard = Unheard::default();
            if configs.changed().await.is_err() {
                return;
            }
            continue;
        };
        let ca_file = config.api.ca_file.clone();
        let beat = Beat::new(url.as_str(), ca_file).map_err(|error| match error {
            ClientError::BadBaseUrl { reason, .. } => reason,
            other => other.to_string(),
        });
        loop {
            if is_well(app).await {
                let called = match &beat {
                    Ok(beat) => beat.call().await,
                    Err(why) => Err(why.clone()),
                };
                unheard.tell(&url, called);
            }
            tokio::select! {
                () = tokio::time::sleep(config.control.heartbeat_interval) => {}
                changed = configs.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
            }
        }
    }
}

/// Whether all is well.
async fn is_well(app: &Arc<App>) -> bool {
    // A step that is on disk.
    if app.grant(Vec::new()).await.is_err() {
        return false;
    }
    let Ok(view) = app.view().await else { return false };
    // A server that wants it slower gets it slower; that is no trouble.
    let stopped = view.stops.iter().any(|stop| stop.cause != Cause::Rate);
    let away = view.folders.iter().any(|folder| folder.mode == "away");
    // That it waits for the mains is what the configuration wants.
    let paused = matches!(view.paused, Some(Paused::Asked { .. }));
    if paused || stopped || away {
        return false;
    }
    let standing = app.standing.clone();
    let counted = tokio::task::spawn_blocking(move || standing.needs_person(&view)).await;
    matches!(counted, Ok(Ok(false)))
}

/// Why nobody took the last call, if nobody did.
#[derive(Debug, Default)]
struct Unheard(Option<String>);

impl Unheard {
    fn tell(&mut self, url: &HeartbeatUrl, called: Result<(), String>) {
        match (called, self.0.take()) {
            (Ok(()), None) => {}
            (Ok(()), Some(_)) => tracing::info!("heartbeat_url: {} is called again", url.origin()),
            (Err(why), before) => {
                if before.is_none() {
                    let origin = url.origin();
                    tracing::warn!(
                        "heartbeat_url: {origin} cannot be called: {why}; hint: taxiway config show"
                    );
                }
                self.0 = Some(why);
            }
        }
    }
}
