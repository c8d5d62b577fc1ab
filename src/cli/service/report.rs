//! What a command about a service did, for people at once and for programs at the end.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::cli::args::Common;
use crate::cli::output;
use crate::service::Kind;
use crate::text::shown;

/// What was done, and what is to be known.
pub struct Report {
    json: bool,
    quiet: bool,
    kind: Kind,
    said: Map<String, Value>,
    changes: usize,
}

impl Report {
    /// Of nothing yet.
    pub fn of(common: &Common, kind: Kind) -> Report {
        let quiet = common.quiet > 0;
        Report { json: common.json, quiet, kind, said: Map::new(), changes: 0 }
    }

    /// A file that was written or removed.
    pub fn changed(&mut self, word: &'static str, path: &Path) {
        self.changes += 1;
        self.say(word, shown(path));
    }

    /// A file that is as it should be.
    pub fn kept(&mut self, path: &Path) {
        self.say("kept", shown(path));
    }

    /// Something the manager did.
    pub fn did(&mut self, word: &'static str, what: &str) {
        self.changes += 1;
        self.say(word, what.to_owned());
    }

    /// Something a person should know.
    pub fn note(&mut self, text: impl Into<String>) {
        self.say("note", text.into());
    }

    /// How many things were changed.
    pub fn changes(&self) -> usize {
        self.changes
    }

    /// What is said under a word.
    pub fn say(&mut self, word: &'static str, text: String) {
        if !self.json && !self.quiet {
            output::line(&format!("{word:<9} {text}"));
            output::flush();
        }
        let texts = self.said.entry(word).or_insert_with(|| json!([]));
        if let Value::Array(texts) = texts {
            texts.push(text.into());
        }
    }

    /// Says what to type next, and what programs are told.
    pub fn end(mut self, next: &str) {
        if self.json {
            self.said.insert("schema".into(), json!(1));
            self.said.insert("service".into(), json!(self.kind.as_str()));
            self.said.insert("next".into(), json!(next));
            output::line(&Value::Object(self.said).to_string());
            output::flush();
        } else {
            self.say("next", next.to_owned());
        }
    }
}
