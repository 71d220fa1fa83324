//! The status page in a real browser, over a cluster that grows, wants too much, and loses a TaskManager.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::cluster::harness::{Cluster, Start};
use crate::cluster::processes::{self, Part};
use crate::ports::free_ports;

use super::browser::{Browser, SCREENS};

/// Three agents with room for one TaskManager each.
const THREE_AGENTS: [&str; 5] = ["local", "--agents", "3", "--resources", "cpus:1;mem:2048;disk:2048"];

const ROWS: &str = "[...document.querySelectorAll('#tasks tr')]";

#[tokio::test]
async fn shows_what_happens_and_why() {
    let [port] = free_ports();
    let port_text = port.to_string();
    let properties = [
        ("mesos.status.port", &*port_text),
        ("mesos.initial-tasks", "2"),
        ("taskmanager.numberOfTaskSlots", "1"),
        ("heartbeat.interval", "1000"),
        ("heartbeat.timeout", "8000"),
        ("s3.secret-key", "nobody-may-read-this"),
    ];
    let cluster =
        Cluster::start(&Start { command: &THREE_AGENTS, properties: &properties, ..Start::default() });
    let url = format!("http://127.0.0.1:{port}/");
    let browser = Browser::start().await;
    cluster.program.until_log("subscribed framework=").await;
    browser.client.goto(&url).await.expect("the page");

    sees_taskmanagers_come(&browser).await;
    reads_why_some_wait(&browser, &cluster).await;
    sees_one_go_and_another_come(&browser, &cluster).await;
    reads_the_configuration(&browser).await;
    works_by_keyboard(&browser).await;
    fits_every_screen(&browser).await;
    asks_nobody_else(&browser, &url).await;
    browser.client.close().await.expect("it ends");
}

async fn sees_taskmanagers_come(browser: &Browser) {
    browser.until("document.getElementById('running').textContent === '2 of 2'").await;
    browser.until("document.getElementById('slots').textContent === '0 of 2'").await;
    browser.until(&format!("{ROWS}.every(row => row.cells[5].textContent === '0 / 1')")).await;
    browser.until(&format!("{ROWS}.every(row => row.cells[1].textContent === 'running')")).await;
    // The embedded Mesos has no UI that they could lead to.
    let links = "['mesos', 'sandboxes'].every(id => document.getElementById(id).hidden)";
    assert_eq!(browser.value(links).await, Value::Bool(true));
    for (width, height) in SCREENS {
        browser.resize(width, height).await;
        browser.screenshot(&format!("runs-{width}.png")).await;
    }
}

async fn reads_why_some_wait(browser: &Browser, cluster: &Cluster) {
    browser.resize(SCREENS[0].0, SCREENS[0].1).await;
    cluster.order(&["scale", "5"]);
    browser
        .until("document.getElementById('missing').textContent === '2 TaskManagers are not launched yet'")
        .await;
    browser.until("document.getElementById('why').textContent.includes('cpus: needs 1, offered 0')").await;
    browser.until("document.getElementById('running').textContent === '3 of 5'").await;
    let details = fantoccini::Locator::Css("#explain summary");
    browser.client.find(details).await.expect("details").click().await.expect("opened");
    browser.until("document.querySelectorAll('#verdicts tr').length === 3").await;
    for (width, height) in SCREENS {
        browser.resize(width, height).await;
        browser.screenshot(&format!("waits-{width}.png")).await;
    }
}

async fn sees_one_go_and_another_come(browser: &Browser, cluster: &Cluster) {
    browser.resize(SCREENS[0].0, SCREENS[0].1).await;
    let before = browser.value(&format!("{ROWS}.map(row => row.cells[0].textContent)")).await;
    processes::signal(cluster.program.parts(Part::TaskManager)[0], Signal::SIGKILL);
    browser.until(&format!("{ROWS}.some(row => !{before}.includes(row.cells[0].textContent))")).await;
    browser.until("document.getElementById('running').textContent === '3 of 5'").await;
    browser.until("document.getElementById('event-rows').textContent.includes('state=TASK_FAILED')").await;
    browser.until("document.getElementById('agents').textContent.includes('others are preferred')").await;
    // The browser follows without a reload.
    assert_eq!(browser.value("performance.getEntriesByType('navigation').length").await, Value::from(1));
}

async fn reads_the_configuration(browser: &Browser) {
    let details = fantoccini::Locator::Css("#settings summary");
    browser.client.find(details).await.expect("details").click().await.expect("opened");
    browser
        .until("document.getElementById('setting-rows').textContent.includes('mesos.initial-tasks')")
        .await;
    let text = browser.value("document.documentElement.outerHTML").await;
    assert!(!text.to_string().contains("nobody-may-read-this"));
    let masked = "[...document.querySelectorAll('#setting-rows tr')].some(row => \
                  row.textContent === 's3.secret-key******-D')";
    assert_eq!(browser.value(masked).await, Value::Bool(true));
    browser.client.find(details).await.expect("details").click().await.expect("closed");
}

/// The first thing that the Tab key reaches leads past everything else, and all that can be opened can be reached.
async fn works_by_keyboard(browser: &Browser) {
    browser.value("(document.activeElement.blur(), scrollTo(0, 0))").await;
    let mut reached = Vec::new();
    for _ in 0..12 {
        let body = browser.client.active_element().await.expect("one");
        body.send_keys("\u{e004}").await.expect("Tab");
        let name = "(e => e.id || e.className || e.tagName + ' ' + e.textContent)(document.activeElement)";
        reached.push(browser.value(name).await.as_str().unwrap_or_default().to_owned());
    }
    assert!(reached.iter().any(|name| name.contains("skip")), "{reached:?}");
    assert!(reached.iter().any(|name| name.contains("Obstacles, and what would help")), "{reached:?}");
}

async fn fits_every_screen(browser: &Browser) {
    for scheme in ["light", "dark"] {
        browser.prefer(scheme).await;
        for (width, height) in SCREENS {
            browser.resize(width, height).await;
            let overflow = "document.documentElement.scrollWidth - innerWidth";
            assert_eq!(browser.value(overflow).await, Value::from(0), "{width}");
            browser.screenshot(&format!("{scheme}-{width}.png")).await;
        }
    }
    let ground = browser.value("getComputedStyle(document.body).backgroundColor").await;
    assert_eq!(ground, "rgb(20, 23, 27)", "dark when the system is");
}

async fn asks_nobody_else(browser: &Browser, url: &str) {
    let complaints = browser.log("browser").await;
    assert!(complaints.is_empty(), "{complaints:#?}");
    let mut asked = 0;
    for entry in browser.log("performance").await {
        let message: Value = serde_json::from_str(entry["message"].as_str().expect("text")).expect("JSON");
        if message["message"]["method"] != "Network.requestWillBeSent" {
            continue;
        }
        let target = message["message"]["params"]["request"]["url"].as_str().expect("a URL").to_owned();
        assert!(target.starts_with(url) || target.starts_with("data:"), "{target}");
        asked += 1;
    }
    assert!(asked >= 3, "the page, its stream and what it opened: {asked}");
}
