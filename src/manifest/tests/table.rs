//! Manifests as people write them: each is applied, with the configuration that its AppMaster gets, or refused with fields and reasons.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base::digest::Digest;

use super::super::*;
use super::{DISPATCHER, accepted, only, session};

macro_rules! manifests {
    ($($name:literal),*) => {
        [$((
            $name,
            include_str!(concat!("../../../tests/data/manifests/", $name)),
            include_str!(concat!("../../../tests/data/manifests/", $name, ".txt")),
        )),*]
    };
}

const MANIFESTS: [(&str, &str, &str); 15] = manifests![
    "01-session-smallest.yaml",
    "02-session-full.yaml",
    "03-session-nested.yaml",
    "04-session-old-memory.yaml",
    "05-application.yaml",
    "06-application-suspended.json",
    "07-odd-yaml.yaml",
    "08-wrong-fields.yaml",
    "09-other-kinds.yaml",
    "10-forbidden-keys.yaml",
    "11-wrong-resources.yaml",
    "12-wrong-job.yaml",
    "13-wrong-container.yaml",
    "14-twice.yaml",
    "15-secrets.yaml"
];

#[test]
fn each_manifest_is_applied_or_refused() {
    let mut wrong = String::new();
    for (name, text, expected) in MANIFESTS {
        let told = told(text, &DISPATCHER);
        if told != expected {
            let _ = write!(wrong, "\n<<< {name}\n{told}>>>");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn told(text: &str, circumstances: &Circumstances<'_>) -> String {
    let drafts = match read(text) {
        Ok(drafts) => drafts,
        Err(error) => return format!("unreadable: {error}\n"),
    };
    let mut out = String::new();
    for draft in drafts {
        let (findings, warnings) = match draft.validate(circumstances) {
            Ok(Accepted { manifest, warnings }) => {
                let name = &manifest.metadata.name;
                let _ = writeln!(out, "applied {name}");
                for (key, value) in manifest.spec.configuration(name) {
                    let _ = writeln!(out, "  {key} = {}", conf::redact::shown(&key, &value));
                }
                (Vec::new(), warnings)
            }
            Err(Refused { name, findings, warnings }) => {
                let _ = writeln!(out, "refused {}", name.as_deref().unwrap_or("without a name"));
                (findings, warnings)
            }
        };
        findings.iter().for_each(|finding| _ = writeln!(out, "  error: {finding}"));
        warnings.iter().for_each(|warning| _ = writeln!(out, "  warning: {warning}"));
    }
    out
}

/// What is refused without its being odd in itself.
#[test]
fn what_the_dispatcher_has_decides() {
    let sizes = "jobManager: {replicas: 2, resource: {memory: 1g}}\ntaskManager: {resource: {memory: 1g}}\n";
    let job = "job: {parallelism: 1, jarURI: 'http://h/a.jar'}\n";
    let one = sizes.replace("replicas: 2, ", "");
    let last_state = "job: {parallelism: 1, jarURI: 'local:///a.jar', upgradeMode: last-state}\nflinkConfiguration: {state.checkpoints.dir: 's3://b/c'}\n";
    let alone = Circumstances::default();
    let with_http = Circumstances { schemes: None, ..DISPATCHER };
    let kubernetes = "flinkConfiguration: {high-availability: org.apache.flink.kubernetes.highavailability.KubernetesHaServicesFactory}\n";
    let own = "flinkConfiguration: {high-availability.type: zookeeper, high-availability.zookeeper.quorum: 'z:2181', high-availability.storageDir: 's3://b/p'}\n";
    for (more, circumstances, fields) in [
        (sizes.to_owned(), DISPATCHER, &[][..]),
        (sizes.to_owned(), alone, &["spec.jobManager.replicas"]),
        (format!("{own}{sizes}"), alone, &[]),
        (
            format!("flinkConfiguration: {{high-availability.type: NONE}}\n{sizes}"),
            DISPATCHER,
            &["spec.jobManager.replicas"],
        ),
        (format!("{kubernetes}{sizes}"), DISPATCHER, &[]),
        (
            format!("{kubernetes}{sizes}"),
            alone,
            &["spec.flinkConfiguration.high-availability", "spec.jobManager.replicas"],
        ),
        (format!("{last_state}{one}"), DISPATCHER, &[]),
        (format!("{last_state}{one}"), alone, &["spec.job.upgradeMode"]),
        (format!("{job}{sizes}"), with_http, &[]),
        (format!("{job}{sizes}"), DISPATCHER, &["spec.job.jarURI"]),
    ] {
        let found = match only(&session(&more)).validate(&circumstances) {
            Ok(_) => Vec::new(),
            Err(refused) => refused.findings.into_iter().map(|finding| finding.field).collect(),
        };
        assert_eq!(found, fields, "{more}");
    }
}

#[test]
fn before_1_19_only_jars_in_usrlib_can_be_named() {
    let accepts = |version: &str, jar: &str| {
        let more = format!(
            "job: {{parallelism: 1, jarURI: 'local://{jar}'}}\njobManager: {{resource: {{memory: 1g}}}}\ntaskManager: {{resource: {{memory: 1g}}}}\n"
        );
        let text = session(&more).replace("v1_20", version);
        only(&text).validate(&DISPATCHER).map_err(|refused| refused.findings[0].to_string())
    };
    let usrlib = "/opt/flink/usrlib/a.jar";
    assert!(accepts("v1_18", usrlib).is_ok() && accepts("v1_19", "/opt/a.jar").is_ok());
    // The AppMaster puts it there.
    for fetched in ["https://example.com/a.jar", &format!("artifact://{}/a.jar", Digest::of("a"))] {
        let text = format!(
            "job: {{parallelism: 1, jarURI: '{fetched}'}}\njobManager: {{resource: {{memory: 1g}}}}\ntaskManager: {{resource: {{memory: 1g}}}}\n"
        );
        assert!(only(&session(&text).replace("v1_20", "v1_18")).validate(&DISPATCHER).is_ok(), "{fetched}");
    }
    for jar in ["/opt/a.jar", "/opt/flink/usrlib/more/a.jar"] {
        let error = accepts("v1_18", jar).expect_err("refused");
        assert!(
            error.contains("is not in local:///opt/flink/usrlib, and Flink v1_18 runs no other"),
            "{error}"
        );
    }
}

#[test]
fn a_jar_comes_from_where_the_dispatcher_allows() {
    let refused = |jar: &str, circumstances: Circumstances<'_>| {
        let text = format!(
            "job: {{parallelism: 1, jarURI: '{jar}'}}\njobManager: {{resource: {{memory: 1g}}}}\ntaskManager: {{resource: {{memory: 1g}}}}\n"
        );
        only(&session(&text)).validate(&circumstances).err().map(|refused| refused.findings[0].reason.clone())
    };
    let digest = Digest::of("a");
    let (none, there) = (BTreeSet::new(), BTreeSet::from([digest]));
    let artifact = format!("artifact://{digest}/a.jar");
    let schemes = ["artifact", "s3"];
    let narrow = Circumstances { schemes: Some(&schemes), ..DISPATCHER };
    let private = Circumstances { allows_private_addresses: true, ..DISPATCHER };
    for (jar, circumstances, told) in [
        (&*artifact, DISPATCHER, None),
        (&artifact, Circumstances { artifacts: Some(&there), ..DISPATCHER }, None),
        (&artifact, Circumstances { artifacts: Some(&none), ..DISPATCHER }, Some("push it first")),
        ("artifact://abc", DISPATCHER, Some("64 hexadecimal digits")),
        ("s3://bucket/a.jar", narrow, None),
        ("s3://bucket/a.jar", DISPATCHER, Some("the scheme local, artifact or https")),
        ("local:///a.jar", narrow, Some("the scheme artifact or s3")),
        ("file:///a.jar", DISPATCHER, Some("`artifact push`")),
        ("file:/a.jar", DISPATCHER, Some("`artifact push`")),
        ("https://example.com/a.jar", DISPATCHER, None),
        ("https://127.0.0.1/a.jar", DISPATCHER, Some("127.0.0.1 is no public address")),
        ("https://u:p@[::1]:8443/a.jar", DISPATCHER, Some("::1 is no public address")),
        ("https://localhost/a.jar", DISPATCHER, Some("localhost is no public address")),
        ("https://169.254.169.254/a.jar", DISPATCHER, Some("is no public address")),
        ("https://127.0.0.1/a.jar", private, None),
    ] {
        let found = refused(jar, circumstances);
        let is_so = match (&found, told) {
            (Some(found), Some(told)) => found.contains(told),
            (found, told) => found.is_none() && told.is_none(),
        };
        assert!(is_so, "{jar}: {found:?}");
    }
}

#[test]
fn nothing_passes_for_another_key_role_or_user() {
    let sizes = "jobManager: {resource: {memory: 1g}}\ntaskManager: {resource: {memory: 1g}}\n";
    for (more, field) in [
        ("mesos: {role: 'a,root'}", "spec.mesos.role"),
        ("mesos: {role: ' root'}", "spec.mesos.role"),
        ("mesos: {role: '[root]'}", "spec.mesos.role"),
        ("mesos: {role: '\"root\"'}", "spec.mesos.role"),
        ("mesos: {user: 'root '}", "spec.mesos.user"),
        ("mesos: {user: '\"root\"'}", "spec.mesos.user"),
        ("flinkConfiguration: {'mesos.master ': m}", "spec.flinkConfiguration.mesos.master "),
        ("flinkConfiguration: {'': m}", "spec.flinkConfiguration."),
        ("flinkConfiguration: {' a': m}", "spec.flinkConfiguration. a"),
        ("mesos: {labels: {'a\tb': m}}", "spec.mesos.labels.a\tb"),
    ] {
        let refused = only(&session(&format!("{sizes}{more}\n"))).validate(&DISPATCHER).expect_err(more);
        let fields: Vec<_> = refused.findings.iter().map(|finding| finding.field.as_str()).collect();
        assert_eq!(fields, [field], "{more}");
    }
    let two_lines = session(&format!("{sizes}flinkConfiguration: {{a: \"b\\nc: d\"}}\n"));
    assert!(only(&two_lines).validate(&DISPATCHER).is_ok());
    let refused = only(&two_lines.replace("v1_20", "v1_18")).validate(&DISPATCHER).expect_err("two lines");
    assert!(refused.findings[0].reason.starts_with("cannot be written for v1_18: "), "{refused}");
}

#[test]
fn what_stands_in_a_map_counts_more_than_what_is_merged() {
    let text = session(
        "flinkConfiguration:
  a: &one {x: 1, y: 1}
  b: &two {y: 2, z: 2}
  c: {<<: [*one, *two], x: 3}
  d: {<<: {<<: *two, y: 4}}
jobManager: {resource: {memory: 1g}}
taskManager: {resource: {memory: 1g}}
",
    );
    let configuration = accepted(&text).spec.flink_configuration;
    let told: Vec<_> = configuration.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(told, ["a.x=1", "a.y=1", "b.y=2", "b.z=2", "c.x=3", "c.y=1", "c.z=2", "d.y=4", "d.z=2"]);
}

#[test]
fn not_more_is_told_than_anybody_reads() {
    let fields: String = (0..1000).map(|number| format!("field{number}: 1\n")).collect();
    let refused = only(&session(&fields)).validate(&DISPATCHER).expect_err("unknown fields");
    assert_eq!(refused.findings.len(), 100);
}

#[test]
fn what_is_no_yaml_is_told_with_its_line() {
    for (text, expected) in [
        ("", "unreadable: there is no manifest in it\n"),
        ("---\n# nothing\n---\n", "unreadable: there is no manifest in it\n"),
        ("a: [1\nb: 2\n", "unreadable: line 2: not YAML: expected `,` or `]` here, not `:`\n"),
        ("a: 1\na: 2\n", "unreadable: line 2: the key `a` is twice in one map\n"),
        ("a:\n  <<: 1\n", "unreadable: line 2: `<<` takes a map or a list of maps\n"),
    ] {
        assert_eq!(told(text, &DISPATCHER), expected, "{text:?}");
    }
    let long = "a".repeat(MAX_BYTES + 1);
    assert_eq!(read(&long).err(), Some(ReadError::TooLarge { bytes: MAX_BYTES + 1 }));
}

#[test]
fn a_version_that_the_dispatcher_does_not_have_needs_an_image() {
    let flinks = [FlinkVersion::new(1, 20), FlinkVersion::new(2, 3)];
    let sizes = "jobManager: {resource: {memory: 1g}}\ntaskManager: {resource: {memory: 1g}}\n";
    let refused = |version: &str, more: &str, flinks: &[FlinkVersion]| {
        let circumstances = Circumstances { flinks: Some(flinks), ..DISPATCHER };
        let text = session(&format!("{more}{sizes}")).replace("v1_20", version);
        let findings = only(&text).validate(&circumstances).err().map(|refused| refused.findings);
        findings.into_iter().flatten().map(|finding| finding.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(refused("v2_3", "", &flinks), [""; 0]);
    assert_eq!(refused("v1_19", "image: flink:1.19\n", &flinks), [""; 0]);
    let begin = "spec.flinkVersion (line 5): this dispatcher has no";
    let expected = "expected one of v1_20, v2_3, or an image in spec.image";
    assert_eq!(refused("v1_19", "", &flinks), [format!("{begin} v1_19, {expected}")]);
    assert_eq!(refused("v1_20", "", &[]), [format!("{begin} v1_20, expected an image in spec.image")]);
    let unsupported = refused("v1_16", "", &flinks);
    assert!(unsupported[0].contains("v1_16 is not supported"), "{unsupported:?}");
}

#[test]
fn a_specification_that_is_there_already_is_taken_without_its_flink() {
    let text = session("jobManager: {resource: {memory: 1g}}\ntaskManager: {resource: {memory: 1g}}\n");
    let previous = only(&text).validate(&DISPATCHER).expect("it is good").manifest.spec;
    let circumstances = Circumstances { flinks: Some(&[]), previous: Some(&previous), ..DISPATCHER };
    let accepted = only(&text).validate(&circumstances).expect("nothing is changed");
    let warnings: Vec<_> = accepted.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "spec.flinkVersion (line 5): this dispatcher has no v1_20 any more: what runs goes on, and no other AppMaster of it can be launched"
        ]
    );
    let refused = only(&text.replace("1g", "2g")).validate(&circumstances).expect_err("it is another one");
    assert!(refused.to_string().contains("this dispatcher has no v1_20, expected"), "{refused}");
}
