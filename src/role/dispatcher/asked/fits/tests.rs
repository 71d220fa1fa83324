use std::sync::Arc;

use manifest::Manifest;

use super::super::super::template::tests::{World, session};
use super::*;

fn sought(manifest: Manifest) -> Sought {
    Sought {
        manifest: Arc::new(manifest),
        before: None,
        is_taken: false,
        begins_anew: true,
        appmasters: 0,
        taskmanagers: 0,
    }
}

const JOB: &str = "  job: {jarURI: 'local:///a.jar', entryClass: a.B, parallelism: 4}\n";

/// What is asked: how many there are, how many more are wanted, and what each takes.
fn asked(inquiry: Inquiry) -> Vec<String> {
    let Inquiry::Asked { parts, .. } = inquiry else { panic!("nothing is asked: {inquiry:?}") };
    let texts = parts.iter().map(|part| match &part.question {
        Question::Lacking(name) => format!("what {name} lacks"),
        Question::Tasks(Wanted { count, need, .. }) => {
            format!("{} and {count} of {need}", part.there)
        }
    });
    texts.collect()
}

#[test]
fn appmasters_and_taskmanagers_are_as_they_would_be_launched() {
    let world = World::new(&[]);
    let replicas = session("v1_20", "  mesos: {constraints: ['rack:LIKE:r1']}\n");
    let Inquiry::Asked { parts, .. } = inquiry(&world.makings, &sought(replicas)) else {
        panic!("it is asked")
    };
    for part in &parts {
        let Question::Tasks(wanted) = &part.question else { panic!("{part:?}") };
        assert_eq!(wanted.hard.len(), 1, "{wanted:?}");
    }
    let application = inquiry(&world.makings, &sought(session("v1_20", JOB)));
    let appmaster = "0 and 1 of cpus 0.5, mem 1088, ports 5";
    assert_eq!(asked(application), [appmaster, "0 and 4 of cpus 1, mem 1024, ports 2"]);
}

#[test]
fn what_runs_keeps_its_room_or_leaves_it_to_others() {
    let world = World::new(&[]);
    let of = |more: &str| session("v1_20", more);
    let running = |manifest: Manifest, begins_anew| Sought {
        before: Some(Arc::new(of(JOB))),
        begins_anew,
        appmasters: 1,
        taskmanagers: 3,
        ..sought(manifest)
    };
    let asked = |sought: &Sought| asked(inquiry(&world.makings, sought));
    let more_slots = of(&JOB.replace("4}", "5}"));
    let (appmaster, taskmanager) = ("of cpus 0.5, mem 1088, ports 5", "of cpus 1, mem 1024, ports 2");
    // An application never runs beside itself.
    assert_eq!(
        asked(&running(more_slots, true)),
        [format!("1 and 0 {appmaster}"), format!("3 and 2 {taskmanager}")]
    );
    let found = asked(&running(of(""), true));
    assert!(
        found[0].starts_with("0 and 1 "),
        "a session's next AppMaster runs beside the one before: {found:?}"
    );
    assert!(asked(&running(of(""), false))[0].starts_with("1 and 0 "));
    let mut greedy = of(JOB);
    greedy.spec.flink_configuration.insert("taskmanager.memory.process.size".to_owned(), "2g".to_owned());
    greedy.spec.task_manager.resource.memory = None;
    let found = asked(&running(greedy, true));
    assert!(
        found[1].starts_with("0 and 4 "),
        "what is bigger does not fit into the room of the old: {found:?}"
    );
    let taken = Sought { is_taken: true, begins_anew: false, ..running(of(JOB), false) };
    assert_eq!(asked(&taken), ["what one lacks"]);
}

fn told(inquiry: Inquiry, fits: Vec<Fit>, fitting: &Fitting) -> Fits {
    told_with(inquiry, fits, fitting, &mut None)
}

fn told_with(inquiry: Inquiry, fits: Vec<Fit>, fitting: &Fitting, quotas: &mut Quotas<'_>) -> Fits {
    let mut fits = fits;
    let told = inquiry.told(&mut fits, fitting, quotas);
    assert!(fits.is_empty(), "{fits:?} are of nobody");
    told
}

fn fit(placeable: usize, wanted: usize) -> Fit {
    let nearest = (placeable < wanted).then(|| "nearest host=a mem: needs 1024, offered 64".to_owned());
    Fit { wanted, placeable, nearest, ..Fit::default() }
}

#[test]
fn only_what_offers_tell_is_said_not_to_fit() {
    let world = World::new(&[]);
    let ask = || inquiry(&world.makings, &sought(session("v1_20", JOB)));
    let second = Duration::from_secs(1);
    let known = Fitting { agents: 2, ages: Some((second, second * 3)), is_known: true, ..Fitting::default() };
    let fits = told(ask(), vec![fit(1, 1), fit(4, 4)], &known);
    assert_eq!(fits.why, "would fit into the latest offers (2 agents, 1 s to 3 s ago)");
    assert!(fits.are_told_to_fit() && !fits.are_short());
    let fits = told(ask(), vec![fit(1, 1), fit(3, 4)], &known);
    assert_eq!(
        fits.why,
        "does not fit into the latest offers (2 agents, 1 s to 3 s ago): room for 3 of 4 TaskManagers, nearest host=a mem: needs 1024, offered 64"
    );
    assert!(fits.are_short() && !fits.are_told_to_fit());
    let unknown = Fitting { is_known: false, ..known };
    let fits = told(ask(), vec![fit(0, 1), fit(0, 4)], &unknown);
    assert_eq!((fits.appmasters.placeable, fits.why.as_str()), (None, UNKNOWN));
    assert!(!fits.are_short() && !fits.are_told_to_fit());
    let fits = ask().unanswered("it is stopping");
    assert_eq!(fits.appmasters, Places { wanted: 1, placeable: None });
    assert_eq!(fits.why, "nobody can tell whether it fits: it is stopping");
    // No offers are needed for what is there.
    let all = Fit { there: 1, ..fit(1, 1) };
    let fits =
        told(Inquiry::Asked { replicas: 1, parts: vec![lacking()], claims: Vec::new() }, vec![all], &unknown);
    assert_eq!((fits.appmasters.placeable, fits.taskmanagers), (Some(1), None));
    assert!(fits.are_told_to_fit());
}

fn lacking() -> Part {
    let name = template::group("one").expect("a name");
    Part { noun: template::APPMASTER, there: 0, question: Question::Lacking(name) }
}

#[test]
fn what_cannot_be_launched_here_does_not_fit() {
    let world = World::new(&[]);
    let Inquiry::Known(fits) = inquiry(&world.makings, &sought(session("v1_19", ""))) else {
        panic!("nothing is to be asked")
    };
    assert!(fits.are_short() && fits.why.contains("no Flink 1.19"), "{fits:?}");
    let running = Sought { begins_anew: false, appmasters: 1, ..sought(session("v1_19", "")) };
    let Inquiry::Known(fits) = inquiry(&world.makings, &running) else { panic!("nothing is to be asked") };
    assert!(!fits.are_short() && fits.why.contains("no Flink 1.19"), "what runs goes on: {fits:?}");
    let replaced = Sought { is_taken: true, appmasters: 1, ..sought(session("v1_20", "")) };
    let Inquiry::Known(fits) = inquiry(&world.makings, &replaced) else { panic!("nothing is to be asked") };
    assert_eq!((fits.appmasters.placeable, fits.why.as_str()), (None, REPLACED));
}

fn quotas(cpus: f64, consumed: f64) -> mesos::quota::Quotas {
    let quota = serde_json::json!({
        "role": "etl", "guarantee": {}, "limit": {"cpus": cpus}, "consumed": {"cpus": consumed},
    });
    let roles = serde_json::json!({"roles": [{"name": "etl", "quota": quota}]});
    mesos::quota::Quotas::read(roles.to_string().as_bytes()).expect("roles")
}

#[test]
fn what_is_above_the_quota_does_not_fit() {
    let world = World::new(&[("mesos.resourcemanager.framework.role", "etl")]);
    let ask = |is_taken| inquiry(&world.makings, &Sought { is_taken, ..sought(session("v1_20", JOB)) });
    let second = Duration::from_secs(1);
    let known = Fitting { agents: 2, ages: Some((second, second)), is_known: true, ..Fitting::default() };
    let unknown = Fitting { is_known: false, ..known.clone() };
    let both = || vec![fit(1, 1), fit(4, 4)];
    let all = quotas(8.0, 3.5);
    let fits = told_with(ask(false), both(), &known, &mut Some(Ok(Left::of(&all))));
    assert_eq!(fits.why, "would fit into the latest offers (2 agents, 1 s to 1 s ago)");
    let few = quotas(8.0, 5.5);
    let fits = told_with(ask(false), both(), &unknown, &mut Some(Ok(Left::of(&few))));
    assert_eq!(
        fits.why,
        "does not fit: the Mesos role etl may use 8 cpus; 5.5 are in use and this cluster's AppMaster and 4 TaskManagers need 4.5"
    );
    assert_eq!(fits.appmasters, Places { wanted: 1, placeable: Some(1) });
    assert_eq!(fits.taskmanagers, Some(Places { wanted: 4, placeable: Some(2) }));
    assert!(fits.are_short());
    // After it was taken only what is certain of TaskManagers is told.
    let fits = told_with(ask(true), vec![fit(1, 1)], &known, &mut Some(Ok(Left::of(&few))));
    assert_eq!(fits.taskmanagers, Some(Places { wanted: 4, placeable: Some(2) }));
    let fits = told_with(ask(true), vec![fit(1, 1)], &known, &mut Some(Ok(Left::of(&all))));
    assert_eq!(fits.taskmanagers, None);
    let none = quotas(8.0, 7.75);
    let fits = told_with(ask(true), vec![fit(0, 1)], &known, &mut Some(Ok(Left::of(&none))));
    assert!(fits.why.ends_with("need 4.5; does not fit into the latest offers (2 agents, 1 s to 1 s ago): room for 0 of 1 AppMasters, nearest host=a mem: needs 1024, offered 64"), "{}", fits.why);
    assert_eq!(fits.appmasters, Places { wanted: 1, placeable: Some(0) });
    let unread = &mut Some(Err("the master m:5050 answers 403 Forbidden"));
    let fits = told_with(ask(false), both(), &known, unread);
    assert!(fits.are_told_to_fit());
    assert_eq!(
        fits.why,
        "would fit into the latest offers (2 agents, 1 s to 1 s ago); whether the quota of its Mesos role allows it is unknown: the master m:5050 answers 403 Forbidden"
    );
}

#[test]
fn taskmanagers_claim_the_role_of_their_own_framework() {
    let world = World::new(&[("mesos.resourcemanager.framework.role", "dispatcher")]);
    let claims = |sought: &Sought| {
        let Inquiry::Asked { claims, .. } = inquiry(&world.makings, sought) else { panic!("it is asked") };
        claims.into_iter().map(|claim| (claim.count, claim.roles.join(","))).collect::<Vec<_>>()
    };
    let elsewhere = session("v1_20", &format!("{JOB}  mesos: {{role: etl}}\n"));
    assert_eq!(claims(&sought(elsewhere)), [(1, "dispatcher".to_owned()), (4, "etl".to_owned())]);
    // It may have TaskManagers of which its AppMaster has not told yet.
    let running = Sought { appmasters: 1, begins_anew: false, ..sought(session("v1_20", JOB)) };
    let running = Sought { before: Some(Arc::clone(&running.manifest)), ..running };
    assert_eq!(claims(&running)[1].0, 0);
    assert_eq!(claims(&Sought { taskmanagers: 3, ..running.clone() })[1].0, 1);
    assert_eq!(claims(&Sought { taskmanagers: 3, is_taken: true, ..running })[1].0, 0);
}
