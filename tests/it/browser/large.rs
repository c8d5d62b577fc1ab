//! The page with a hundred thousand rows, and with thousands of events at once; and a connection that
//! can be cut.

use std::io::Write as _;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::driver::Browser;
use super::{NAMES, World};
use crate::support::{Server, Taxiway, eventually, picture};

/// A way to a daemon's port, from the same port of another loopback address: it can be cut.
pub struct Wire {
    port: u16,
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Wire {
    /// Not there yet.
    pub fn new() -> Wire {
        let free = TcpListener::bind("127.0.0.1:0").expect("an address");
        let port = free.local_addr().expect("an address").port();
        let wire = Wire { port, open: Arc::default() };
        let listener = TcpListener::bind(wire.before()).expect("the other address");
        let open = wire.open.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let mut open = open.lock().expect("no panic");
                if let (Some(open), Ok(other)) =
                    (open.as_mut(), TcpStream::connect((Ipv4Addr::LOCALHOST, port)))
                {
                    open.extend(joined(&stream, &other));
                }
            }
        });
        wire
    }

    fn before(&self) -> SocketAddr {
        (Ipv4Addr::new(127, 0, 0, 2), self.port).into()
    }

    /// Where the daemon is to listen.
    pub fn behind(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Everything that goes through it ends, and nothing goes through any more.
    pub fn cut(&self) {
        let open = self.open.lock().expect("no panic").take();
        for stream in open.into_iter().flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Goes through, once the daemon listens.
    pub fn mend(&self) {
        eventually("the daemon listens", || TcpStream::connect(self.behind()).ok());
        *self.open.lock().expect("no panic") = Some(Vec::new());
    }
}

/// Has each say what the other says; gives both, to be cut.
fn joined(one: &TcpStream, other: &TcpStream) -> Vec<TcpStream> {
    let copy = |stream: &TcpStream| stream.try_clone().expect("a stream");
    for (from, to) in [(one, other), (other, one)] {
        let (mut from, mut to) = (copy(from), copy(to));
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    vec![copy(one), copy(other)]
}

/// What a table of any length keeps in the page.
const ROWS_MOST: u64 = 60;

#[test]
fn a_hundred_thousand_rows_are_scrolled_searched_and_never_all_in_the_page() {
    let Some(browser) = Browser::start() else { return };
    let server = Server::start();
    let taxiway = Taxiway::watching(&server);
    let folder = taxiway.path("folder");
    for n in 0..3 {
        crate::support::write(&folder.join(format!("real-{n}.gif")), &picture(n, 1_000));
    }
    taxiway.once().exits(0);
    fill(&taxiway, 100_000, "1700000000000 + n * 60000", "400000 + n");
    let daemon = taxiway.daemon();
    browser.visit(&taxiway);
    browser.reads("#chips [data-state=\"\"] b", "100,003");
    let rows = "document.querySelectorAll('#rows .row').length";
    browser.until("rows", &format!("{rows} > 5"));
    // Down, page by page, as somebody does who turns the wheel.
    for _ in 0..10 {
        let before = browser.value("document.getElementById('rows').offsetHeight");
        browser.value("(scrollTo(0, document.body.scrollHeight), true)");
        browser.until(
            "more rows",
            &format!("document.getElementById('rows').offsetHeight > {before}"),
        );
        let there = browser.value(rows).as_u64().expect("a number");
        assert!(there > 5 && there <= ROWS_MOST, "{there} rows");
    }
    assert_eq!(browser.value("document.getElementById('grid').ariaRowCount"), "100004");
    let asked = "performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/ui/rows')).length";
    let asked = browser.value(asked).as_u64().expect("a number");
    assert!((11..=25).contains(&asked), "{asked} pages were asked for");
    // One in all of them.
    browser.keys("/");
    browser.keys("made-77777.");
    browser.until("the one", &format!("{NAMES}.join() === 'made-77777.png'"));
    browser.reads("#chips [data-state=\"\"] b", "1");
    daemon.stop();
}

/// Puts uploads into the ledger, of files that were moved away since: their times and sizes are
/// expressions of `n`, which goes from 1 to `count`.
pub fn fill(taxiway: &Taxiway, count: u64, at: &str, size: &str) {
    let ledger = taxiway.state_dir().join("ledger.sqlite3");
    let db = rusqlite::Connection::open(ledger).expect("the ledger");
    let numbers = format!(
        "WITH RECURSIVE made (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM made WHERE n < {count})"
    );
    let sql = format!(
        "BEGIN;
         {numbers} INSERT INTO content (id, hash, size, media_type, width, height)
             SELECT 1000 + n, randomblob(32), {size}, 'image/png', 1920, 1080 FROM made;
         {numbers} INSERT INTO upload (id, content_id, account_id, name, wanted_at, asset_id, uploaded_at)
             SELECT 1000 + n, 1000 + n, (SELECT min(id) FROM account), 'made-' || n || '.png', {at},
                 'user:1-runwayml:me@example.com-asset:made-' || n, {at} + 5000 FROM made;
         {numbers} INSERT INTO path (id, directory_id, name, folder_id, status, device, inode, size,
                 mtime_ns, ctime_ns, content_id, upload_id, seen_at, gone_at)
             SELECT 1000 + n, known.directory_id, CAST('made-' || n || '.png' AS BLOB), known.folder_id,
                 'linked', 1, n, {size}, 0, 0, 1000 + n, 1000 + n, {at}, {at} + 9000
             FROM made, (SELECT directory_id, folder_id FROM path LIMIT 1) AS known;
         COMMIT;"
    );
    db.execute_batch(&sql).expect("rows");
}

#[test]
fn a_burst_of_ten_thousand_events_leads_to_a_few_questions_and_freezes_nothing() {
    let Some(world) = World::with(&[]) else { return };
    let browser = &world.browser;
    browser.value("(performance.setResourceTimingBufferSize(100000), performance.clearResourceTimings(), true)");
    // How many events come, and the longest time for which the page does nothing else.
    browser.value(
        "(window.events = 0, window.longest = 0,
         new EventSource('/v1/events').onmessage = () => { window.events += 1; },
         new PerformanceObserver((list) => list.getEntries().forEach((task) =>
             { window.longest = Math.max(window.longest, task.duration); }))
             .observe({ entryTypes: ['longtask'] }), true)",
    );
    let began = Instant::now();
    // Ignored files: each is two events, and no upload: ten thousand in all.
    let folder = world.taxiway.path("folder");
    for n in 0..5_000 {
        let mut file = std::fs::File::create(folder.join(format!("{n}.txt"))).expect("a file");
        file.write_all(b"words").expect("written");
    }
    browser.reads("#chips [data-state=ignored] b", "5,000");
    // Who reads more slowly than they come is told how many were lost.
    browser.until("most events have come", "window.events >= 2_000");
    let longest = browser.value("window.longest").as_f64().expect("a number");
    assert!(longest < 1_000.0, "{longest} ms");
    let seconds = began.elapsed().as_secs() + 1;
    for (path, most) in [
        ("/ui/rows", 2 * seconds + 3),
        ("/ui/counts", 2 * seconds + 3),
        ("/ui/status", 3 * seconds + 3),
        ("/ui/plot", seconds + 2),
    ] {
        let asked = format!(
            "performance.getEntriesByType('resource').filter((entry) => entry.name.includes({path:?})).length"
        );
        let asked = browser.value(&asked).as_u64().expect("a number");
        assert!(asked <= most, "{path} was asked {asked} times in {seconds} s");
    }
    world.daemon.stop();
}
