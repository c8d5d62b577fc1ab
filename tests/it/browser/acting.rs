//! What a person does about a file, and that neither focus, place nor answer gets lost over it.

use serde_json::json;

use super::driver::{Browser, ENTER, ESCAPE};
use super::{NAMES, World, row};
use crate::support::{picture, write};

/// Clicks the row of a file.
fn open(browser: &Browser, name: &str) {
    browser.value(&format!(
        "([...document.querySelectorAll('#rows .row')].find((row) => row.querySelector('.name').textContent === {name:?}).click(), true)"
    ));
    browser.reads("#p-name", name);
    browser.until("its history", "document.querySelector('#panel[open] .story li')");
}

#[test]
fn a_held_file_is_resolved_either_way() {
    let Some(world) = World::with(&[]) else { return };
    world.server.faults(&["lost-answer,times=2", "list-no-size"]);
    for (n, name) in [(1, "cat.gif"), (2, "dog.gif")] {
        world.put(name, &picture(n, 1_000));
        world.shows(name, "held");
    }
    let World { browser, mut daemon, taxiway, server } = world;
    let (cat, dog) = (taxiway.path("folder/cat.gif"), taxiway.path("folder/dog.gif"));
    let found = server.asset_named("cat.gif").asset_id();

    // It is there: under an id that is none, and then under its own.
    open(&browser, "cat.gif");
    browser.click("#p-body [data-act=found]");
    browser.keys("nonsense");
    browser.keys(ENTER);
    browser.until("it is refused", "document.querySelector('.toast.bad')");
    assert_eq!(taxiway.state(&cat), "held");
    assert_eq!(
        browser.value("document.activeElement.value"),
        "nonsense",
        "what was written stays, to be mended"
    );
    browser.value("document.activeElement.select()");
    browser.keys(&found);
    browser.click("#p-body form button");
    browser.reads("#p-body dl code", &found);
    assert_eq!(taxiway.state(&cat), "uploaded");
    let inside = "document.getElementById('panel').contains(document.activeElement)";
    browser.until("the focus is in the panel", inside);
    browser.value("document.getElementById('panel').close()");

    // It is not there.
    open(&browser, "dog.gif");
    browser.value("document.querySelector('#p-body [data-act=resolve]').focus()");
    browser.keys(ENTER);
    daemon.event_of("uploaded", &dog);
    let second = taxiway.row(&dog)["asset_id"].as_str().expect("an id").to_owned();
    browser.reads("#p-body dl code", &second);
    browser.until("the focus is in the panel", inside);
    assert_eq!(server.uploads(), 3);
    daemon.stop();
}

#[test]
fn what_is_said_while_the_panel_is_open_is_in_front_of_it() {
    let Some(World { browser, daemon, taxiway: _taxiway, server: _server }) =
        World::with(&[("cat.gif", picture(1, 1_000))])
    else {
        return;
    };
    browser.until("it is there", &format!("{} === 'uploaded'", row("cat.gif", ".pill")));
    browser.width(320, 640);
    let in_front = "(() => {
        const said = document.querySelector('.toast');
        if (!said) return false;
        const box = said.getBoundingClientRect();
        return said.contains(document.elementFromPoint(box.left + box.width / 2, box.top + 5));
    })()";
    open(&browser, "cat.gif");
    browser.click("#p-body [data-act=copy]");
    browser.until("it is seen", in_front);
    browser.value("document.getElementById('panel').close()");
    browser.until("it is gone", "!document.querySelector('.toast')");
    browser.click("#rows .id button");
    browser.until("it is seen", in_front);
    daemon.stop();
}

#[test]
fn the_focus_stays_where_somebody_works() {
    let Some(World { browser, mut daemon, taxiway, server }) =
        World::with(&[("cat.gif", picture(1, 1_000))])
    else {
        return;
    };
    browser.until("it is there", &format!("{} === 'uploaded'", row("cat.gif", ".pill")));
    // On a folder of which something new is told.
    let scanned = "document.querySelector('#folders li').textContent";
    browser.value("document.querySelector('#folders button').focus()");
    let before = browser.value(scanned);
    let second = browser.value("Math.floor(Date.now() / 1000)");
    browser.until("another second", &format!("Math.floor(Date.now() / 1000) > {second}"));
    taxiway.run(&["rescan"]).exits(0);
    browser.until("it was scanned", &format!("{scanned} !== {before}"));
    assert_eq!(
        browser.value("document.activeElement.textContent"),
        "folder",
        "the folder that had the focus"
    );
    // From pause to resume, and back.
    browser.value("document.querySelector('#pause summary').focus()");
    browser.keys(ENTER);
    browser.value("document.querySelector('#pause [data-for=\"1h\"]').focus()");
    browser.keys(ENTER);
    browser.until("resume", "document.activeElement.id === 'resume'");
    browser.keys(ENTER);
    browser.until("pause", "document.activeElement.matches('#pause summary')");
    // What there is to do above leads to what it is about, and what is done with leads on.
    server.faults(&["status=422,times=1"]);
    let file = taxiway.path("folder/dog.gif");
    write(&file, &picture(2, 1_000));
    daemon.event_of("failed", &file);
    browser.until("what to do", "document.querySelectorAll('#next button').length === 2");
    browser.value("document.querySelector('#next button').focus()");
    browser.keys(ENTER);
    browser.until("the ledger", "document.activeElement.id === 'ledger'");
    browser.until("what failed", &format!("{NAMES}.join() === 'dog.gif'"));
    browser.value("document.querySelectorAll('#next button')[1].focus()");
    browser.keys(ENTER);
    daemon.event_of("uploaded", &file);
    browser.until("nothing is left to do", "document.getElementById('next').hidden");
    assert_ne!(browser.value("document.activeElement.localName"), "body");
    // From the panel of a row that is gone meanwhile.
    server.faults(&["status=422,times=1"]);
    let file = taxiway.path("folder/bird.gif");
    write(&file, &picture(3, 1_000));
    daemon.event_of("failed", &file);
    browser.until("what failed", &format!("{NAMES}.join() === 'bird.gif'"));
    open(&browser, "bird.gif");
    browser.value("document.querySelector('#p-body [data-act=retry]').focus()");
    browser.keys(ENTER);
    daemon.event_of("uploaded", &file);
    browser.until("nothing is failed", &format!("{NAMES}.length === 0"));
    browser.keys(ESCAPE);
    browser.until("it is closed", "!document.getElementById('panel').open");
    browser.until("the ledger", "document.activeElement.localName !== 'body'");
    daemon.stop();
}

#[test]
fn rows_stay_under_the_pointer_while_others_come() {
    let files: Vec<(String, Vec<u8>)> =
        (0..80).map(|n| (format!("{n}.txt"), b"words".to_vec())).collect();
    let files: Vec<(&str, Vec<u8>)> =
        files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    let Some(World { browser, daemon, taxiway, server }) = World::with(&files) else { return };
    browser.reads("#chips [data-state=ignored] b", "80");
    browser.value("(scrollTo(0, document.body.scrollHeight), scrollBy(0, -1500), true)");
    // As it is once it is drawn.
    let here = "new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn))).then(() => {
        const row = document.elementFromPoint(400, 500)?.closest('.row');
        return row && [row.querySelector('.name').textContent, Math.round(row.getBoundingClientRect().top)]; })";
    let before = browser.until("a row", here);
    // Another row above, and then the list of what goes out.
    write(&taxiway.path("folder/new.txt"), b"words");
    browser.reads("#chips [data-state=ignored] b", "81");
    browser.until("it is read", "document.getElementById('rows').offsetHeight === 81 * 64");
    assert_eq!(browser.value(here), before);
    server.faults(&["bandwidth=100KB/s,times=1"]);
    write(&taxiway.path("folder/cat.gif"), &picture(1, 250_000));
    browser.until("it goes out", "!document.getElementById('outgoing').hidden");
    assert_eq!(browser.value(here), before);
    browser.until("it went out", "document.getElementById('outgoing').hidden");
    assert_eq!(browser.value(here), before);
    // What is looked for is shown from its beginning.
    browser.keys("/");
    browser.keys("txt");
    browser.reads("#chips [data-state=\"\"] b", "81");
    browser.until(
        "the first",
        "(() => { const row = document.querySelector('#rows [aria-rowindex=\"2\"]')?.getBoundingClientRect();
         return row && row.top > 0 && row.bottom < innerHeight; })()",
    );
    daemon.stop();
}

#[test]
fn rows_say_where_they_are_though_the_folders_are_told_later() {
    let Some(World { browser, daemon, taxiway, server: _server }) =
        World::with(&[("cat.gif", picture(1, 1_000))])
    else {
        return;
    };
    browser.until("its place", &format!("{} === 'folder'", row("cat.gif", ".place")));
    // Nothing is known of folders, and then of the one and of two accounts.
    let places = |status: serde_json::Value| {
        browser.result(&format!("(await import('/ui/ledger.js')).places({status})"));
    };
    places(json!({ "folders": [], "accounts": [] }));
    let directory = taxiway.path("folder");
    assert_eq!(
        browser.value(&row("cat.gif", ".place")),
        directory.to_str().expect("UTF-8"),
        "as long as nothing is known"
    );
    places(json!({
        "folders": [{ "path": directory }],
        "accounts": [{ "email": "one@example.com" }, { "email": "two@example.com" }],
    }));
    assert_eq!(browser.value(&row("cat.gif", ".place")), "folder");
    let facts = browser.value(&row("cat.gif", ".what"));
    assert!(facts.as_str().expect("a text").contains('@'), "{facts}");
    daemon.stop();
}
