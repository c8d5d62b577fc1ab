//! The page, in a real browser.

mod access;
mod acting;
mod driver;
mod large;
mod pictures;
mod safety;
mod shots;

use serde_json::json;

use crate::support::{Daemon, Server, Taxiway, picture, section, write};
use driver::{Browser, DOWN, ENTER, ESCAPE};

/// A folder of the home, a daemon that watches it, and the page of it.
struct World {
    browser: Browser,
    daemon: Daemon,
    taxiway: Taxiway,
    server: Server,
}

impl World {
    /// None where there is no browser.
    fn with(files: &[(&str, Vec<u8>)]) -> Option<World> {
        let browser = Browser::start()?;
        let server = Server::start();
        let taxiway = Taxiway::watching(&server);
        for (name, bytes) in files {
            write(&taxiway.path("folder").join(name), bytes);
        }
        let daemon = taxiway.daemon();
        browser.visit(&taxiway);
        Some(World { browser, daemon, taxiway, server })
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        write(&self.taxiway.path("folder").join(name), bytes);
    }

    /// Waits until the table shows a file in a state.
    #[track_caller]
    fn shows(&self, name: &str, state: &str) {
        self.browser
            .until(&format!("{name} is {state}"), &format!("{} === {state:?}", row(name, ".pill")));
    }
}

/// The text of a part of the row of a file.
fn row(name: &str, part: &str) -> String {
    format!(
        "[...document.querySelectorAll('#rows .row')].find((row) => row.querySelector('.name').textContent \
         === {name:?})?.querySelector({part:?})?.textContent"
    )
}

/// The names in the table, from above.
const NAMES: &str = "[...document.querySelectorAll('#rows .row')].sort((a, b) => a.ariaRowIndex - b.ariaRowIndex)\
     .map((row) => row.querySelector('.name').textContent)";

#[test]
fn who_comes_by_the_address_sees_an_upload_live_and_copies_its_id() {
    let Some(World { browser, mut daemon, taxiway, server }) = World::with(&[]) else { return };
    // The key of the address is used, and stands nowhere any more.
    assert!(browser.address().ends_with("/"), "{}", browser.address());
    browser.until(
        "all is done",
        "document.getElementById('said').textContent.startsWith('all done as of ')",
    );
    browser.reads("#none", "nothing yet: drop a file anywhere on this page");
    browser
        .until("the folder", "document.querySelector('#folders .name').textContent === 'folder'");

    // It goes out as slowly as that it is seen.
    server.faults(&["bandwidth=100KB/s,times=1"]);
    let file = taxiway.path("folder/cat.gif");
    write(&file, &picture(1, 150_000));
    browser.until(
        "it goes out",
        "document.querySelector('#uploading .name')?.textContent === 'cat.gif'",
    );
    browser.until("bytes are counted", "document.querySelector('#uploading progress')?.value > 0");
    browser.until(
        "it is told",
        "document.getElementById('said').textContent.startsWith('uploading 1 of 1 file, ')",
    );
    daemon.event_of("uploaded", &file);
    browser.until("it is in the table", &format!("{} === 'uploaded'", row("cat.gif", ".pill")));
    browser.until("nothing goes out", "document.getElementById('outgoing').hidden");
    browser
        .until("it is in the plot", "document.getElementById('sum-uploads').textContent === '1'");
    browser.until("it is pictured", "document.querySelector('#rows .pic img')?.naturalWidth === 1");

    browser.let_read_clipboard();
    let id = server.asset().asset_id();
    browser.click("#rows .id button:first-child");
    browser.until(
        "it is copied",
        "document.querySelector('.toast')?.textContent.startsWith('copied ')",
    );
    assert_eq!(browser.copied(), id);
    browser.click("#rows .id button:last-child");
    browser.until("it is copied", "document.querySelectorAll('.toast').length === 2");
    let json: serde_json::Value = serde_json::from_str(&browser.copied()).expect("JSON");
    assert_eq!(json, json!({ "firstImage_assetId": id }));
    assert_eq!(browser.told(), [""; 0], "the console");
    daemon.stop();
}

#[test]
fn rows_are_found_by_keyboard_and_tell_their_history() {
    let files = [
        ("cat.gif", picture(1, 1_000)),
        ("dog.gif", picture(2, 1_000)),
        ("deep/cat too.gif", picture(3, 1_000)),
        ("notes.txt", b"words".to_vec()),
    ];
    let Some(World { browser, daemon, taxiway, server: _server }) = World::with(&files) else {
        return;
    };
    browser.until("all are there", &format!("{NAMES}.length === 4"));
    browser.keys("/");
    browser.keys("CAT");
    browser.until("only cats", &format!("{NAMES}.sort().join() === 'cat too.gif,cat.gif'"));
    browser.reads("#chips [data-state=\"\"] b", "2");
    browser.reads("#chips [data-state=ignored] b", "0");
    browser.value("document.getElementById('q').select()");
    browser.keys("\u{e017}");
    browser.until("all again", &format!("{NAMES}.length === 4"));
    browser.click("#chips [data-state=ignored]");
    browser.until("what is ignored", &format!("{NAMES}.join() === 'notes.txt'"));
    browser.click("#chips [data-state=\"\"]");
    browser.until("all again", &format!("{NAMES}.length === 4"));
    browser.keys("/");
    browser.keys("nobody");
    browser.reads("#none", "nothing here is like that");
    browser.value("document.getElementById('q').select()");
    browser.keys("\u{e017}");
    browser.until("all again", &format!("{NAMES}.length === 4"));

    // From the search on with Tab and arrows.
    browser.value("document.querySelector('#rows .row[tabindex=\"0\"]').focus()");
    browser.keys(DOWN);
    let second = "document.activeElement.ariaRowIndex === '3'";
    browser.until("the second row", second);
    browser.keys(ENTER);
    browser.until("its history", "document.querySelector('#panel[open] .story li')");
    let name = browser.text("#p-name");
    let why = browser.text("#p-body");
    assert!(why.contains("seen for the first time"), "{why}");
    let path = if name == "cat too.gif" {
        "folder/deep/cat too.gif".into()
    } else {
        format!("folder/{name}")
    };
    assert!(why.contains(taxiway.path(path).to_str().expect("UTF-8")), "{why}");
    browser.keys(ESCAPE);
    browser.until("it is closed", "!document.getElementById('panel').open");
    browser.until("back where it was", second);

    // The whole story of one, as `why` tells it.
    browser.value("[...document.querySelectorAll('#rows .row')].find((row) => row.querySelector('.name').textContent === 'cat.gif').click()");
    browser
        .until("its history", "document.querySelectorAll('#panel[open] .story li').length === 3");
    let story = browser
        .value("[...document.querySelectorAll('.story bdi')].map((each) => each.textContent)");
    let said = taxiway.run(&["why", "folder/cat.gif"]).exits(0).out;
    for line in story.as_array().expect("lines") {
        let line = line.as_str().expect("a line").replace(['“', '”'], "\"");
        assert!(said.contains(&line), "{line:?} in {said}");
    }
    daemon.stop();
}

#[test]
fn what_failed_is_tried_again_and_what_was_uploaded_is_forgotten_after_a_question() {
    let Some(world) = World::with(&[]) else { return };
    world.server.faults(&["status=422,times=2"]);
    world.put("cat.gif", &picture(1, 1_000));
    world.shows("cat.gif", "failed");
    let World { browser, mut daemon, taxiway, server } = world;
    let file = taxiway.path("folder/cat.gif");
    daemon.event_of("failed", &file);
    browser.until(
        "it needs somebody",
        "document.getElementById('truth').dataset.state === 'attention'",
    );
    browser.until(
        "what to type",
        "document.querySelector('#next button:nth-of-type(2)')?.title === 'taxiway retry --all'",
    );
    // What the page can do itself is done by a click.
    browser.reads("#next", "nextshow what failedtry all again");
    browser.click("#next button:nth-of-type(1)");
    browser.until(
        "what failed",
        "document.querySelector('#chips [data-state=failed]').ariaPressed === 'true'",
    );
    browser.click("#next button:nth-of-type(2)");
    daemon.event_of("failed", &file);
    browser.until("it failed again", &format!("{} === 'failed'", row("cat.gif", ".pill")));
    browser.click("#rows .name");
    browser.click("#p-body [data-act=retry]");
    daemon.event_of("uploaded", &file);
    browser.until(
        "the panel knows",
        "document.querySelector('#p-body .pill')?.textContent === 'uploaded'",
    );
    let first = server.asset().asset_id();
    browser.until(
        "its id",
        &format!("document.querySelector('#p-body dl code').textContent === {first:?}"),
    );

    browser.click("#p-body [data-act=forget]");
    browser.until("it asks", "document.querySelector('.asked p')?.textContent.endsWith('1 file in a folder will be sent again')");
    browser.click(".asked .plain");
    browser.until("it is kept", "!document.querySelector('.asked')");
    assert_eq!(taxiway.state(&file), "uploaded");
    assert_eq!(server.uploads(), 3);
    browser.click("#p-body [data-act=forget]");
    browser.click(".asked .danger");
    let again = daemon.event_of("uploaded", &file);
    assert_ne!(again["asset_id"], *first);
    let second = again["asset_id"].as_str().expect("an id");
    browser.until(
        "the new id",
        &format!("document.querySelector('#p-body dl code')?.textContent === {second:?}"),
    );
    daemon.stop();
}

#[test]
fn a_pause_keeps_uploads_from_beginning_until_somebody_resumes() {
    let Some(world) = World::with(&[]) else { return };
    world.browser.click("#pause summary");
    world.browser.click("#pause [data-for='1h']");
    world.browser.until(
        "it says so",
        "document.getElementById('said').textContent.startsWith('paused until ')",
    );
    world.put("cat.gif", &picture(1, 1_000));
    world.shows("cat.gif", "queued");
    assert_eq!(world.server.uploads(), 0);
    world.browser.click("#resume");
    world.shows("cat.gif", "uploaded");
    world.browser.until("all is done", "document.getElementById('truth').dataset.state === 'idle'");
    // What comes and goes while nobody tells of it is found.
    let scans = world.daemon.events.len();
    world.browser.click("#rescan");
    let mut daemon = world.daemon;
    daemon.event("scanned");
    assert!(daemon.events.len() > scans);
    daemon.stop();
}

/// Lets go of a file over the page.
fn dropped(name: &str, bytes: usize) -> String {
    format!(
        "const bytes = Uint8Array.from({bytes:?}); const data = new DataTransfer(); \
         data.items.add(new File([bytes], {name:?})); \
         for (const kind of ['dragenter', 'dragover', 'drop']) \
         document.querySelector('main').dispatchEvent(new DragEvent(kind, \
         {{ bubbles: true, cancelable: true, dataTransfer: data }}));",
        bytes = picture(7, bytes)
    )
}

#[test]
fn a_file_that_is_dropped_is_copied_into_the_folder_and_overwrites_nothing() {
    let Some(World { browser, mut daemon, taxiway, server }) = World::with(&[]) else { return };
    browser.result(&dropped("cat.gif", 2_000));
    let file = taxiway.path("folder/cat.gif");
    daemon.event_of("uploaded", &file);
    assert_eq!(std::fs::read(&file).expect("a file"), picture(7, 2_000));
    browser.until(
        "it is said",
        "document.getElementById('toasts').textContent.includes('copied 1 file into folder')",
    );
    browser.until("it is in the table", &format!("{} === 'uploaded'", row("cat.gif", ".pill")));
    // Another one of this name; and by the button, for whom dragging is not possible.
    let other = taxiway.path("cat.gif");
    write(&other, &picture(8, 2_000));
    browser.write("#files", other.to_str().expect("UTF-8"));
    daemon.event_of("uploaded", &taxiway.path("folder/cat (2).gif"));
    assert_eq!(std::fs::read(&file).expect("a file"), picture(7, 2_000));
    // What is no name of a file of ours is refused, in words.
    browser.result(&dropped(".hidden.gif", 2_000));
    browser.until(
        "it is refused",
        "document.querySelector('.toast.bad')?.textContent.includes('.hidden.gif')",
    );
    assert_eq!(server.uploads(), 2);
    daemon.stop();
}

#[test]
fn with_several_folders_one_is_chosen() {
    let Some(browser) = Browser::start() else { return };
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let (one, two) = (taxiway.folder("one"), taxiway.folder("two"));
    taxiway.configure(&format!(
        "{}settle = \"50ms\"\n{}settle = \"50ms\"\n",
        section(&one),
        section(&two)
    ));
    let mut daemon = taxiway.daemon();
    browser.visit(&taxiway);
    browser.result(&dropped("cat.gif", 2_000));
    browser.reads("#c-title", "copy 1 file into");
    browser.result(&dropped("dog.gif", 3_000));
    browser.reads("#c-title", "copy 2 files into");
    assert_eq!(browser.value("document.querySelectorAll('#c-folders button').length"), 2);
    browser.click("#c-folders button:nth-child(2)");
    daemon.event_of("uploaded", &two.join("cat.gif"));
    daemon.event_of("uploaded", &two.join("dog.gif"));
    browser.until("it is in the table", &format!("{} === 'two'", row("cat.gif", ".place")));
    // A folder that is chosen above is all that is shown.
    browser.click("#folders li:nth-child(1) button");
    browser
        .until("nothing is in the other", "document.querySelectorAll('#rows .row').length === 0");
    browser.click("#under");
    browser.until("they are there", &format!("{NAMES}.length === 2"));
    // One that goes away says why.
    std::fs::rename(&one, taxiway.path("elsewhere")).expect("renamed");
    browser.click("#rescan");
    browser.until(
        "it is away",
        "document.querySelector('#folders li:nth-child(1) .pill').textContent === 'away'",
    );
    browser.until(
        "why",
        "document.querySelector('#folders li:nth-child(1) .why').textContent.length > 5",
    );
    daemon.stop();
}

#[test]
fn a_lost_connection_is_said_and_what_was_missed_is_there_when_it_is_back() {
    let Some(browser) = Browser::start() else { return };
    let server = Server::start();
    let taxiway = Taxiway::with(&server);
    let wire = large::Wire::new();
    let folder = taxiway.folder("folder");
    taxiway.configure(&format!(
        "[control]\nlisten = \"{}\"\n{}settle = \"50ms\"\n",
        wire.behind(),
        section(&folder)
    ));
    let mut daemon = taxiway.daemon();
    wire.mend();
    let inside = driver::way_in(&taxiway);
    browser.enter(&inside.replace("127.0.0.1", "127.0.0.2"));
    wire.cut();
    browser.reads("#said", "connection lost, trying again");
    browser.reads("#next code", "taxiway ui");
    // Who wants something done reads that it was not, or may not have been; who searches, nothing new.
    browser.click("#rescan");
    browser.until("it is said", "document.querySelector('.toast.bad')");
    browser.keys("/");
    browser.keys("cat");
    browser.until(
        "it was asked",
        "performance.getEntriesByType('resource').some((entry) => entry.name.includes('q=cat'))",
    );
    browser.value(
        "(document.getElementById('q').value = '', document.getElementById('q').oninput(), true)",
    );
    let uncaught: Vec<String> =
        browser.told().into_iter().filter(|line| line.contains("Uncaught")).collect();
    assert_eq!(uncaught, [""; 0]);
    write(&folder.join("cat.gif"), &picture(1, 1_000));
    daemon.event_of("uploaded", &folder.join("cat.gif"));
    assert_eq!(browser.value("document.querySelectorAll('#rows .row').length"), 0);
    wire.mend();
    browser.until("it is live again", "document.body.dataset.connection === 'live'");
    browser.until("what was missed", &format!("{} === 'uploaded'", row("cat.gif", ".pill")));
    browser.until(
        "the truth",
        "document.getElementById('said').textContent.startsWith('all done as of ')",
    );

    // A daemon that ends says so before.
    daemon.stop();
    browser.reads("#said", "taxiway has stopped; waiting for it to come back");
    browser.reads("#next", "nexttaxiway runtaxiway ui");
    let daemon = taxiway.daemon();
    browser.reads("#said", "this page’s key has expired: run");
    browser.reads("#next code", "taxiway ui");
    // With a new one, it is there again.
    browser.enter(&driver::way_in(&taxiway).replace("127.0.0.1", "127.0.0.2"));
    browser.until("what is there", &format!("{} === 'uploaded'", row("cat.gif", ".pill")));
    daemon.stop();
}

#[test]
fn sizes_spans_and_escapes_read_as_the_program_writes_them() {
    let Some(World { browser, daemon, taxiway: _taxiway, server: _server }) = World::with(&[])
    else {
        return;
    };
    let numbers: Vec<u64> = vec![
        0,
        1,
        17,
        999,
        1_000,
        1_999,
        9_999,
        10_000,
        812_345,
        4_250_000,
        99_999_999,
        1_000_000_000,
        56_789_012_345,
        7_100_000_000_000,
    ];
    let sizes = browser.result(&format!(
        "const {{ bytes }} = await import('/ui/words.js'); return {numbers:?}.map(bytes)"
    ));
    let written: Vec<String> = numbers.iter().map(|n| taxiway::text::count_of_bytes(*n)).collect();
    assert_eq!(sizes, json!(written));
    let seconds: Vec<u64> =
        vec![0, 1, 2, 59, 99, 100, 3_600, 5_999, 6_000, 90_000, 359_999, 360_000, 2_000_000];
    let spans = browser.result(&format!(
        "const {{ about }} = await import('/ui/words.js'); return {seconds:?}.map(about)"
    ));
    let written: Vec<String> = seconds.iter().map(|n| taxiway::text::about(*n)).collect();
    assert_eq!(spans, json!(written));
    // Every character that could be a control, and some that only look like it.
    let odd: Vec<char> = ('\0'..='\u{a0}')
        .chain("éא\u{61c}\u{200b}\u{200d}\u{200e}\u{200f}\u{2010}\u{2028}\u{202e}\u{202f}\u{2066}\u{2069}\u{feff}🦆".chars())
        .filter(|c| !matches!(c, '\\' | '\'' | '"'))
        .collect();
    let odd: Vec<String> = odd.into_iter().map(String::from).collect();
    let escaped = browser.result(&format!(
        "const {{ escaped }} = await import('/ui/words.js'); return {}.map(escaped)",
        json!(odd)
    ));
    let written: Vec<String> = odd.iter().map(|text| taxiway::text::escaped(text)).collect();
    assert_eq!(escaped, json!(written));
    daemon.stop();
}
