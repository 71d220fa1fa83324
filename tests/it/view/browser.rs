//! A real Chromium without a screen, driven through Debian's chromedriver.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::{Method, Url};
use serde_json::{Value, json};

use crate::cluster::harness::{Program, scratch};

/// A desk and a phone, with what a person sees at once.
pub const SCREENS: [(u32, u32); 2] = [(1280, 900), (390, 844)];

/// While something is waited for, `waiting.png` shows what there is instead.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

pub struct Browser {
    pub client: Client,
    pub driver: Program,
}

/// What the WebDriver standard does not have.
#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Vendor {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as std::str::FromStr>::Err> {
        base.join(&format!("session/{}/{}", session.expect("a session"), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

impl Browser {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With more options of Chromium.
    pub async fn start_with(more: &[&str]) -> Self {
        let driver = Program::start_with(scratch(), Command::new("chromedriver"), &[], &["--port=0"]);
        let port = driver
            .until("chromedriver listens", async || {
                let log = driver.log();
                let (_, rest) = log.split_once("started successfully on port ")?;
                rest.split('.').next()?.trim().parse::<u16>().ok()
            })
            .await;
        let options = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--disable-background-networking",
            "--no-first-run",
        ];
        let options = [&options[..], more].concat();
        let capabilities = json!({
            "goog:chromeOptions": { "args": options },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let Value::Object(capabilities) = capabilities else { unreachable!("it is an object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("chromedriver starts Chromium");
        Self { client, driver }
    }

    /// The picture that a screen as wide shows, as high as the page is up to `height`.
    pub async fn resize(&self, width: u32, height: u32) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700 });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics).await;
    }

    pub async fn prefer(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", &features).await;
    }

    /// The whole page, to be looked at.
    pub async fn screenshot(&self, name: &str) {
        let picture = json!({ "format": "png", "captureBeyondViewport": true });
        let answer = self.devtools("Page.captureScreenshot", &picture).await;
        let png = STANDARD.decode(answer["data"].as_str().expect("a picture")).expect("base64");
        let directory = screenshots();
        std::fs::create_dir_all(&directory).expect("a directory");
        std::fs::write(directory.join(name), png).expect("written");
    }

    /// What JavaScript's `expression` gives.
    pub async fn value(&self, expression: &str) -> Value {
        self.client.execute(&format!("return {expression}"), vec![]).await.expect("it runs")
    }

    /// Waits until `expression` is true.
    pub async fn until(&self, expression: &str) {
        let seen = Cell::new(Instant::now());
        let is_so = async || {
            if seen.get().elapsed() > LOOK_AGAIN {
                seen.set(Instant::now());
                self.screenshot("waiting.png").await;
            }
            (self.value(expression).await == Value::Bool(true)).then_some(())
        };
        self.driver.until(expression, is_so).await;
    }

    pub async fn click(&self, css: &str) {
        self.client.find(Locator::Css(css)).await.expect(css).click().await.expect(css);
    }

    pub async fn write(&self, css: &str, text: &str) {
        let field = self.client.find(Locator::Css(css)).await.expect(css);
        field.clear().await.expect(css);
        field.send_keys(text).await.expect(css);
    }

    /// Messages of one of the browser's logs since it was read last.
    pub async fn log(&self, kind: &str) -> Vec<Value> {
        match self.vendor("se/log", json!({ "type": kind })).await {
            Value::Array(entries) => entries,
            other => panic!("the log {kind}: {other}"),
        }
    }

    async fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.vendor("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    async fn vendor(&self, path: &'static str, body: Value) -> Value {
        self.client.issue_cmd(Vendor { path, body }).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

/// Build output.
fn screenshots() -> PathBuf {
    let binary = Path::new(crate::cluster::harness::binary());
    let target = binary.ancestors().find(|path| path.ends_with("target")).unwrap_or(binary);
    target.join("screenshots")
}
