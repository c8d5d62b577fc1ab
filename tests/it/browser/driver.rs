//! A browser, driven over WebDriver: what a person does with the page, and what is then to be seen.
//!
//! Owns:
//! - where there is no browser, the test says aloud that it is skipped; where
//!   `TAXIWAY_BROWSER_TESTS=required`, it fails;
//! - browser and driver end with the test, and what they kept goes with them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper::Method;
use reqwest::Url;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::{PATIENCE, Taxiway};

/// The keys of WebDriver that are no letters.
pub const ENTER: &str = "\u{e007}";
pub const ESCAPE: &str = "\u{e00c}";
pub const DOWN: &str = "\u{e015}";

/// A browser of its own: no cookies, no cache.
pub struct Browser {
    driver: Child,
    runtime: Runtime,
    client: Client,
    _home: TempDir,
}

/// Whether there is a browser to drive.
#[expect(clippy::print_stderr, reason = "what is left out is said")]
fn is_there() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let missing = ["chromium", "chromedriver"].into_iter().find(|program| {
        !std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
    });
    let required = std::env::var_os("TAXIWAY_BROWSER_TESTS").is_some_and(|is| is == "required");
    if let Some(missing) = missing {
        assert!(!required, "there is no {missing}, and TAXIWAY_BROWSER_TESTS=required");
        eprintln!("skipped: there is no {missing} here (Debian: chromium, chromium-driver)");
    }
    missing.is_none()
}

impl Browser {
    /// Starts one; none where there is none.
    pub fn start() -> Option<Browser> {
        is_there().then(Browser::launch)
    }

    fn launch() -> Browser {
        let home = tempfile::tempdir().expect("a directory");
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver");
        let mut lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines();
        let port: u16 = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                line.split_once("started successfully on port ")?
                    .1
                    .trim_end_matches('.')
                    .parse()
                    .ok()
            })
            .expect("a port");
        std::thread::spawn(move || lines.for_each(drop));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let options = json!({
            // Nobody but this test talks to it, and in a container there is no sandbox to be had.
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--mute-audio"],
        });
        let mut wanted = Capabilities::new();
        wanted.insert("goog:chromeOptions".into(), options);
        wanted.insert("goog:loggingPrefs".into(), json!({ "browser": "ALL" }));
        let connect = async {
            let connector = hyper_util::client::legacy::connect::HttpConnector::new();
            let mut builder = ClientBuilder::new(connector);
            builder.capabilities(wanted);
            builder.connect(&format!("http://127.0.0.1:{port}")).await
        };
        let client = runtime.block_on(connect).expect("a browser");
        let browser = Browser { driver, runtime, client, _home: home };
        browser.width(1_280, 900);
        browser
    }

    /// Looks at the page of a daemon, as its address lets one in.
    pub fn visit(&self, taxiway: &Taxiway) {
        self.enter(&way_in(taxiway));
    }

    /// Goes through a way in, and waits until the page stands.
    pub fn enter(&self, url: &str) {
        self.goto(url);
        self.until("the page is live", "document.body.dataset.connection === 'live'");
    }

    /// Goes somewhere.
    pub fn goto(&self, url: &str) {
        self.runtime.block_on(self.client.goto(url)).expect("the address");
    }

    /// Where it is.
    pub fn address(&self) -> String {
        self.runtime.block_on(self.client.current_url()).expect("an address").to_string()
    }

    /// The value of an expression of JavaScript; promises are waited for.
    #[track_caller]
    pub fn value(&self, expression: &str) -> Value {
        self.result(&format!("return ({expression});"))
    }

    /// What a function's body returns.
    #[track_caller]
    pub fn result(&self, body: &str) -> Value {
        let script = format!(
            "const done = arguments[0]; (async () => {{ {body} }})()\
             .then((value) => done([value ?? null]), (error) => done(String(error.stack)));"
        );
        let answer = self.runtime.block_on(self.client.execute_async(&script, Vec::new()));
        match answer.expect("an answer of the browser") {
            Value::Array(mut values) => values.remove(0),
            error => panic!("{body}\n{error}"),
        }
    }

    /// Waits until an expression is true; gives what it was.
    #[track_caller]
    pub fn until(&self, what: &str, expression: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let value = self.value(expression);
            if !matches!(value, Value::Null | Value::Bool(false)) && value != json!("") {
                return value;
            }
            if Instant::now() > until {
                let text = self.value("document.body.innerText");
                panic!("waited in vain: {what}\n{text:#}\n{:#?}", self.told());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the text of an element is this.
    #[track_caller]
    pub fn reads(&self, selector: &str, text: &str) {
        let words = format!("{selector} reads {text:?}");
        let text = serde_json::to_string(text).expect("a text");
        self.until(
            &words,
            &format!("document.querySelector({selector:?})?.textContent === {text}"),
        );
    }

    /// The text of an element.
    #[track_caller]
    pub fn text(&self, selector: &str) -> String {
        let text = self.value(&format!("document.querySelector({selector:?})?.textContent"));
        text.as_str().unwrap_or_else(|| panic!("no {selector}")).to_owned()
    }

    /// Clicks as a pointer does: on what is in front there.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        self.until(selector, &format!("!!document.querySelector({selector:?})?.checkVisibility()"));
        let click = async { self.client.find(Locator::Css(selector)).await?.click().await };
        self.runtime.block_on(click).unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Types into what has the focus.
    pub fn keys(&self, text: &str) {
        let typed = async { self.client.active_element().await?.send_keys(text).await };
        self.runtime.block_on(typed).expect("typed");
    }

    /// Types into an element; into one for files, their paths.
    #[track_caller]
    pub fn write(&self, selector: &str, text: &str) {
        let typed = async { self.client.find(Locator::Css(selector)).await?.send_keys(text).await };
        self.runtime.block_on(typed).unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Forgets all keys of the page.
    pub fn forget_cookies(&self) {
        self.runtime.block_on(self.client.delete_all_cookies()).expect("no cookies");
    }

    /// Looks from a window of this size.
    pub fn width(&self, width: u32, height: u32) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", size);
    }

    /// Likes it `light` or `dark`, and without motion.
    pub fn theme(&self, theme: &str) {
        let features = json!({ "features": [
            { "name": "prefers-color-scheme", "value": theme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.command("Emulation.setEmulatedMedia", features);
    }

    /// Lets pages read what was copied.
    pub fn let_read_clipboard(&self) {
        let permissions = json!({ "permissions": ["clipboardReadWrite"] });
        self.command("Browser.grantPermissions", permissions);
    }

    /// What was copied last.
    #[track_caller]
    pub fn copied(&self) -> String {
        let text = self.value("navigator.clipboard.readText()");
        text.as_str().expect("a text").to_owned()
    }

    /// What is to be seen, as PNG.
    pub fn picture(&self) -> Vec<u8> {
        self.runtime.block_on(self.client.screenshot()).expect("a picture")
    }

    /// What the page told the console: an error, or what its policy kept it from.
    pub fn told(&self) -> Vec<String> {
        let log = Raw { path: "se/log", body: json!({ "type": "browser" }) };
        let entries = self.runtime.block_on(self.client.issue_cmd(log)).expect("a log");
        let entries = entries.as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry["message"].to_string()).collect()
    }

    /// A command of Chromium's own protocol.
    pub fn command(&self, name: &str, parameters: Value) {
        let body = json!({ "cmd": name, "params": parameters });
        let command = Raw { path: "goog/cdp/execute", body };
        self.runtime.block_on(self.client.issue_cmd(command)).expect("a command");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser when it is told to close it, and not when it is killed.
        let _ = self.runtime.block_on(self.client.clone().close());
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The address that lets a browser in, once.
#[track_caller]
pub fn way_in(taxiway: &Taxiway) -> String {
    let said = taxiway.run(&["ui", "--no-open"]).exits(0);
    said.out.trim_end().to_owned()
}

/// A request of the driver that WebDriver does not know.
#[derive(Debug)]
struct Raw {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Raw {
    fn endpoint(
        &self,
        base: &Url,
        session: Option<&str>,
    ) -> Result<Url, <Url as std::str::FromStr>::Err> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
