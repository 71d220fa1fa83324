//! The dispatcher's page in a real browser: a cluster is created, used through its Web UI, and comes back when its AppMaster dies.

use std::fs;
use std::path::Path;

use fantoccini::{Locator, wd::WindowHandle};
use futures_util::stream;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::site::{Site, looker, session};
use crate::cluster::application::jar_for;
use crate::cluster::processes::{self, Process};
use crate::view::browser::{Browser, SCREENS};

const TOKEN: &str = "a token for who looks";

/// A name by which the dispatcher is reached as from another machine.
const ELSEWHERE: &str = "dispatcher.example";

/// Of an upload, and how much more memory that may take.
const UPLOAD_MIB: usize = 200;
const MAX_MORE_KB: usize = 16 << 10;

#[tokio::test]
async fn a_cluster_is_created_used_and_comes_back_on_the_page() {
    let files = tempfile::tempdir().expect("a directory");
    let site = Site::start(&[looker(files.path(), TOKEN)]).await;
    let browser = Browser::start_with(&[&format!("--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1")]).await;
    browser.client.goto(&site.url()).await.expect("the page");
    let page = browser.client.window().await.expect("a window");
    creates_a_cluster(&browser).await;
    let ui = opens_its_ui(&browser, &page).await;
    submits_a_job(&browser, "2.3.0", files.path()).await;
    is_kept_apart(&browser, &site).await;
    uploads_take_no_memory(&site).await;

    browser.client.switch_to_window(page.clone()).await.expect("the page");
    browser.until(&shows("jobs", "1")).await;
    fits_every_screen(&browser, "cluster").await;
    sees_its_appmaster_die(&browser, &site).await;
    browser.client.switch_to_window(ui).await.expect("the Web UI");
    browser.value("(location.hash = '#/overview', 0)").await;
    browser.client.refresh().await.expect("it is there again");
    browser.until("document.body.innerText.includes('Available Task Slots')").await;

    browser.client.switch_to_window(page).await.expect("the page");
    may_only_look_with_a_token(&browser, &site).await;
    deletes_the_cluster(&browser, &site).await;

    site.apply(&[&session("old", "v1_20", super::MEMORY)]);
    sees_what_a_cluster_waits_for(&browser, &site).await;
    site.until_slots("old", 1).await;
    browser.client.goto(&format!("{}/ui/old/", site.url())).await.expect("the Web UI");
    submits_a_job(&browser, "1.20.5", files.path()).await;
    browser.client.close().await.expect("it ends");
}

/// Whether the element with this id shows this text.
fn shows(id: &str, text: &str) -> String {
    format!("document.getElementById('{id}').textContent === '{text}'")
}

async fn creates_a_cluster(browser: &Browser) {
    browser.until(&shows("sentence", "There are no clusters yet.")).await;
    browser.click("#new").await;
    browser.until("!document.getElementById('create').hidden").await;
    // What is wrong is said with its field.
    browser.write("#new-name", "Or ders").await;
    browser.write("#new-version", "2.3").await;
    browser.click("#create-button").await;
    browser.until("document.getElementById('create-told').textContent.includes('metadata.name')").await;
    fits_every_screen(browser, "create").await;
    browser.write("#new-name", "orders").await;
    for field in ["#new-memory", "#new-jm-memory"] {
        browser.write(field, "1024m").await;
    }
    browser.write("#new-cpus", "0.5").await;
    browser.write("#new-message", "for the orders").await;
    browser.click("#plan-button").await;
    browser
        .until("document.getElementById('create-told').textContent.includes('orders: would be created')")
        .await;
    browser.click("#create-button").await;
    browser.until(&shows("name", "orders")).await;
    browser.until(&shows("state", "running")).await;
    browser.until(&shows("taskmanagers", "1 of 1")).await;
    browser.until("document.getElementById('revision-rows').textContent.includes('for the orders')").await;
    browser.value("(location.hash = '#/', 0)").await;
    browser.until("!document.getElementById('all').hidden").await;
    // AppMasters report every 20 s.
    let row =
        "[...document.querySelectorAll('#cluster-rows td')].slice(0, 6).map(cell => cell.textContent).join()";
    browser.until(&format!("{row} === 'orders,running,2.3,1 / 1,1 / 1,0'")).await;
    browser.until(&shows("sentence", "The only cluster runs.")).await;
    browser.until("document.getElementById('event-rows').textContent.includes('created by')").await;
    fits_every_screen(browser, "clusters").await;
}

async fn opens_its_ui(browser: &Browser, page: &WindowHandle) -> WindowHandle {
    browser.click("#cluster-rows a").await;
    browser.until("document.getElementById('ui').checkVisibility()").await;
    // The manifest that was refused.
    says_nothing(browser, &["status of 422"]).await;
    browser.click("#ui").await;
    let is_other = async || {
        let windows = browser.client.windows().await.expect("windows");
        windows.into_iter().find(|window| window != page)
    };
    let ui = browser.driver.until("another window is there", is_other).await;
    browser.client.switch_to_window(ui.clone()).await.expect("the Web UI");
    browser.until("document.body.innerText.includes('Available Task Slots')").await;
    let address = browser.value("location.href").await;
    assert!(address.as_str().is_some_and(|address| address.contains("/ui/orders/~")), "{address}");
    ui
}

async fn submits_a_job(browser: &Browser, flink: &str, directory: &Path) {
    browser.resize(SCREENS[0].0, SCREENS[0].1).await;
    let jar = jar_for(flink, "Endless", directory);
    browser.until("document.body.innerText.includes('Available Task Slots')").await;
    browser.value("(location.hash = '#/submit', 0)").await;
    browser.until("document.querySelector('input[type=file]') !== null").await;
    let input = browser.client.find(Locator::Css("input[type=file]")).await.expect("a field for files");
    input.send_keys(&jar).await.expect("a file");
    let cell = "[...document.querySelectorAll('td')].find(cell => cell.textContent.includes('Endless.jar'))";
    browser.until(&format!("{cell} !== undefined")).await;
    browser.value(&format!("({cell}.click(), 0)")).await;
    let button = "[...document.querySelectorAll('button')].find(one => one.textContent.trim() === 'Submit')";
    browser.until(&format!("{button} !== undefined")).await;
    browser.value(&format!("({button}.click(), 0)")).await;
    browser.until("location.hash.startsWith('#/job/running/')").await;
    browser.until("document.body.innerText.includes('RUNNING')").await;
    browser.screenshot(&format!("flink-{flink}.png")).await;
    // It draws code in its own thread, as it may not have another.
    says_nothing(browser, &["web worker", "Failed to construct 'Worker'"]).await;
}

/// What a job could make its JobManager serve reaches nothing else, though it is served from the same place to somebody who may do
/// everything.
async fn is_kept_apart(browser: &Browser, site: &Site) {
    let audit = site.command(&["audit", "-o", "json"]);
    for attempt in [
        "fetch('/v1/clusters')",
        "fetch('/v1/clusters', { credentials: 'include' })",
        "fetch('/v1/clusters/orders', { method: 'DELETE' })",
        "fetch('/ui/orders/config')",
        "sessionStorage.setItem('a', 'b')",
        "localStorage.length",
        "navigator.serviceWorker.register('main.js')",
    ] {
        let tried = format!("(async () => {{ await {attempt} }})().then(() => 'done', () => 'kept out')");
        let outcome = browser.value(&tried).await;
        assert_eq!(outcome, "kept out", "{attempt}");
    }
    // Nobody asks before these, and nobody tells what came of them.
    for line in ["/v1/clusters/orders/restart", "/ui/orders/jars/upload"] {
        let order =
            format!("fetch('{line}', {{ method: 'POST', mode: 'no-cors', body: 'x' }}).then(() => 'sent')");
        assert_eq!(browser.value(&order).await, "sent", "{line}");
    }
    let opened =
        "(opened => { try { return String(opened && opened.document) } catch { return 'kept out' } })";
    assert_eq!(browser.value(&format!("{opened}(window.open('/'))")).await, "kept out");
    assert_eq!(site.command(&["audit", "-o", "json"]), audit);
    assert_eq!(site.attempts("orders"), [1]);
    let own = "fetch('jars').then(answer => answer.json()).then(jars => jars.files.length)";
    assert_eq!(browser.value(own).await, 1, "its own JobManager alone");
    let _refusals = browser.log("browser").await;
}

async fn uploads_take_no_memory(site: &Site) {
    let dispatcher = dispatcher(site);
    let chunk = vec![0; 1 << 20];
    let upload = async |mebibytes: usize| {
        let part = "--x\r\nContent-Disposition: form-data; name=\"jarfile\"; filename=\"big.jar\"\r\n\
                    Content-Type: application/x-java-archive\r\n\r\n";
        let chunks = (0..mebibytes).map(|_| chunk.clone());
        let parts = [part.as_bytes().to_vec()].into_iter().chain(chunks).chain([b"\r\n--x--\r\n".to_vec()]);
        let body =
            reqwest::Body::wrap_stream(stream::iter(parts.map(Ok::<_, std::io::Error>).collect::<Vec<_>>()));
        let client = tls::http::plain().expect("TLS").build().expect("a client");
        let url = format!("{}/ui/orders/jars/upload", site.url());
        let request = client.post(url).header("content-type", "multipart/form-data; boundary=x").body(body);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap_or_default());
    };
    upload(1).await;
    fs::write(format!("/proc/{}/clear_refs", dispatcher.pid), "5").expect("the peak is forgotten");
    let before = peak_kb(dispatcher);
    upload(UPLOAD_MIB).await;
    let peak = peak_kb(dispatcher);
    println!("an upload of {UPLOAD_MIB} MiB: {before} kB before, {peak} kB at most");
    assert!(peak < before + MAX_MORE_KB, "{before} kB, then {peak} kB");
}

pub fn dispatcher(site: &Site) -> Process {
    let is_it = |process: &Process| processes::argv(*process).get(1).is_some_and(|word| word == "dispatch");
    site.program.everything().into_iter().find(is_it).expect("it runs")
}

/// The most memory that it had.
pub fn peak_kb(process: Process) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid)).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

async fn sees_its_appmaster_die(browser: &Browser, site: &Site) {
    let jobmanager = site.jobmanager("orders");
    processes::signal(site.init_of(jobmanager), Signal::SIGKILL);
    browser.until("document.getElementById('state').textContent !== 'running'").await;
    browser.value("(location.hash = '#/', 0)").await;
    browser.until("document.getElementById('sentence').textContent.startsWith('Cluster orders ')").await;
    browser.screenshot("dispatcher-dies.png").await;
    browser.value("(location.hash = '#/clusters/orders', 0)").await;
    browser.until("document.querySelectorAll('#attempt-rows tr').length === 2").await;
    browser.until(&shows("state", "running")).await;
    browser.until(&shows("taskmanagers", "1 of 1")).await;
    browser.until("document.getElementById('ui').checkVisibility()").await;
    // Before that Flink answers that its leader is being elected, and asks for another look.
    site.until_slots("orders", 1).await;
    assert_eq!(browser.value("performance.getEntriesByType('navigation').length").await, Value::from(1));
    says_nothing(browser, &[]).await;
}

/// Somewhere else than on the dispatcher's own machine.
async fn may_only_look_with_a_token(browser: &Browser, site: &Site) {
    let url = site.url().replace("127.0.0.1", ELSEWHERE);
    browser.client.goto(&url).await.expect("the page");
    browser.until("!document.getElementById('login').hidden").await;
    fits_every_screen(browser, "login").await;
    browser.write("#token", "none").await;
    browser.click("#login-form button").await;
    browser
        .until("document.getElementById('login-why').textContent.includes('does not know this token')")
        .await;
    browser.write("#token", TOKEN).await;
    browser.click("#login-form button").await;
    browser.until(&shows("sentence", "The only cluster runs.")).await;
    browser.click("#cluster-rows a").await;
    browser.until("document.querySelector('[data-verb=suspend]')?.checkVisibility() === true").await;
    browser.click("[data-verb=suspend]").await;
    browser.write("#message", "only a try").await;
    browser.click("#ask-go").await;
    browser.until("document.getElementById('ask-told').textContent.includes('its role is view')").await;
    fits_every_screen(browser, "refused").await;
    browser.click("#ask-cancel").await;
    let secret = browser.value("document.documentElement.outerHTML").await;
    assert!(!secret.to_string().contains(TOKEN), "the page has the token");

    browser.client.goto(&format!("{url}/ui/orders/")).await.expect("the Web UI");
    browser.until("location.pathname.startsWith('/ui/orders/~')").await;
    browser.until("document.body.innerText.includes('Available Task Slots')").await;
    let refused =
        "fetch('jars/upload', { method: 'POST', body: new FormData() }).then(answer => answer.status)";
    assert_eq!(browser.value(refused).await, 403);
    let _refusals = browser.log("browser").await;
}

async fn sees_what_a_cluster_waits_for(browser: &Browser, site: &Site) {
    site.try_apply(&[&session("huge", "v2_3", super::MEMORY).replacen("cpu: 0.5", "cpu: 500", 1)]);
    browser.client.goto(&format!("{}/#/clusters/huge", site.url())).await.expect("the page");
    browser.until("document.getElementById('placing').textContent.includes('1 AppMaster not launched, each takes cpus 500')").await;
    fits_every_screen(browser, "waiting").await;
    browser.value("(location.hash = '#/', 0)").await;
    browser.until("!document.getElementById('all').hidden").await;
    site.command(&["delete", "huge"]);
    site.until_gone("huge").await;
}

async fn deletes_the_cluster(browser: &Browser, site: &Site) {
    browser.client.goto(&format!("{}/#/clusters/orders", site.url())).await.expect("the page");
    browser.resize(SCREENS[1].0, SCREENS[1].1).await;
    browser.until("document.querySelector('[data-verb=delete]')?.checkVisibility() === true").await;
    browser.click("[data-verb=delete]").await;
    browser.write("#again", "order").await;
    assert_eq!(browser.value("document.getElementById('ask-go').disabled").await, Value::Bool(true));
    browser.write("#again", "orders").await;
    browser.screenshot("dispatcher-delete.png").await;
    browser.click("#ask-go").await;
    browser.until(&shows("sentence", "There are no clusters yet.")).await;
    site.until_nothing_runs().await;
}

async fn fits_every_screen(browser: &Browser, name: &str) {
    for (width, height) in SCREENS {
        browser.resize(width, height).await;
        let overflow = "document.documentElement.scrollWidth - innerWidth";
        assert_eq!(browser.value(overflow).await, Value::from(0), "{name} at {width}");
        browser.screenshot(&format!("dispatcher-{name}-{width}.png")).await;
    }
    browser.resize(SCREENS[0].0, SCREENS[0].1).await;
}

/// Neither errors nor violations of a policy, but for what has one of these words.
async fn says_nothing(browser: &Browser, but: &[&str]) {
    let complaints = browser.log("browser").await;
    let is_expected = |entry: &Value| {
        let text = entry["message"].as_str().unwrap_or_default();
        // Without a word it is the driver's own script, which a change of the address has ended.
        but.iter().any(|word| text.contains(word)) || text.ends_with(" Uncaught")
    };
    let odd: Vec<_> = complaints.into_iter().filter(|entry| !is_expected(entry)).collect();
    assert!(odd.is_empty(), "{odd:#?}");
}
