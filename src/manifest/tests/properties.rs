use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use serde_json::Value;

use super::super::*;
use super::DISPATCHER;

/// Any text that YAML can hold; JSON escapes the rest.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9.:,=/ -]{0,12}", "\\PC{0,8}", "[ \t\n\"'\\\\#&*!|>%@`{}\\[\\]?:,-]{0,6}"]
}

fn map() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("[a-z][a-z.-]{0,10}", text(), 0..5)
}

fn memory() -> impl Strategy<Value = Option<Memory>> {
    of(any::<u32>().prop_map(|kib| Memory::parse(&format!("{kib}k")).expect("a size")))
}

fn resource() -> impl Strategy<Value = Resource> {
    let cpu = of((1u32..100_000).prop_map(|milli| Cpus::parse(&format!("{milli}m")).expect("a number")));
    (cpu, memory(), memory()).prop_map(|(cpu, memory, ephemeral_storage)| Resource {
        cpu,
        memory,
        ephemeral_storage,
    })
}

fn job() -> impl Strategy<Value = Job> {
    let mode =
        prop_oneof![Just(UpgradeMode::Stateless), Just(UpgradeMode::LastState), Just(UpgradeMode::Savepoint)];
    let state = prop_oneof![Just(JobState::Running), Just(JobState::Suspended)];
    (of("[a-z:/]{1,9}"), vec(text(), 0..4), of(any::<u32>()), state, mode, any::<bool>(), of(any::<i64>()))
        .prop_map(
            |(
                jar_uri,
                args,
                parallelism,
                state,
                upgrade_mode,
                allow_non_restored_state,
                savepoint_redeploy_nonce,
            )| Job {
                jar_uri,
                args,
                parallelism,
                state,
                upgrade_mode,
                allow_non_restored_state,
                savepoint_redeploy_nonce,
                ..Job::default()
            },
        )
}

fn mesos() -> impl Strategy<Value = Mesos> {
    let mode = prop_oneof![Just(VolumeMode::ReadWrite), Just(VolumeMode::ReadOnly)];
    let volume = ("/[a-z,]{0,5}", of("/[a-z,]{0,5}"), mode)
        .prop_map(|(container_path, host_path, mode)| Volume { container_path, host_path, mode });
    let parameter = ("[a-z]{1,4}", "[a-z,:]{1,4}").prop_map(|(key, value)| Parameter { key, value });
    let containerizer = prop_oneof![Just(Containerizer::Mesos), Just(Containerizer::Docker)];
    let container = (containerizer, vec(volume, 0..3), vec(parameter, 0..3))
        .prop_map(|(containerizer, volumes, parameters)| Container { containerizer, volumes, parameters });
    (of(text()), vec("[a-z]{1,4}", 0..2), container, any::<i32>(), map()).prop_map(
        |(role, networks, container, priority, labels)| Mesos {
            role,
            networks,
            container,
            priority,
            labels,
            ..Mesos::default()
        },
    )
}

fn manifest() -> impl Strategy<Value = Manifest> {
    let version = (1u32..4, 0u32..30).prop_map(|(major, minor)| FlinkVersion::new(major, minor));
    let managers = (resource(), any::<u32>(), resource(), of(any::<u32>())).prop_map(
        |(one, standbys, other, replicas)| {
            (JobManager { resource: one, replicas: standbys }, TaskManager { resource: other, replicas })
        },
    );
    let metadata =
        (text(), map(), map()).prop_map(|(name, labels, annotations)| Metadata { name, labels, annotations });
    (version, of(text()), map(), managers, of(job()), of(any::<i64>()), map(), mesos(), metadata).prop_map(
        |(
            flink_version,
            image,
            flink_configuration,
            managers,
            job,
            restart_nonce,
            log_configuration,
            mesos,
            metadata,
        )| {
            let spec = Specification {
                flink_version,
                image,
                image_pull_policy: None,
                flink_configuration,
                job_manager: managers.0,
                task_manager: managers.1,
                job,
                restart_nonce,
                log_configuration,
                mode: Mode::Native,
                mesos,
            };
            Manifest { api_version: ApiVersion::V1Beta1, kind: Kind::FlinkDeployment, metadata, spec }
        },
    )
}

/// The manifest that `text` is, good or not.
fn read_one(text: &str) -> Manifest {
    let mut drafts = read(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let draft = drafts.pop().expect("one");
    let told = format!("{draft:?}");
    draft.manifest.unwrap_or_else(|| panic!("{told}\n{text}"))
}

fn permuted(value: Value, seed: &mut u64) -> Value {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.into_iter().collect();
            for index in (1..pairs.len()).rev() {
                *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let other = (*seed >> 33) % (index as u64 + 1);
                pairs.swap(index, usize::try_from(other).expect("small"));
            }
            Value::Object(pairs.into_iter().map(|(key, value)| (key, permuted(value, seed))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| permuted(item, seed)).collect()),
        value => value,
    }
}

proptest! {
    #[test]
    fn what_is_kept_reads_back_equal(manifest in manifest()) {
        let text = manifest.canonical().expect("short");
        prop_assert_eq!(&serde_json::from_str::<Manifest>(&text).expect("JSON"), &manifest);
        prop_assert_eq!(&read_one(&text), &manifest);
    }

    #[test]
    fn the_order_of_maps_means_nothing(manifest in manifest(), mut seed in any::<u64>(), is_pretty in any::<bool>()) {
        let value = permuted(serde_json::to_value(&manifest).expect("a value"), &mut seed);
        let text = if is_pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let read = read_one(&text.expect("JSON"));
        prop_assert_eq!(read.spec.digest(), manifest.spec.digest());
        prop_assert_eq!(read, manifest);
    }

    #[test]
    fn masking_changes_no_field(manifest in manifest()) {
        let names = |manifest: &Manifest| {
            let value = serde_json::to_value(manifest).expect("a value");
            let mut names = Vec::new();
            gather("", &value, &mut names);
            names
        };
        let masked = manifest.masked();
        prop_assert_eq!(names(&masked), names(&manifest));
        prop_assert_eq!(masked.masked(), masked);
    }

    #[test]
    fn no_bytes_are_too_odd(bytes in vec(any::<u8>(), 0..300)) {
        look(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_damage_is_too_odd(
        sample in 0..SAMPLES.len(),
        damage in vec((any::<proptest::sample::Index>(), 0..12usize, "[a-z0-9 :\\-\n\"'{}\\[\\]&*!<?,.#|>%\t]{0,4}"), 1..6),
    ) {
        let mut text: Vec<char> = SAMPLES[sample].chars().collect();
        for (at, length, instead) in damage {
            let begin = at.index(text.len() + 1);
            let end = (begin + length).min(text.len());
            text.splice(begin..end, instead.chars());
        }
        look(&text.into_iter().collect::<String>());
    }
}

const SAMPLES: [&str; 4] = [
    include_str!("../../../tests/data/manifests/02-session-full.yaml"),
    include_str!("../../../tests/data/manifests/06-application-suspended.json"),
    include_str!("../../../tests/data/manifests/07-odd-yaml.yaml"),
    include_str!("../../../tests/data/manifests/15-secrets.yaml"),
];

/// Goes through all that is done with what people hand in; whatever is accepted can be kept.
fn look(text: &str) {
    for draft in read(text).unwrap_or_default() {
        if let Ok(Accepted { manifest, .. }) = draft.validate(&DISPATCHER) {
            let kept = manifest.canonical().expect("it was accepted");
            assert_eq!(read_one(&kept), manifest, "{text}");
            assert!(!manifest.spec.configuration(&manifest.metadata.name).is_empty());
            assert_eq!(diff(&manifest.spec, &manifest.spec), []);
        }
    }
}

fn gather(path: &str, value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| gather(&format!("{path}.{key}"), value, names));
        }
        Value::Array(items) => {
            names.push(format!("{path}[{}]", items.len()));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => names.push(path.to_owned()),
    }
}
