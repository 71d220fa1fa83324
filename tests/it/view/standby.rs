//! The status pages of two AppMasters that share a cluster, before and after one takes over.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::cluster::harness::Cluster;
use crate::ha::site::{Site, TASKMANAGERS, until_standby};
use crate::ports::free_ports;

use super::browser::{Browser, SCREENS};

#[tokio::test]
async fn a_standby_says_who_leads_and_then_that_it_does() {
    let ports: [u16; 2] = free_ports();
    let site = Site::open().await;
    let [leader, standby] = ports.map(|port| format!("http://127.0.0.1:{port}/"));
    let first = site.appmaster_with(&[("mesos.status.port", &ports[0].to_string())]);
    first.until_slots(TASKMANAGERS, TASKMANAGERS).await;
    let second = site.appmaster_with(&[("mesos.status.port", &ports[1].to_string())]);
    until_standby(&second).await;
    assert_eq!(ask(&standby, "readyz").await, (200, "ok\n".to_owned()));
    let (code, why) = ask(&standby, "v1/explain").await;
    assert!(code == 409 && why.contains("is a standby"), "{why}");

    let browser = Browser::start().await;
    browser.client.goto(&standby).await.expect("the page");
    points_to_the_leader(&browser, &leader, ports[0]).await;
    shows_sandboxes(&browser, &first, site.mesos_port).await;

    browser.client.goto(&standby).await.expect("the page");
    browser.until("!document.getElementById('standby').hidden").await;
    first.program.signal(Signal::SIGKILL);
    browser.until("document.getElementById('standby').hidden").await;
    browser
        .until(&format!(
            "document.getElementById('running').textContent === '{TASKMANAGERS} of {TASKMANAGERS}'"
        ))
        .await;
    for event in
        ["this AppMaster is a standby", "this AppMaster leads, ", "going on with the cluster", "leads Flink"]
    {
        browser
            .until(&format!("document.getElementById('event-rows').textContent.includes('{event}')"))
            .await;
    }
    browser.client.close().await.expect("it ends");
    tells_followers(&second);
}

async fn points_to_the_leader(browser: &Browser, leader: &str, port: u16) {
    browser.until("document.getElementById('leadership').textContent.includes('is a standby')").await;
    browser.until("document.getElementById('jobmanager').textContent === 'available'").await;
    browser.until("document.getElementById('subscribed').textContent === 'only the leader subscribes'").await;
    for (width, height) in SCREENS {
        browser.resize(width, height).await;
        let overflow = "document.documentElement.scrollWidth - innerWidth";
        assert_eq!(browser.value(overflow).await, Value::from(0), "{width}");
        browser.screenshot(&format!("standby-{width}.png")).await;
    }
    let complaints = browser.log("browser").await;
    assert!(complaints.is_empty(), "{complaints:#?}");
    let href = browser.value("document.getElementById('leader').href").await;
    assert!(href.as_str().is_some_and(|href| href.ends_with(&format!(":{port}/"))), "{href}");
    // Under the name that the leader has for others, which is this machine's.
    browser.client.goto(leader).await.expect("the leader's page");
    browser.until("document.getElementById('standby').hidden").await;
}

/// The Mesos UI knows `/agents/:agent_id/frameworks/:framework_id/executors/:executor_id/browse`, and the executor of a
/// command has the task's id.
async fn shows_sandboxes(browser: &Browser, leader: &Cluster, mesos_port: u16) {
    browser.until("document.querySelectorAll('#tasks a:not([hidden])').length === 2").await;
    let status = leader.status().expect("an answer");
    let framework = status["framework_id"].as_str().expect("an id");
    for task in status["tasks"].as_array().expect("a list") {
        let [agent, task] = ["agent_id", "task_id"].map(|name| task[name].as_str().expect("an id"));
        let path = format!("/#/agents/{agent}/frameworks/{framework}/executors/{task}/browse");
        let found = format!(
            "[...document.querySelectorAll('#tasks a')].some(a => a.href.endsWith('{path}') && new URL(a.href).port === \
             '{mesos_port}')"
        );
        assert_eq!(browser.value(&found).await, Value::Bool(true), "{path}");
    }
    // The embedded Mesos has such a page itself.
    let href = browser.value("document.querySelector('#tasks a:not([hidden])').href").await;
    browser.client.goto(href.as_str().expect("an address")).await.expect("the sandbox");
    let link = "[...document.querySelectorAll('#rows a')].find(a => a.textContent === 'stdout')";
    browser.until(&format!("Boolean({link})")).await;
    let text = format!("const answer = await fetch({link}.href); return (await answer.text()).length > 0;");
    let is_read = browser.value(&format!("(async () => {{ {text} }})()")).await;
    assert_eq!(is_read, Value::Bool(true), "its output can be downloaded");
    let complaints = browser.log("browser").await;
    assert!(complaints.is_empty(), "{complaints:#?}");
}

fn tells_followers(cluster: &Cluster) {
    let output = cluster.command(&["events", "--json"]);
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for kind in ["zookeeper_connected", "stands_by", "jobmanager_leads", "leads", "goes_on", "subscribed"] {
        let told = events.iter().filter(|event| event["kind"] == kind).count();
        assert!(told >= 1, "{kind}: {lines}");
        // Each is one line of the log.
        let text =
            events.iter().find(|event| event["kind"] == kind).expect("one")["text"].as_str().expect("text");
        let logged = cluster.program.log().lines().filter(|line| line.ends_with(text)).count();
        assert!(logged >= 1, "{text}\n{}", cluster.program.log_end());
    }
}

async fn ask(page: &str, path: &str) -> (u16, String) {
    let answer = reqwest::get(format!("{page}{path}")).await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}
