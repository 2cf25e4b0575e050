//! A headless Chromium for tests of the console, driven by WebDriver. It asks the
//! network for nothing, and ends with the test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use ureq::Agent;

use super::{Folder, PATIENCE};
use iot_coap_test_support::folders::target_tmp;

const CHROMIUM: &str = "/usr/bin/chromium";

const MISSING: &str = "the tests of the console's page need Chromium; please install it: \
    apt-get install --no-install-recommends chromium chromium-driver";

/// Keys as WebDriver names them.
pub const TAB: &str = "\u{E004}";
/// The space bar.
pub const SPACE: &str = " ";
/// The Enter key.
pub const ENTER: &str = "\u{E007}";
/// The arrow that points down.
pub const DOWN: &str = "\u{E015}";
/// The End key.
pub const END: &str = "\u{E010}";

/// What an element is called in WebDriver's JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one page.
pub struct Browser {
    agent: Agent,
    /// The URL of its WebDriver session.
    session: String,
    driver: Child,
    profile: Folder,
}

impl Browser {
    /// Opens a page, in a browser that prefers this language.
    pub fn open(url: &str, language: &str) -> Self {
        let profile = Folder::new();
        let (driver, port) = start_driver();
        let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
        let session = format!("http://127.0.0.1:{port}/session");
        let mut browser = Self { agent, session, driver, profile };
        let arguments = [
            "--headless=new".into(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-quic".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--no-first-run".into(),
            "--disable-dev-shm-usage".into(),
            format!("--user-data-dir={}", browser.profile.file("chromium").display()),
        ];
        let options = json!({
            "binary": CHROMIUM,
            "args": arguments,
            "prefs": { "intl.accept_languages": language },
        });
        let capabilities = json!({ "alwaysMatch": { "goog:chromeOptions": options } });
        let started = browser.command("", &json!({ "capabilities": capabilities }));
        let id = started["sessionId"].as_str().expect("chromedriver starts a browser");
        browser.session = format!("{}/{id}", browser.session);
        browser.size(1_360, 900);
        browser.go(url);
        browser
    }

    /// Opens another page.
    pub fn go(&self, url: &str) {
        self.command("/url", &json!({ "url": url }));
    }

    /// What a script returns.
    pub fn run(&self, script: &str) -> Value {
        self.command("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// What the whole page says.
    pub fn text(&self) -> String {
        self.text_of("body")
    }

    /// What an element says; nothing if there is none.
    pub fn text_of(&self, css: &str) -> String {
        let script = format!("return document.querySelector({css:?})?.innerText ?? ''");
        self.run(&script).as_str().expect("text").to_owned()
    }

    /// Waits until an expression is true.
    pub fn until(&self, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        let script = format!("return Boolean({expression})");
        while self.run(&script) != Value::Bool(true) {
            let page = || self.text();
            assert!(Instant::now() < deadline, "never: {expression}; the page says:\n{}", page());
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    /// Waits until an element's text contains another.
    pub fn until_says(&self, css: &str, text: &str) {
        self.until(&format!("document.querySelector({css:?})?.innerText.includes({text:?})"));
    }

    /// Clicks on an element.
    pub fn click(&self, css: &str) {
        let found = self.command("/element", &json!({ "using": "css selector", "value": css }));
        self.command(&format!("/element/{}/click", id(&found)), &json!({}));
    }

    /// Presses keys wherever the focus is.
    pub fn press(&self, keys: &str) {
        let focused = self.run("return document.activeElement");
        self.command(&format!("/element/{}/value", id(&focused)), &json!({ "text": keys }));
    }

    /// Presses Tab until an element has the focus.
    pub fn tab_to(&self, css: &str) {
        let script = format!("return document.activeElement.matches({css:?})");
        for _ in 0..100 {
            self.press(TAB);
            if self.run(&script) == Value::Bool(true) {
                return;
            }
        }
        panic!("Tab never reaches {css}");
    }

    /// How much of the page's memory is in use, in bytes, without what can be thrown away.
    pub fn heap(&self) -> f64 {
        self.devtools("HeapProfiler.collectGarbage", &json!({}));
        self.devtools("Performance.enable", &json!({}));
        let told = self.devtools("Performance.getMetrics", &json!({}));
        let metrics = told["metrics"].as_array().expect("a list");
        let used = metrics.iter().find(|each| each["name"] == "JSHeapUsedSize");
        used.and_then(|each| each["value"].as_f64()).expect("Chromium measures it")
    }

    /// Sets the size of the page, in CSS pixels.
    pub fn size(&self, width: u32, height: u32) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Prefers a colour scheme: `light` or `dark`.
    pub fn prefer(&self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": [feature] }));
    }

    /// Keeps a picture of the page among the tests' artefacts.
    pub fn screenshot(&self, name: &str) -> PathBuf {
        let shot = self.ask("GET", "/screenshot", None);
        let picture = STANDARD.decode(shot.as_str().expect("base64")).expect("base64");
        let path = target_tmp().join(name);
        std::fs::write(&path, picture).expect("written");
        path
    }

    /// What the page complained of in the browser's console.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.command("/se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().expect("a list");
        entries.iter().map(|entry| entry["message"].to_string()).collect()
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.command("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", path, Some(body))
    }

    /// Has chromedriver do something; fails unless it does.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let url = format!("{}{path}", self.session);
        let request = ureq::http::Request::builder().method(method).uri(url);
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.body(body).expect("a request");
        let mut response = self.agent.run(request).expect("chromedriver answers");
        let answer = response.body_mut().with_config().limit(1 << 26).read_to_string();
        let mut answer: Value =
            serde_json::from_str(&answer.expect("an answer")).expect("WebDriver speaks JSON");
        assert!(response.status().is_success(), "{method} {path}: {}", answer["value"]);
        answer["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser goes first: chromedriver would leave it behind.
        let _ = self.agent.delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn id(element: &Value) -> &str {
    element[ELEMENT].as_str().expect("an element")
}

/// A chromedriver on a free port.
fn start_driver() -> (Child, u16) {
    assert!(Path::new(CHROMIUM).exists(), "{CHROMIUM} is not there; {MISSING}");
    let mut driver = Command::new("chromedriver")
        .arg("--port=0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("chromedriver: {error}; {MISSING}"));
    let mut lines = BufReader::new(driver.stdout.take().expect("piped")).lines();
    let port = loop {
        let line = lines.next().expect("it says its port").expect("text");
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            break port.trim_end_matches('.').parse().expect("a number");
        }
    };
    // It must not be stopped by a pipe that nobody reads.
    std::thread::spawn(move || lines.for_each(drop));
    (driver, port)
}
