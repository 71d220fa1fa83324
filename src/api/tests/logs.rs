//! Logs where there is no Mesos.

use futures_util::FutureExt as _;

use super::session;
use super::world::World;
use crate::scheduling::Told;
use crate::{AtMesos, Sandboxes};

pub struct Nowhere;

impl Sandboxes for Nowhere {
    fn mesos(&self) -> Told<AtMesos> {
        std::future::ready(Err("there is no Mesos".to_owned())).boxed()
    }

    fn frameworks(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

#[tokio::test]
async fn what_is_wrong_is_told_before_anybody_is_asked() {
    let world = World::new().await;
    world.ask("POST /v1/clusters", session("a")).await;
    for (path, status, error) in [
        ("b/logs", 404, "there is no cluster b"),
        ("a/logs?file=conf/config.yaml", 400, "\"conf/config.yaml\" is no log"),
        ("a/logs?file=../a.log", 400, "\"../a.log\" is no log"),
        ("a/logs?offset=x", 400, "offset"),
        ("a/logs?lines=1", 400, "lines"),
        ("a/logs?task=jobmanager&file=flink.log&tail=3&follow=true", 503, "there is no Mesos"),
    ] {
        let answer = world.ask(&format!("GET /v1/clusters/{path}"), "").await;
        let told = answer.error();
        assert_eq!((answer.status.as_u16(), told.contains(error)), (status, true), "{path}: {told}");
    }
}
