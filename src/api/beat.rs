//! A call to an address that is not the API's, to say that all is well.
//!
//! Owns:
//! - it carries nothing: no token, no body, no name of anything.

use std::path::PathBuf;
use std::time::Duration;

use super::client::{ClientError, plain_client};
use super::words;

/// How long a call may take in all.
const PATIENCE: Duration = Duration::from_secs(10);

/// The way to such an address.
#[derive(Debug, Clone)]
pub struct Beat {
    http: reqwest::Client,
    url: String,
}

impl Beat {
    /// Nothing is called yet. `ca_file`: certificates to trust besides the system's.
    ///
    /// # Errors
    /// If no client can be built.
    pub fn new(url: &str, ca_file: Option<PathBuf>) -> Result<Beat, ClientError> {
        Ok(Beat { http: plain_client(url, PATIENCE, ca_file)?, url: url.to_owned() })
    }

    /// Calls it once.
    ///
    /// # Errors
    /// In words that do not repeat the address: why nobody took the call.
    pub async fn call(&self) -> Result<(), String> {
        let answer = self.http.get(&self.url).timeout(PATIENCE).send().await;
        match answer {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("it answers {}", answer.status().as_u16())),
            Err(error) => Err(words::of_error(&error.without_url())),
        }
    }
}
