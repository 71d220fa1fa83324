use serde_json::Value;

use super::*;
use conf::table::Origin;

const RECORDED: &str = include_str!("../../../tests/data/flink-memory-vectors.jsonl");

#[test]
fn every_recorded_case_comes_out_as_in_flink() {
    let mut compared = 0;
    for line in RECORDED.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let table = table_of(&case["config"]);
        for expected in case["expect"].as_array().unwrap() {
            for version in expected["versions"].as_array().unwrap() {
                let version = version.as_str().unwrap();
                let answer = answer(&case["cmd"], &table, Version::parse(version).unwrap());
                let wanted = match expected["jvm"].as_str() {
                    Some(jvm) => Ok((jvm.to_owned(), properties_of(&expected["dyn"]))),
                    None => Err(()),
                };
                assert_eq!(answer.clone().map_err(|_| ()), wanted, "{version} {} {answer:?}", case["name"]);
                compared += 1;
            }
        }
    }
    assert!(compared >= 1000, "only {compared} comparisons");
}

#[test]
fn errors_name_key_value_and_expectation() {
    for (settings, expected) in [
        (
            vec![("taskmanager.memory.process.size", "4 potatoes")],
            "taskmanager.memory.process.size is \"4 potatoes\" (-D): expected a size such as 1728m, 4g or a number of bytes",
        ),
        (
            vec![],
            "the memory of the TaskManager is not configured: set taskmanager.memory.process.size, or \
             taskmanager.memory.flink.size, or taskmanager.memory.task.heap.size and taskmanager.memory.managed.size",
        ),
        (
            vec![("taskmanager.memory.process.size", "400m")],
            "taskmanager.memory.process.size (400 MiB) is less than taskmanager.memory.jvm-metaspace.size (256 MiB) + \
             JVM overhead (192 MiB)",
        ),
        (
            vec![
                ("taskmanager.memory.flink.size", "4g"),
                ("taskmanager.memory.network.min", "512m"),
                ("taskmanager.memory.network.max", "256m"),
            ],
            "taskmanager.memory.network.min (512 MiB) is more than taskmanager.memory.network.max (256 MiB)",
        ),
        (
            vec![("taskmanager.memory.flink.size", "4g"), ("taskmanager.memory.managed.fraction", "1.5")],
            "taskmanager.memory.managed.fraction is \"1.5\" (-D): expected a number from 0 to less than 1",
        ),
        (
            vec![("taskmanager.memory.flink.size", "2g"), ("taskmanager.memory.process.size", "8g")],
            "JVM overhead (5888 MiB), which is what the other sizes leave, is not between \
             taskmanager.memory.jvm-overhead.min (192 MiB) and taskmanager.memory.jvm-overhead.max (1 GiB)",
        ),
        (
            vec![("taskmanager.memory.process.size", "2g"), ("taskmanager.numberOfTaskSlots", "0")],
            "taskmanager.numberOfTaskSlots is \"0\" (-D): expected a number above 0",
        ),
        (
            vec![
                ("taskmanager.memory.process.size", "2g"),
                ("external-resources", "gpu"),
                ("external-resource.gpu.amount", "9223372036854775807"),
            ],
            "external-resource.gpu.amount is \"9223372036854775807\" (-D): expected a whole number up to 2^53",
        ),
        (
            vec![("jobmanager.memory.flink.size", "1g"), ("taskmanager.heap.mb", "-3")],
            "taskmanager.heap.mb is \"-3\" (-D): expected a number of MiB from 0 up",
        ),
    ] {
        let table = table(&settings);
        let error = taskmanager(&table, &Environment::default(), Version::new(1, 20, 5)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn the_heap_variable_counts_in_flink_1_only_and_beside_the_process_size() {
    let environment: Environment = [("FLINK_TM_HEAP", "3g")].into_iter().collect();
    let table = table(&[("taskmanager.memory.process.size", "2g")]);
    let error = taskmanager(&table, &environment, Version::new(1, 20, 5)).unwrap_err();
    assert!(matches!(error, MemoryError::TooSmall { .. }), "{error}");
    let memory = taskmanager(&table, &environment, Version::new(2, 3, 0)).unwrap();
    assert_eq!(memory.process, MemorySize::from_mib(2048));
}

#[test]
fn reads_sizes_as_flink_does() {
    for (text, bytes) in [
        ("1728m", Some(1728 << 20)),
        (" 4 GB ", Some(4 << 30)),
        ("1024", Some(1024)),
        ("3kibibytes", Some(3 << 10)),
        ("8388607t", Some(8_388_607 << 40)),
        ("8388608t", None),
        ("9223372036854775807", Some(i64::MAX.unsigned_abs())),
        ("9223372036854775808", None),
        ("-1", None),
        ("1.5g", None),
        ("1_000", None),
        ("m", None),
        ("", None),
        ("4 potatoes", None),
    ] {
        assert_eq!(MemorySize::parse(text).map(MemorySize::bytes), bytes, "{text}");
    }
}

#[test]
fn multiplies_in_decimal_and_truncates() {
    let base = MemorySize::from_mib(1280);
    assert_eq!(size::times(base, f64::from(0.4f32)).unwrap().bytes(), 536_870_920);
    assert_eq!(size::times(MemorySize::MAX, 1e-300), Some(MemorySize::ZERO));
    assert_eq!(size::times(MemorySize::ZERO, 1e300), Some(MemorySize::ZERO));
    assert_eq!(size::times(MemorySize::MAX, 1.5), None);
    assert_eq!(size::times(base, -0.0), Some(MemorySize::ZERO));
    assert_eq!(size::times(base, f64::NAN), None);
}

#[test]
fn writes_doubles_as_java_does() {
    for (value, text) in [
        (1.0, "1.0"),
        (0.25, "0.25"),
        (0.001, "0.001"),
        (0.0001, "1.0E-4"),
        (0.00015, "1.5E-4"),
        (9_999_999.0, "9999999.0"),
        (1e7, "1.0E7"),
        (0.0, "0.0"),
    ] {
        assert_eq!(number::double_text(value), text);
    }
    assert_eq!(number::truncate_to_resource_scale(0.123_456_789_9), 0.123_456_78);
    assert_eq!(number::truncate_to_resource_scale(1e-9), 0.0);
}

#[test]
fn external_resources_are_those_with_an_amount() {
    let version = Version::new(1, 20, 5);
    for (list, expected) in [
        ("gpu;fpga;none-of-it", "\"fpga;gpu\""),
        ("[gpu, fpga]", "\"fpga;gpu\""),
        ("'gpu'", "\"gpu\""),
        ("none", "none"),
        ("tpu", "none"),
    ] {
        let table = table(&[
            ("taskmanager.memory.process.size", "2g"),
            ("external-resources", list),
            ("external-resource.gpu.amount", "2"),
            ("external-resource.fpga.amount", "1"),
            ("external-resource.tpu.amount", "0"),
        ]);
        let memory = taskmanager(&table, &Environment::default(), version).unwrap();
        let properties: std::collections::BTreeMap<_, _> = memory.dynamic_properties().into_iter().collect();
        assert_eq!(properties["external-resources"], expected, "{list}");
    }
}

type Answer = (String, Vec<(String, String)>);

fn answer(command: &Value, table: &Table, version: Version) -> Result<Answer, MemoryError> {
    let environment = Environment::default();
    let (jvm, mut properties) = match command.as_str().unwrap() {
        "JM" => {
            let memory = jobmanager(table, &environment, version)?;
            (memory.jvm_args(), memory.dynamic_properties())
        }
        "TM" => {
            let memory = taskmanager(table, &environment, version)?;
            (memory.jvm_args(), memory.dynamic_properties())
        }
        other => panic!("unknown command {other}"),
    };
    properties.sort();
    Ok((jvm.join(" "), properties))
}

fn table(settings: &[(&str, &str)]) -> Table {
    let mut table = Table::default();
    for (key, value) in settings {
        table.set(*key, *value, Origin::Argument);
    }
    table
}

fn table_of(config: &Value) -> Table {
    let mut table = Table::default();
    for (key, value) in config.as_object().unwrap() {
        table.set(key, value.as_str().unwrap(), Origin::Argument);
    }
    table
}

fn properties_of(dynamic: &Value) -> Vec<(String, String)> {
    let mut properties: Vec<_> = dynamic
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
        .collect();
    properties.sort();
    properties
}
