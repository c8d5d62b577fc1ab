//! Pairs as people and programs read them.

use serde_json::{Value, json};

use crate::planner::Offered;
use crate::text::{escaped, shown};

use super::local::Wanted;
use crate::cli::args::Common;
use crate::cli::output;
use crate::cli::row::{path_hex, time};

/// What is told of a content and an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// The bytes are equal.
    Certain,
    /// The names are.
    Guess,
    /// Another asset of the same bytes.
    Double,
    /// Several fit, and their bytes cannot be compared.
    Unclear,
}

impl Word {
    fn as_str(self) -> &'static str {
        match self {
            Word::Certain => "certain",
            Word::Guess => "guess",
            Word::Double => "double",
            Word::Unclear => "unclear",
        }
    }
}

/// One line.
#[derive(Debug)]
pub struct Told<'a> {
    /// What.
    pub word: Word,
    /// The content.
    pub wanted: &'a Wanted,
    /// The account's e-mail.
    pub account: Option<&'a str>,
    /// The asset, if it is one.
    pub offer: Option<&'a Offered>,
    /// It is the upload's from now on, or would be.
    pub adopted: bool,
    /// In words; none where the word says it all.
    pub reason: Option<String>,
}

/// Prints it.
pub fn tell(common: &Common, told: &Told<'_>) {
    let line = if common.json { told.json().to_string() } else { told.line() };
    output::line(&line);
    output::flush();
}

impl Told<'_> {
    fn line(&self) -> String {
        let path = shown(&self.wanted.shown());
        let asset = self.offer.map(|offer| format!(" ← {}", offer.listed.asset.asset_id));
        let why = self.reason.as_ref().map(|reason| format!(": {}", escaped(reason)));
        let word = self.word.as_str();
        format!("{word:<8} {path}{}{}", asset.unwrap_or_default(), why.unwrap_or_default())
    }

    fn json(&self) -> Value {
        let Told { wanted, offer, .. } = self;
        let listed = offer.map(|offer| &offer.listed);
        let path = wanted.path.as_deref();
        let mut object = json!({
            "schema": 1,
            "pair": self.word.as_str(),
            "adopted": self.adopted,
            "path": path.map(|path| path.to_string_lossy()),
            "account": self.account,
            "hash": wanted.content.hash.to_string(),
            "size": wanted.content.size,
            "media_type": wanted.content.media_type.as_str(),
            "asset_id": listed.map(|listed| &listed.asset.asset_id),
            "asset_url": listed.and_then(|listed| listed.asset.url.as_ref()),
            "name": listed.and_then(|listed| listed.name.as_ref()),
            "created_at": listed.and_then(|listed| listed.created_at).map(time),
            "reason": self.reason,
        });
        if let (Some(hex), Some(fields)) = (path.and_then(path_hex), object.as_object_mut()) {
            fields.insert("path_hex".into(), json!(hex));
        }
        object
    }
}
