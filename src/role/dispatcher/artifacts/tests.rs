//! Who gets which artifact at the port where agents fetch.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;

use dispatcher::driver::{Driver, Groups};
use dispatcher::{Action, Dispatcher, Limits as CoreLimits, View};
use manifest::Circumstances;
use records::Records as _;
use records::directory::DirectoryRecords;
use scheduler::driver::facts::Facts;
use scheduler::driver::requests;
use serve::Listening;
use tokio::net::TcpListener;

use super::*;

const TASK: &str = "a-x7k2pb-00001";

struct Nobody;

impl Groups for Nobody {
    type Error = Infallible;

    async fn carry_out(&mut self, _: Action) -> Result<(), Infallible> {
        Ok(())
    }

    async fn look(&mut self) -> Result<BTreeMap<String, View>, Infallible> {
        Ok(BTreeMap::new())
    }

    async fn changed(&mut self) {
        std::future::pending::<()>().await;
    }
}

/// With the token `right` for the AppMaster of cluster `a`, whose specification names the artifact `named`.
async fn serve_in(directory: &Path, peers: Peers) -> (String, Artifacts) {
    let mut records = DirectoryRecords::open(&directory.join("records"), "test").await.expect("it opens");
    let core = Dispatcher::restore(&records.load(None).await.expect("nothing"), CoreLimits::default());
    let (driver, handle) =
        Driver::new(core, 0, CoreLimits::default(), (records, Nobody), Arc::<Journal>::default(), now);
    tokio::spawn(driver.run());
    let text = format!(
        "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {{name: a}}\nspec: {{flinkVersion: v1_20, job: {{jarURI: 'artifact://{}', parallelism: 1}}, jobManager: {{resource: {{memory: 1g}}}}, taskManager: {{resource: {{memory: 1g}}}}}}\n",
        Digest::of("named")
    );
    let draft = manifest::read(&text).expect("a manifest").remove(0);
    let manifest = draft.validate(&Circumstances::default()).expect("good").manifest;
    let order = dispatcher::Order::default();
    let taken = handle.ask(move |core, now| core.apply(&[manifest], &order, now).remove(0)).await;
    taken.expect("an answer").expect("taken");
    let (requests, doorkeeper, _ends) = requests::open(&Facts::default(), None);
    let mut asked = doorkeeper.admit();
    tokio::spawn(async move {
        while let Some(request) = asked.recv().await {
            let Request::Claim { task_id, token, reply } = request else { continue };
            let is_held = task_id == TASK && token == "right";
            let _ = reply.send(if is_held { claim::Answer::Held } else { claim::Answer::Elsewhere });
        }
    });
    let limits = Limits { file: 100, total: 1000, grace: Duration::from_secs(3600) };
    let store = Arc::new(Store::new(directory.join("artifacts"), limits, now));
    let elsewhere = of_peers(Arc::clone(&store), peers.clone(), Arc::default());
    let artifacts = Artifacts { store, elsewhere, rules: None };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let routes = routes(requests, handle, artifacts.clone(), peers);
    tokio::spawn(serve::serve(Listening::new(listener, "test"), routes));
    (base, artifacts)
}

async fn push(artifacts: &Artifacts, text: &'static str) {
    let Ok(Begun::Comes(coming)) = artifacts.store.begin(Digest::of(text), None) else {
        panic!("there is room, and it is not there")
    };
    let chunks = futures_util::stream::iter([Ok::<_, Infallible>(text.into())]);
    let about = About { name: Some("a.jar".to_owned()), ..About::default() };
    coming.keep(about, chunks).await.expect("kept");
}

async fn asked(url: &str, token: &str) -> (u16, String) {
    let answer = client().expect("a client").get(url).bearer_auth(token).send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a text"))
}

#[tokio::test]
async fn an_appmaster_gets_what_its_specification_names() {
    let directory = tempfile::tempdir().expect("a directory");
    let (base, artifacts) = serve_in(directory.path(), Peers::none()).await;
    let url = |task_id: &str, text: &str| {
        format!("{base}{}", artifact::artifact_path(task_id, &Digest::of(text).to_string()))
    };
    let (status, text) = asked(&url(TASK, "named"), "right").await;
    assert_eq!((status, text.starts_with("no dispatcher that answers has artifact")), (503, true), "{text}");
    for text in ["named", "other"] {
        push(&artifacts, text).await;
    }
    assert_eq!(asked(&url(TASK, "named"), "right").await, (200, "named".to_owned()));
    for (task_id, text, token, expected) in [
        (TASK, "named", "wrong", 403),
        ("a-x7k2pb-00002", "named", "right", 403),
        (TASK, "other", "right", 403),
    ] {
        assert_eq!(asked(&url(task_id, text), token).await.0, expected, "{task_id} {text} {token}");
    }
    // For other dispatchers, of which there are none.
    for token in ["", "right"] {
        assert_eq!(asked(&format!("{base}{}", path(&Digest::of("named").to_string())), token).await.0, 403);
    }
}

#[tokio::test]
async fn what_is_missing_comes_from_whoever_has_it() {
    let directories = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let (told, peers) = watch::channel(Vec::new());
    let peers = [(); 2].map(|()| Peers::new(peers.clone()));
    let mut sites = Vec::new();
    for (directory, peers) in directories.iter().zip(&peers) {
        sites.push(serve_in(directory.path(), peers.clone()).await);
    }
    let all = sites
        .iter()
        .zip(&peers)
        .map(|((url, _), peers)| Peer { url: url.clone(), secret: peers.secret.to_string() });
    told.send_replace(all.collect());
    let [(_, has), (base, has_not)] = &sites[..] else { panic!("two sites") };
    push(has, "named").await;
    let url = format!("{base}{}", artifact::artifact_path(TASK, &Digest::of("named").to_string()));
    assert_eq!(asked(&url, "right").await, (200, "named".to_owned()));
    let copied = has_not.store.list();
    assert_eq!(copied[0].about.name.as_deref(), Some("a.jar"));
    // One that says that it is somebody else gets nothing.
    let forged = vec![Peer { url: sites[0].0.clone(), secret: "forged".to_owned() }];
    told.send_replace(forged);
    push(has, "other").await;
    assert!(has_not.open(Digest::of("other")).await.expect("looked").is_none());
}
