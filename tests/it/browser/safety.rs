//! The page and those who mean it no good: names of files, pages of others, keys that are over.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::{NAMES, World};
use crate::support::{ask, picture, write};

#[test]
fn names_of_files_are_text_and_never_markup() {
    let markup = "<img src=x onerror=\"document.title='owned'\">.gif";
    let turned = "cat\u{202e}fig.exe\u{2066}.gif";
    let broken = "two\nlines\u{1}.gif";
    let hebrew = "חתול.gif";
    let script = "'\"><script>document.title='owned'</script>&amp;.gif".replace('/', "∕");
    let names = [markup, turned, broken, hebrew, &script];
    let files: Vec<(&str, Vec<u8>)> =
        (1..).zip(names).map(|(n, name)| (name, picture(n, 1_000))).collect();
    let Some(World { browser, daemon, taxiway: _taxiway, server: _server }) = World::with(&files)
    else {
        return;
    };
    browser.until("all are there", &format!("{NAMES}.length === 5"));
    let mut shown: Vec<String> = serde_json::from_value(browser.value(NAMES)).expect("names");
    shown.sort();
    let mut wanted = vec![
        markup.to_owned(),
        r"cat\u{202e}fig.exe\u{2066}.gif".to_owned(),
        r"two\nlines\u{1}.gif".to_owned(),
        hebrew.to_owned(),
        script.clone(),
    ];
    wanted.sort();
    assert_eq!(shown, wanted);
    // Each stands for itself: none turns what is beside it.
    assert_eq!(
        browser.value("[...document.querySelectorAll('#rows .name')].every((name) => name.localName === 'bdi')"),
        true
    );
    for place in 0..5 {
        browser.value(&format!("document.querySelectorAll('#rows .row')[{place}].click()"));
        browser.until(
            "its history",
            "document.querySelectorAll('#panel[open] .story li').length === 3",
        );
        browser.value("document.getElementById('panel').close()");
    }
    assert_eq!(
        browser.value(
            "document.querySelectorAll('main script, main img[src=x], dialog script').length"
        ),
        0
    );
    assert_eq!(browser.value("document.title"), "taxiway");
    assert_eq!(browser.told(), [""; 0], "the console");
    daemon.stop();
}

#[test]
fn a_page_of_another_origin_reads_nothing_and_changes_nothing() {
    let Some(World { browser, daemon, taxiway, server: _server }) =
        World::with(&[("cat.gif", picture(1, 1_000))])
    else {
        return;
    };
    let page = browser.address();
    let evil = evil(&page);
    // Another port of this address is of the same site: the browser sends the cookie along.
    for host in ["127.0.0.1", "localhost"] {
        browser.goto(&format!("http://{host}:{evil}/"));
        let tried = browser.until("it has tried all", "window.tried");
        let refused = json!({
            "read": "refused", "stream": "refused", "thumb": "refused", "script": "refused",
            "post": "refused", "header": "refused", "drop": "refused", "frame": "empty",
        });
        assert_eq!(tried, refused, "{host}");
        // A form goes there, too, and is refused there.
        browser.value("(document.forms[0].submit(), true)");
        // What it is answered is nothing that a browser shows.
        browser.until("the form was answered", "document.body.innerText.includes('/v1/pause')");
    }
    let status = ask(&taxiway, "GET /v1/status", "").is(200).object();
    assert_eq!(status["state"], "idle", "{status}");
    assert!(!taxiway.path("folder/evil.gif").exists());
    // Its own page still has the key.
    browser.enter(&page);
    daemon.stop();
}

/// A page that tries what pages try; gives its port.
fn evil(page: &str) -> u16 {
    let html = format!(
        r#"<!doctype html><title>evil</title>
<form method="post" action="{page}v1/pause" enctype="text/plain"><input name="{{&quot;for&quot;:&quot;1h&quot;,&quot;x" value="1"></form>
<script>
const refused = () => 'refused';
const element = (tag, key, path) => new Promise((done) => {{
  const one = document.createElement(tag);
  one.onload = () => done('loaded');
  one.onerror = () => done('refused');
  one[key] = '{page}' + path;
  document.body.append(one);
}});
const frame = async () => {{
  const one = document.createElement('iframe');
  one.src = '{page}';
  await new Promise((done) => {{ one.onload = done; document.body.append(one); }});
  try {{ return one.contentDocument ? 'seen' : 'empty'; }} catch {{ return 'empty'; }}
}};
addEventListener('load', async () => {{
  const all = {{ credentials: 'include' }};
  const post = {{ ...all, method: 'POST', body: '{{}}', mode: 'no-cors' }};
  window.tried = {{
    read: await fetch('{page}v1/status', all).then((answer) => answer.text(), refused),
    stream: await new Promise((done) => {{
      const source = new EventSource('{page}v1/events', {{ withCredentials: true }});
      source.onopen = () => done('open');
      source.onerror = () => {{ source.close(); done('refused'); }};
    }}),
    thumb: await element('img', 'src', 'ui/thumb?id=1'),
    script: await element('script', 'src', 'ui/app.js'),
    post: await fetch('{page}v1/pause', post).then((answer) => 'sent blind', refused),
    header: await fetch('{page}v1/pause', {{ ...post, mode: 'cors', headers: {{ 'X-Taxiway': 'page' }} }})
      .then((answer) => 'sent', refused),
    drop: await fetch('{page}ui/drop?folder=0&name=evil.gif', post).then((answer) => 'sent blind', refused),
    frame: await frame(),
  }};
}});
</script>"#
    );
    let listener = TcpListener::bind("127.0.0.1:0").expect("an address");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let html = html.clone();
            // A browser opens connections ahead, and says nothing on them for a long time.
            std::thread::spawn(move || {
                let mut head = [0; 4_096];
                let _ = stream.read(&mut head);
                let length = html.len();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\
                     Content-Length: {length}\r\nConnection: close\r\n\r\n"
                );
                let _ = stream.write_all(format!("{head}{html}").as_bytes());
            });
        }
    });
    port
}

#[test]
fn a_page_whose_key_has_expired_says_what_to_type_and_asks_nothing_more() {
    let Some(World { browser, mut daemon, taxiway, server: _server }) = World::with(&[]) else {
        return;
    };
    let page = browser.address();
    browser.forget_cookies();
    let file = taxiway.path("folder/cat.gif");
    write(&file, &picture(1, 1_000));
    browser.reads("#said", "this page’s key has expired: run");
    browser.reads("#next code", "taxiway ui");
    let asked = "performance.getEntriesByType('resource').length";
    let before = browser.value(asked);
    daemon.event_of("uploaded", &file);
    write(&taxiway.path("folder/dog.gif"), &picture(2, 1_000));
    daemon.event_of("uploaded", &taxiway.path("folder/dog.gif"));
    browser.value("(scrollTo(0, 1e6), dispatchEvent(new Event('resize')), true)");
    // Longer than any pause between two questions of a page that is live.
    browser.value("new Promise((done) => setTimeout(done, 1500, true))");
    assert_eq!(browser.value(asked), before);
    assert_eq!(
        browser.value(
            "[...document.querySelectorAll('.tools button')].every((button) => button.disabled)"
        ),
        true
    );
    // Who comes back without a key reads what to do.
    browser.goto(&page);
    let told = browser.text("body");
    assert!(told.contains("taxiway ui"), "{told}");
    assert_eq!(browser.value("document.title"), "taxiway");
    // A way in opens once.
    let inside = super::driver::way_in(&taxiway);
    browser.enter(&inside);
    browser.forget_cookies();
    browser.goto(&inside);
    assert!(browser.text("body").contains("taxiway ui"));
    daemon.stop();
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let Some(World { browser, daemon, taxiway: _taxiway, server: _server }) =
        World::with(&[("cat.gif", picture(1, 1_000))])
    else {
        return;
    };
    browser.until("its picture", "document.querySelector('#rows .pic img')");
    let elsewhere = "performance.getEntriesByType('resource').map((entry) => new URL(entry.name).origin)\
         .filter((origin) => origin !== location.origin)";
    assert_eq!(browser.value(elsewhere), json!([]));
    assert_eq!(browser.value("document.querySelectorAll('[style]:not(#rows, #rows *), style, script:not([src])').length"), 0);
    daemon.stop();
}

/// Answers whatever is asked at this port as a daemon would that is not the page's; tells what was
/// asked.
fn squat(port: u16) -> Arc<Mutex<Vec<String>>> {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port of the daemon");
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let told = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let told = Arc::clone(&told);
            std::thread::spawn(move || {
                let mut head = [0; 4_096];
                let read = stream.read(&mut head).unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..read]);
                let request = head.lines().next().unwrap_or_default().to_owned();
                told.lock().expect("a list").push(request);
                let body = r#"{"daemon":"another","folders":[],"folder_ids":[]}"#;
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                     Content-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            });
        }
    });
    asked
}

#[test]
fn who_takes_the_address_of_a_daemon_that_has_ended_gets_no_file() {
    let Some(World { browser, daemon, taxiway: _taxiway, server: _server }) = World::with(&[])
    else {
        return;
    };
    let port = browser.address().trim_end_matches('/').rsplit(':').next().map(str::to_owned);
    let port = port.and_then(|port| port.parse().ok()).expect("a port");
    daemon.kill();
    let asked = squat(port);
    browser.result(&super::dropped("secret.gif", 2_000));
    browser.reads("#said", "this page’s key has expired: run");
    let asked = asked.lock().expect("a list").clone();
    assert!(!asked.iter().any(|request| request.contains("/ui/drop")), "{asked:?}");
    assert!(asked.iter().any(|request| request.contains("/ui/status")), "{asked:?}");
}
