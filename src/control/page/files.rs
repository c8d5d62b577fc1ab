//! The files of the page, as they lie in `src/page`.
//!
//! Owns:
//! - all of them are in the program, and nothing else is served beside them.

use axum::body::Body;
use axum::extract::Path;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;

use crate::control::refusal::{No, Refusal};
use crate::control::routes::refused;

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A name, its media type, and its bytes.
type Embedded = (&'static str, &'static str, &'static [u8]);

macro_rules! embedded {
    ($($name:literal: $kind:expr),+ $(,)?) => {
        &[$(($name, $kind, include_bytes!(concat!("../../page/", $name)))),+]
    };
}

const INDEX: Embedded =
    ("index.html", "text/html; charset=utf-8", include_bytes!("../../page/index.html"));

const FILES: &[Embedded] = embedded! {
    "style.css": "text/css; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "app.js": SCRIPT,
    "dom.js": SCRIPT,
    "drop.js": SCRIPT,
    "ledger.js": SCRIPT,
    "net.js": SCRIPT,
    "panel.js": SCRIPT,
    "plot.js": SCRIPT,
    "words.js": SCRIPT,
};

/// Whether a path is of a file of the page, or of the way in: these are for everybody of this machine.
pub(in crate::control) fn is_open(path: &str) -> bool {
    let name = path.strip_prefix("/ui/");
    name.is_some_and(|name| name == "enter" || FILES.iter().any(|file| file.0 == name))
}

/// `GET /`.
pub(super) async fn index() -> Response {
    respond(INDEX)
}

/// `GET /ui/NAME`.
pub(super) async fn file(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|file| file.0 == name) {
        Some(file) => respond(*file),
        None => refused(&Refusal::new(No::Nowhere, "there is no such path", "taxiway --help")),
    }
}

fn respond((_, kind, bytes): Embedded) -> Response {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_in_the_program_and_together_they_are_small() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/page");
        let mut there: Vec<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let mut embedded: Vec<&str> = FILES.iter().chain([&INDEX]).map(|file| file.0).collect();
        there.sort();
        embedded.sort_unstable();
        assert_eq!(embedded, there);
        let bytes: usize = FILES.iter().chain([&INDEX]).map(|file| file.2.len()).sum();
        assert!(bytes < 100_000, "{bytes} bytes");
    }

    #[test]
    fn nothing_but_files_and_the_way_in_is_open() {
        for open in ["/ui/enter", "/ui/style.css", "/ui/app.js"] {
            assert!(is_open(open), "{open}");
        }
        for path in ["/", "/ui/", "/ui", "/ui/rows", "/ui/index.html", "/ui/../ui/app.js", "app.js"]
        {
            assert!(!is_open(path), "{path}");
        }
    }
}
