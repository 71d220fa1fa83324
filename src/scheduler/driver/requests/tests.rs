use super::super::facts::JobManagers;
use super::*;

fn standby() -> Leadership {
    Leadership::Standby { leader: None }
}

/// Lets tasks that were spawned get to where they wait.
async fn settle() {
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_full_queue_is_busy_and_the_place_that_becomes_free_is_taken() {
    let (requests, doorkeeper, _ends) = open(&Facts::default(), None);
    assert_eq!(requests.order(|reply| Request::Scale(1, reply)).await, Err(Refusal::Starting));
    let mut queue = doorkeeper.admit_at_most(1);
    let first = requests.clone();
    let first = tokio::spawn(async move { first.ask(Request::Report).await });
    settle().await;
    assert_eq!(requests.ask(Request::Report).await, Err(Refusal::Busy));
    assert_eq!(requests.order(|reply| Request::Scale(1, reply)).await, Err(Refusal::Busy));
    let Some(Request::Report(reply)) = queue.recv().await else { panic!("no report is asked for") };
    reply.send(Report::idle(Leadership::Leader)).expect("it waits");
    assert_eq!(first.await.expect("no panic"), Ok(Report::idle(Leadership::Leader)));
    let next = tokio::spawn(async move { requests.ask(Request::Report).await });
    drop(queue.recv().await);
    let refusal = next.await.expect("no panic").expect_err("nobody has answered");
    assert_eq!(refusal, Refusal::Starting);
}

#[tokio::test]
async fn who_does_not_lead_refuses_at_once_and_what_waits_too() {
    let (requests, doorkeeper, _ends) = open(&Facts::default(), Some(Leadership::Away { why: None }));
    let mut queue = doorkeeper.admit();
    let away = Refusal::NotLeading(NotLeading(Leadership::Away { why: None }));
    assert_eq!(requests.ask(Request::Report).await, Err(away));
    doorkeeper.stands(Leadership::Leader);
    let asking = requests.clone();
    let question =
        tokio::spawn(async move { asking.ask(|reply| Request::Explain(None, reply)).await.map(drop) });
    let ordering = requests.clone();
    let order =
        tokio::spawn(async move { ordering.order(|reply| Request::Replace("t".into(), reply)).await });
    settle().await;
    doorkeeper.stands(Leadership::Suspended);
    let suspended = Refusal::NotLeading(NotLeading(Leadership::Suspended));
    assert_eq!(question.await.expect("no panic"), Err(suspended));
    let Some(Request::Explain(None, reply)) = queue.recv().await else {
        panic!("no explanation is asked for")
    };
    assert!(reply.is_closed(), "whoever asked has its answer");
    let Some(Request::Replace(_, reply)) = queue.recv().await else { panic!("nothing was ordered") };
    reply.send(true).expect("who orders waits for what comes of it");
    assert_eq!(order.await.expect("no panic"), Ok(true));
}

#[tokio::test]
async fn a_report_of_the_scheduler_waits_until_that_may_act() {
    let (requests, doorkeeper, _ends) = open(&Facts::default(), Some(Leadership::Suspended));
    let mut queue = doorkeeper.admit();
    let asking = requests.clone();
    let report = tokio::spawn(async move { asking.scheduler_report().await });
    settle().await;
    assert!(queue.try_recv().is_err(), "nothing is asked of one that may not act");
    doorkeeper.stands(Leadership::Leader);
    requests.until_led().await;
    let Some(Request::Report(reply)) = queue.recv().await else { panic!("no report is asked for") };
    let told = Report { framework_id: Some("F".to_owned()), ..Report::idle(Leadership::Leader) };
    reply.send(told.clone()).expect("it waits");
    assert_eq!(report.await.expect("no panic").as_deref(), Ok(&told));
}

#[tokio::test]
async fn a_scheduler_that_ends_leaves_nobody_without_an_answer() {
    let (requests, doorkeeper, _ends) = open(&Facts::default(), Some(Leadership::Leader));
    let mut order = Vec::new();
    for leadership in [Leadership::Leader, standby()] {
        let queue = doorkeeper.admit();
        let ordering = requests.clone();
        order.push(tokio::spawn(
            async move { ordering.order(|reply| Request::Scale(1, reply)).await.map(drop) },
        ));
        settle().await;
        doorkeeper.stands(leadership);
        drop(queue);
    }
    let refusals = [Refusal::Starting, NotLeading(standby()).into()];
    for (order, refusal) in order.into_iter().zip(refusals) {
        assert_eq!(order.await.expect("no panic"), Err(refusal));
    }
}

#[tokio::test]
async fn who_stands_by_reports_how_it_stands_and_which_jobmanager_leads() {
    let facts = Facts::default();
    let (requests, doorkeeper, _ends) = open(&facts, Some(Leadership::Away { why: None }));
    doorkeeper.stands(standby());
    let leader = Some("http://b:8081".to_owned());
    facts.jobmanagers.send_replace(JobManagers { leader: leader.clone(), trouble: None });
    let expected = Report { jobmanager_leader: leader, ..Report::idle(standby()) };
    assert_eq!(requests.report().await, Ok(expected));
}

#[tokio::test]
async fn while_the_state_cannot_be_stored_the_last_report_says_so() {
    let facts = Facts::default();
    let (requests, doorkeeper, _ends) = open(&facts, None);
    let mut queue = doorkeeper.admit();
    let scheduler = tokio::spawn(async move {
        let Some(Request::Report(reply)) = queue.recv().await else { panic!("no report is asked for") };
        reply.send(Report { target: 7, ..Report::idle(Leadership::Leader) }).expect("it waits");
        // And then it writes.
        queue
    });
    assert_eq!(requests.report().await.map(|report| report.target), Ok(7));
    let _queue = scheduler.await.expect("no panic");
    let asking = requests.clone();
    let report = tokio::spawn(async move { asking.report().await });
    settle().await;
    facts.not_stored.send_replace(Some("no space left".to_owned()));
    let report = report.await.expect("no panic").expect("the last one");
    let reason = report.waiting.map(|waiting| waiting.reason);
    assert_eq!((report.target, reason), (7, Some(Reason::NotStored { why: "no space left".to_owned() })));
}

#[tokio::test]
async fn an_order_to_end_is_answered_by_whoever_takes_it() {
    let (requests, _doorkeeper, mut orders) = open(&Facts::default(), Some(standby()));
    let why = NotEnding::Failed("there is no session with ZooKeeper".to_owned());
    for answer in [Ok(()), Err(why)] {
        let ordering = requests.clone();
        let ordered = tokio::spawn(async move { ordering.end().await });
        let reply = orders.recv().await.expect("an order");
        reply.send(answer.clone()).expect("it waits");
        assert_eq!(ordered.await.expect("no panic"), answer);
    }
    drop(orders);
    assert_eq!(requests.end().await, Err(NotEnding::Refused(Refusal::Stopping)));
}
