//! What a person does about a file, and that neither focus, place nor answer gets lost over it.

use super::driver::{Browser, ENTER};
use super::{World, row};
use crate::support::picture;

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
