//! An AppMaster that a dispatcher has launched: with nothing but what its task gives it, and with orders from there. The
//! dispatcher is a stand-in.

mod dispatcher;
pub mod task;

use std::fs;
use std::sync::mpsc;

use axum::Router;
use dial::{Carried, Outcome, Standing, What};
use flink::rest::RestClient;
use nix::sys::signal::Signal;

use crate::cluster::harness::Program;
use crate::cluster::masters::start_mesos;
use crate::cluster::processes::{self, Part};
use crate::cluster::stop::AT_ONCE;
use crate::delivery::stores::Stores;
use crate::delivery::{fetched, files_below};
use crate::ports::{free_ports, free_range};

use dispatcher::Dispatcher;
use task::{ATTEMPT, TASK, TOKEN, Task};

#[tokio::test]
async fn it_starts_from_a_token_and_does_what_the_dispatcher_orders() {
    let [port] = free_ports();
    let mesos = start_mesos(port, &free_range(8)).await;
    let dispatcher = Dispatcher::start(port, None).await;
    let away = format!("http://127.0.0.1:{}", free_ports::<1>()[0]);
    let mut appmaster = Task::start(&dispatcher, &away).await;
    let program = &appmaster.program;
    // Jobs are asked of the JobManager, which may have no time for it yet.
    let is_told = |status: &dial::Status| status.running == 1 && status.jobs_running == Some(0);
    let status = dispatcher.until(program, "one TaskManager runs", is_told).await;
    assert_eq!((status.standing, status.target, status.subscribed), (Standing::Alone, 1, true));
    assert!(status.framework_id.is_some(), "{status:?}");
    let url = status.flink_url.expect("it is known");
    assert_eq!(url, format!("http://{}:{}", task::host(), appmaster.rest_port));
    assert!(!task::fetch(&status.status_url.expect("it is known")).await.is_empty());
    assert_delivered(&appmaster, &dispatcher);

    let scale = dispatcher.order(What::Scale { taskmanagers: 2 });
    dispatcher.until(program, "two TaskManagers run", |status| status.running == 2).await;
    let flink = RestClient::new(&url).expect("a client");
    program
        .until("both have registered", async || {
            flink.overview().await.ok().filter(|overview| overview.taskmanagers == 2)
        })
        .await;
    let unknown = dispatcher.order(What::Replace { taskmanager: "nobody".to_owned() });
    let outcomes = dispatcher.outcomes(program, unknown).await;
    assert_eq!(outcomes[0], Outcome { id: scale, result: Carried::Done });
    assert!(matches!(&outcomes[1], Outcome { result: Carried::Refused { .. }, .. }), "{outcomes:?}");

    // The next worker is sent both again, as nothing of it is stored.
    processes::signal(program.part(Part::Worker), Signal::SIGKILL);
    let replace = What::Replace { taskmanager: task_of(&mesos).await };
    let again = dispatcher.outcomes(program, dispatcher.order(replace)).await;
    assert_eq!(again[..2], outcomes[..]);
    assert_eq!(again[2].result, Carried::Done);
    for order in [scale, unknown] {
        let text = format!("(order {order}): ");
        let told = program.log().lines().filter(|line| line.contains(&text)).count();
        assert_eq!(told, 1, "order {order} was carried out again: {}", program.log_end());
    }

    dispatcher.order(What::End { force: false });
    assert_eq!(appmaster.program.end().await.code(), Some(0), "{}", appmaster.program.log_end());
    appmaster.program.assert_nothing_left(AT_ONCE).await;
    let left: Vec<_> = files_below(&appmaster.sandbox());
    let expected = ["flink-on-mesos", "flink.log"].map(|name| appmaster.sandbox().join(name));
    assert_eq!(left, expected, "what was unpacked is gone, and the log stays");
    mesos
        .until("no TaskManager is left", async || mesos.parts(Part::TaskManager).is_empty().then_some(()))
        .await;
}

#[tokio::test]
async fn one_that_is_superseded_leaves_at_once_and_tears_nothing_down() {
    let [port] = free_ports();
    let mesos = start_mesos(port, &free_range(8)).await;
    let [stores, others] = [Stores::make(), Stores::make()];
    let dispatcher = Dispatcher::start(port, Some(&stores.identity())).await;
    let (asked, asks) = mpsc::channel();
    let routes = Router::new().fallback(async move || asked.send(()).unwrap_or_default());
    let impostor = dispatcher::serve(routes, Some(&others.identity())).await;
    let mut appmaster = Task::start(&dispatcher, &impostor).await;
    dispatcher.until(&appmaster.program, "a TaskManager runs", |status| status.running == 1).await;
    // A status alone says nothing.
    dispatcher.refuse(true);
    appmaster.program.until_log("refused the report: 410").await;
    dispatcher.refuse(false);
    dispatcher.until(&appmaster.program, "it reports again", |status| status.running == 1).await;
    let taskmanager = task_of(&mesos).await;
    dispatcher.supersede(ATTEMPT + 1);
    assert_eq!(appmaster.program.end().await.code(), Some(69), "{}", appmaster.program.log_end());
    appmaster.program.assert_nothing_left(AT_ONCE).await;
    let log = appmaster.program.log();
    assert!(log.contains(&format!("attempt {} of this cluster's AppMaster is the current one", ATTEMPT + 1)));
    assert!(!log.contains("torn down"), "{log}");
    assert!(asks.try_recv().is_err(), "another certificate was trusted");
    assert_eq!(task_of(&mesos).await, taskmanager);
}

/// Nothing of it was read again, none of it was fetched from the AppMaster, and nobody is told the token.
fn assert_delivered(appmaster: &Task, dispatcher: &Dispatcher) {
    let log = appmaster.program.log();
    assert!(log.contains("what this AppMaster was given"), "{log}");
    assert!(!log.contains("read the files in"), "{log}");
    assert_eq!(fetched(&log, "flink.tar"), 0, "{log}");
    assert_eq!(dispatcher.fetched("flink.tar"), 2, "for the AppMaster and for the agent");
    assert!(!log.contains(TOKEN), "{log}");
    for process in appmaster.program.everything() {
        let texts = [processes::argv(process), processes::environment(process)].concat();
        assert!(!texts.iter().any(|text| text.contains(TOKEN)), "{}", processes::describe(process));
    }
    let fetched = files_below(&appmaster.sandbox()).into_iter().filter(|path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        path.ends_with("config.yaml") && text.contains(TASK)
    });
    assert_eq!(fetched.count(), 0, "what only the start is told is no configuration");
}

/// The id of a TaskManager that runs there. The kernel's list of a process' children may lack one for a moment.
async fn task_of(mesos: &Program) -> String {
    // What watches over its claim is told it.
    let id = |process| processes::argv(process).get(2).cloned();
    let found = async || mesos.parts(Part::Claim).into_iter().find_map(id);
    mesos.until("a TaskManager is there", found).await
}
