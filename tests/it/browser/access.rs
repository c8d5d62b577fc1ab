//! The page for everybody: axe-core looks at it in both themes, and it fits a narrow window.

use serde_json::Value;

use super::driver::Browser;
use super::{World, row};
use crate::support::{media, picture, write};

const AXE: &str = include_str!("../../axe/axe.min.js");

/// What axe-core finds that is serious or worse: the rule, and where.
fn found(browser: &Browser) -> Vec<String> {
    let script = format!(
        "if (!window.axe) {{ {AXE} }}
         const {{ violations }} = await axe.run(document, {{ resultTypes: ['violations'] }});
         return violations.filter((found) => ['serious', 'critical'].includes(found.impact))
             .flatMap((found) => found.nodes.map((node) => `${{found.id}}: ${{node.target}}: ${{node.failureSummary}}`));"
    );
    serde_json::from_value(browser.result(&script)).expect("a list")
}

/// Something of every kind on the page: failed, held, ignored, going out, an account that is stopped.
fn full() -> Option<World> {
    let world = World::with(&[("cat.gif", picture(1, 1_000)), ("notes.txt", b"words".to_vec())])?;
    let folder = world.taxiway.path("folder");
    world.server.faults(&["status=422,name=bad*"]);
    write(&folder.join("bad.gif"), &picture(2, 1_000));
    world.shows("bad.gif", "failed");
    std::fs::copy(media("film.mkv"), folder.join("film.mkv")).expect("a copy");
    world.shows("film.mkv", "uploaded");
    world.server.faults(&["status=402"]);
    write(&folder.join("late.gif"), &picture(3, 1_000));
    world.browser.until(
        "the account is stopped",
        "document.querySelector('#accounts .pill').textContent === 'no subscription'",
    );
    // What was going out waits now, though nothing more is told of it.
    world.shows("late.gif", "queued");
    Some(world)
}

#[test]
fn nothing_serious_is_found_by_axe_in_either_theme() {
    let Some(World { browser, daemon, taxiway: _taxiway, server: _server }) = full() else {
        return;
    };
    for theme in ["light", "dark"] {
        browser.theme(theme);
        browser
            .until("the theme", &format!("matchMedia('(prefers-color-scheme: {theme})').matches"));
        assert_eq!(found(&browser), [""; 0], "{theme}");
        browser.value(&format!(
            "[...document.querySelectorAll('#rows .row')].find((row) => row.querySelector('.name').textContent === {:?}).click()",
            "cat.gif"
        ));
        browser.click("#p-body [data-act=forget]");
        browser.until("it asks", "document.querySelector('.asked')");
        assert_eq!(found(&browser), [""; 0], "the panel, {theme}");
        browser.value("document.getElementById('panel').close()");
        browser.click("#chips [data-state=failed]");
        browser.until(
            "what failed",
            &format!(
                "{} === 'failed' && document.querySelectorAll('#rows .row').length === 1",
                row("bad.gif", ".pill")
            ),
        );
        assert_eq!(found(&browser), [""; 0], "a chip, {theme}");
        browser.click("#chips [data-state=\"\"]");
        browser.until("all again", "document.querySelectorAll('#rows .row').length > 3");
    }
    daemon.stop();
}

#[test]
fn the_page_fits_windows_from_320_pixels_on() {
    let Some(World { browser, daemon, taxiway: _taxiway, server: _server }) = full() else {
        return;
    };
    for width in [320, 480, 700, 1_000, 1_920] {
        browser.width(width, 900);
        let wide = "document.documentElement.scrollWidth";
        assert_eq!(browser.value(wide), width, "the page");
        // What a bar of the plot means stays in its frame.
        let said = "(() => { const plot = document.getElementById('plot');
            const box = plot.getBoundingClientRect();
            const at = { bubbles: true, clientX: box.right - 2, clientY: box.top + 20 };
            plot.firstChild.dispatchEvent(new PointerEvent('pointermove', at));
            const said = plot.querySelector('.readout').getBoundingClientRect();
            return said.width > 0 && said.left >= box.left && said.right <= box.right + 1; })()";
        assert_eq!(browser.value(said), true, "the plot, {width}");
        browser.value("(document.querySelector('#rows .row').click(), true)");
        browser.until("its history", "document.querySelector('#panel[open] .story li')");
        assert_eq!(browser.value(wide), width, "the panel");
        assert_eq!(
            browser.value("document.getElementById('panel').scrollWidth <= innerWidth"),
            true
        );
        browser.value("document.getElementById('panel').close()");
        // What is to be pressed lies in the window, and can be met.
        let outside = "[...document.querySelectorAll('.tools button, .tools summary, #rows button')]\
             .filter((each) => each.checkVisibility()).map((each) => each.getBoundingClientRect())\
             .filter((box) => box.left < 0 || box.right > innerWidth || box.width < 24 || box.height < 24).length";
        assert_eq!(browser.value(outside), Value::from(0), "{width}");
    }
    daemon.stop();
}

#[test]
fn who_listens_is_told_of_changes_and_not_of_every_number() {
    let Some(World { browser, mut daemon, taxiway, server: _server }) = World::with(&[]) else {
        return;
    };
    browser
        .until("it is told", "document.getElementById('told').textContent.startsWith('all done')");
    browser.value(
        "(window.told = [], new MutationObserver(([change]) => \
         window.told.push(change.target.textContent.replace(/\\d/g, '#'))) \
         .observe(document.getElementById('told'), { childList: true }), true)",
    );
    for n in 0..20 {
        let file = taxiway.path(format!("folder/{n}.gif"));
        write(&file, &picture(n, 1_000));
        daemon.event_of("uploaded", &file);
    }
    browser.reads("#chips [data-state=uploaded] b", "20");
    // The time of the first line goes on, and that is no news.
    for n in 0..7 {
        let said = browser.text("#said");
        browser.until(
            "another second",
            &format!("Math.floor(Date.now() / 1000) > {}", second(&browser)),
        );
        write(&taxiway.path(format!("folder/{n}.txt")), b"words");
        let other = format!(
            "document.getElementById('said').textContent !== {said:?} && document.getElementById('truth').dataset.state === 'idle'"
        );
        browser.until("another time", &other);
    }
    let told: Vec<String> = serde_json::from_value(browser.value("window.told")).expect("texts");
    assert!(told.len() <= 12, "{told:?}");
    assert!(told.windows(2).all(|two| two[0] != two[1]), "{told:?}");
    for landmark in [
        "header",
        "main",
        "h1",
        "#ledger[aria-labelledby]",
        "[role=grid]",
        "[role=log]",
        "[role=status]",
    ] {
        assert_eq!(
            browser.value(&format!("!!document.querySelector({landmark:?})")),
            true,
            "{landmark}"
        );
    }
    daemon.stop();
}

/// The second that it is in the browser.
fn second(browser: &Browser) -> u64 {
    browser.value("Math.floor(Date.now() / 1000)").as_u64().expect("a number")
}
