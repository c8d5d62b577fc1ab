//! The pictures of the page in the documentation, and the page with something nice on it.

use std::path::Path;

use super::driver::Browser;
use super::pictures::{SCENES, painted};
use super::{large, row};
use crate::support::{Server, Taxiway, media, picture, section, sparse_wav, write};

#[test]
fn the_page_is_pictured_with_pictures_on_it() {
    let Some(browser) = Browser::start() else { return };
    let server = Server::of(&["me@example.com", "studio@example.com"]);
    let taxiway = Taxiway::with(&server);
    let (runway, footage) = (taxiway.folder("Runway"), taxiway.folder("Footage"));
    taxiway.configure(&format!(
        "[api]\nconcurrency = 2\n{}email = \"me@example.com\"\nsettle = \"50ms\"\n\
         {}email = \"studio@example.com\"\nsettle = \"50ms\"\nmode = \"poll\"\npoll_interval = \"200ms\"\n",
        section(&runway),
        section(&footage)
    ));
    // So that there is something to plot: a morning's work, of which the files are gone.
    write(&runway.join("first.gif"), &picture(1, 1_000));
    taxiway.once().exits(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time");
    let at = format!("{} - 120000 - n * 41000 - (n * n * 7919) % 240000", now.as_millis());
    large::fill(&taxiway, 90, &at, "900000 + (n * n * 104729) % 23000000");
    let mut daemon = taxiway.daemon();
    let mut put = |path: &Path, bytes: &[u8], event: &str| {
        write(path, bytes);
        daemon.event_of(event, path);
    };
    put(
        &footage.join("theme.flac"),
        &std::fs::read(media("sound.flac")).expect("a sound"),
        "uploaded",
    );
    put(&runway.join("notes.txt"), b"words", "ignored");
    put(
        &footage.join("walk cycle.mkv"),
        &std::fs::read(media("film.mkv")).expect("a film"),
        "uploaded",
    );
    for (name, scene) in SCENES {
        put(&runway.join(name), &painted(scene, 480, 300), "uploaded");
    }
    browser.theme("light");
    browser.width(1_280, 1_230);
    browser.visit(&taxiway);
    as_at_home(&browser, &taxiway);
    // Two go out while it is pictured.
    server.faults(&["bandwidth=700KB/s"]);
    for (name, bytes) in [("take 3.wav", 28_000_000), ("take 4.wav", 19_000_000)] {
        sparse_wav(&taxiway.path(name), bytes);
        std::fs::rename(taxiway.path(name), runway.join(name)).expect("renamed");
    }
    browser.until("two go out", "document.querySelectorAll('#uploading li').length === 2");
    browser.until("listed", &format!("{} === 'uploading'", row("take 4.wav", ".pill")));
    browser.until("how fast", "/ MB.s$/.test(document.getElementById('speed').textContent)");
    browser.until("pictures", "document.querySelectorAll('#rows .pic img').length >= 6");
    for theme in ["light", "dark"] {
        browser.theme(theme);
        keep(&browser, &format!("page-{theme}"));
    }
    browser.theme("light");
    browser.until("a picture", &format!("{} === 'uploaded'", row("aurora 02.png", ".pill")));
    browser.value("[...document.querySelectorAll('#rows .row')].find((row) => row.querySelector('.name').textContent === 'aurora 02.png').click()");
    browser
        .until("its history", "document.querySelectorAll('#panel[open] .story li').length === 3");
    browser.until("it is pictured", "document.querySelector('.p-pic img')?.naturalWidth === 480");
    keep(&browser, "page-file");
    browser.value("document.getElementById('panel').close()");
    browser.theme("dark");
    browser.width(390, 844);
    browser.value("(scrollTo(0, 0), true)");
    keep(&browser, "page-narrow");
    daemon.kill();
}

/// Shows the home of the test as if it were somebody's, from now on.
fn as_at_home(browser: &Browser, taxiway: &Taxiway) {
    let home = taxiway.root.to_str().expect("UTF-8");
    browser.result(&format!(
        "const rename = () => {{
             const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
             while (texts.nextNode()) {{
                 const text = texts.currentNode;
                 if (text.data.includes({home:?})) text.data = text.data.replaceAll({home:?}, '/home/me');
             }}
         }};
         new MutationObserver(rename).observe(document.body, {{ childList: true, subtree: true, characterData: true }});
         rename();"
    ));
}

/// Writes a picture where `TAXIWAY_SCREENSHOTS` says.
fn keep(browser: &Browser, name: &str) {
    // What changes with the theme has changed when the next picture is drawn.
    browser
        .value("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 150, true)))");
    let png = browser.picture();
    assert!(png.starts_with(b"\x89PNG") && png.len() > 20_000, "{name}: {} bytes", png.len());
    if let Some(directory) = std::env::var_os("TAXIWAY_SCREENSHOTS") {
        write(&Path::new(&directory).join(format!("{name}.png")), &png);
    }
}
