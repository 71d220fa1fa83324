use super::super::*;
use super::{DISPATCHER, accepted, only, session};

const SIZES: &str =
    "jobManager: {resource: {memory: 1g}}\ntaskManager: {resource: {memory: 2g, cpu: 1}, replicas: 2}\n";
const JOB: &str = "job: {jarURI: 'local:///a.jar', parallelism: 2}\n";

fn spec(more: &str) -> Specification {
    accepted(&session(&format!("{SIZES}{more}"))).spec
}

/// Line by line `field: old → new [effect]`.
fn told(old: &Specification, new: &Specification) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "—".to_owned());
    let line = |change: &Change| {
        format!("{}: {} → {} [{:?}]", change.field, text(&change.old), text(&change.new), change.effect)
    };
    diff(old, new).iter().map(line).collect()
}

#[test]
fn two_manifests_that_mean_the_same_are_the_same() {
    let one = "flinkConfiguration: {a.b: '1', pipeline.jobvertex-parallelism-overrides: 'x:1,y:2'}
mesos: {constraints: ['b:1', 'a:1', 'b:1'], container: {type: docker, volumes: ['/a:/b']}, networks: [host]}
image: i
imagePullPolicy: null
mode: native
";
    let other = "image: i
mesos:
  networks: [{mode: host}]
  container: {volumes: [{containerPath: /b, hostPath: /a, mode: RW}], type: docker}
  constraints: {hard: ['a:1', 'b:1']}
  priority: 0
flinkConfiguration: {pipeline: {jobvertex-parallelism-overrides: 'y:2, x:1'}, a: {b: 1}}
";
    let (one, other) = (spec(one), spec(other));
    assert_eq!(one, other);
    assert_eq!(one.digest(), other.digest());
    assert_eq!(told(&one, &other), [""; 0]);
    let sizes = "jobManager: {resource: {memory: 1024 mb}, replicas: 1}\ntaskManager: {resources: {requests: {memory: 2Gi, cpu: 1000m}}, replicas: '2'}\n";
    let (plain, same) = (spec(""), accepted(&session(sizes)).spec);
    assert_eq!(plain, same);
    assert_eq!(plain.digest(), same.digest());
    assert_ne!(plain.digest(), one.digest());
}

#[test]
fn a_change_says_what_it_takes() {
    let before = spec(JOB);
    for (more, expected) in [
        ("restartNonce: 1\n", "spec.restartNonce: — → 1 [Everything]"),
        ("image: i\n", "spec.image: — → i [Everything]"),
        ("flinkConfiguration: {a: b}\n", "spec.flinkConfiguration.a: — → b [Everything]"),
        (
            "flinkConfiguration: {taskmanager.x: b}\n",
            "spec.flinkConfiguration.taskmanager.x: — → b [TaskManagers]",
        ),
        ("flinkConfiguration: {web.x: b}\n", "spec.flinkConfiguration.web.x: — → b [AppMasters]"),
        ("flinkConfiguration: {kubernetes.x: b}\n", "spec.flinkConfiguration.kubernetes.x: — → b [Nothing]"),
        ("mesos: {priority: 3}\n", "spec.mesos.priority: 0 → 3 [Nothing]"),
        ("mesos: {role: a}\n", "spec.mesos.role: — → a [Everything]"),
        ("mesos: {constraints: ['a:1']}\n", "spec.mesos.constraints.hard: — → [\"a:1\"] [Everything]"),
    ] {
        assert_eq!(told(&before, &spec(&format!("{JOB}{more}"))), [expected]);
    }
    let job = |fields: &str| spec(&format!("job: {{jarURI: 'local:///a.jar', {fields}}}\n"));
    assert_eq!(told(&before, &job("parallelism: 3")), ["spec.job.parallelism: 2 → 3 [AppMasters]"]);
    let stopped = job("parallelism: 2, state: suspended");
    assert_eq!(told(&before, &stopped), ["spec.job.state: running → suspended [AppMasters]"]);
    assert!(stopped.is_suspended() && !before.is_suspended());

    let scaled = accepted(&session(&format!("{}{JOB}", SIZES.replace("replicas: 2", "replicas: 5")))).spec;
    let changes = diff(&before, &scaled);
    assert_eq!(told(&before, &scaled), ["spec.taskManager.replicas: 2 → 5 [TaskManagerCount]"]);
    assert_eq!(effect_of(&changes), Effect::TaskManagerCount);
    let larger = accepted(&session(&format!("{}{JOB}", SIZES.replace("2g", "4Gi")))).spec;
    assert_eq!(told(&before, &larger), ["spec.taskManager.resource.memory: 2g → 4g [TaskManagers]"]);
    assert_eq!(effect_of(&[]), Effect::Nothing);
}

#[test]
fn effects_add_up() {
    for (one, other, both) in [
        (Effect::Nothing, Effect::TaskManagerCount, Effect::TaskManagerCount),
        (Effect::TaskManagerCount, Effect::TaskManagers, Effect::TaskManagers),
        (Effect::TaskManagers, Effect::AppMasters, Effect::Everything),
        (Effect::AppMasters, Effect::AppMasters, Effect::AppMasters),
        (Effect::Everything, Effect::Nothing, Effect::Everything),
    ] {
        assert_eq!(one.and(other), both);
        assert_eq!(other.and(one), both);
    }
}

#[test]
fn a_cluster_stays_what_it_is() {
    let (plain, application) = (spec(""), spec(JOB));
    let suspended = spec(
        "job: {parallelism: 1, state: suspended, upgradeMode: last-state}\nflinkConfiguration: {state.checkpoints.dir: 's3://b'}\n",
    );
    let newer = session(&format!("{SIZES}{JOB}")).replace("v1_20", "v2_0");
    for (previous, text, field) in [
        (&plain, session(&format!("{SIZES}{JOB}")), Some("spec.job")),
        (&application, session(SIZES), Some("spec.job")),
        (&application, newer.clone(), None),
        (&suspended, newer, Some("spec.flinkVersion")),
    ] {
        let circumstances = Circumstances { previous: Some(previous), ..DISPATCHER };
        let found = only(&text).validate(&circumstances).err();
        let fields = found
            .map(|refused| refused.findings.into_iter().map(|finding| finding.field).collect::<Vec<_>>());
        assert_eq!(fields, field.map(|field| vec![field.to_owned()]), "{text}");
    }
}

/// All values that begin with `hidden-` are secrets.
#[test]
fn secrets_are_masked() {
    let text = include_str!("../../../tests/data/manifests/15-secrets.yaml");
    let manifest = accepted(text);
    let kept = manifest.canonical().unwrap();
    let shown = manifest.masked().canonical().unwrap();
    for number in 1..=16 {
        let secret = format!("hidden-{number}");
        assert!(kept.contains(&secret), "{secret} is kept\n{kept}");
        assert!(!shown.contains(&secret), "{secret} is shown\n{shown}");
    }
    assert!(shown.contains("visible"), "{shown}");

    let other = accepted(&text.replace("hidden-", "covert-"));
    let told = told(&manifest.spec, &other.spec);
    assert_eq!(told.len(), 12, "{told:#?}");
    assert!(!told.concat().contains("hidden") && !told.concat().contains("covert-"), "{told:#?}");
    for text in
        [text.replace("flink:1.20", ""), text.replace("v1_20", "1.20").replace("memory: 1g", "memory: [1]")]
    {
        let refused = only(&text).validate(&DISPATCHER).expect_err("nothing to run");
        let told = format!("{refused:?} {refused}");
        assert!(!told.contains("hidden"), "{told}");
    }
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let long = "x".repeat(MAX_CANONICAL);
    let text = session(&format!("{SIZES}flinkConfiguration: {{a: {long}}}\n"));
    let refused = only(&text).validate(&DISPATCHER).expect_err("too long");
    let [finding] = &refused.findings[..] else { panic!("{refused}") };
    assert_eq!(finding.field, "spec");
    assert!(finding.reason.ends_with("bytes in JSON are more than the 262144 that can be kept"), "{finding}");
}

#[test]
fn what_kubectl_has_left_is_not_kept() {
    let text = session(SIZES).replace(
        "{name: one}",
        "{name: one, annotations: {kubectl.kubernetes.io/last-applied-configuration: '{}', b: c}}",
    );
    assert_eq!(
        accepted(&text).metadata.annotations.into_iter().collect::<Vec<_>>(),
        [("b".into(), "c".into())]
    );
}
