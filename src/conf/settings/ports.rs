//! Ports of one machine that cannot be the same.

use std::net::IpAddr;

use super::super::keys::{self, flink};
use super::super::problem::{Found, Problem};
use super::super::table::Table;
use super::{Port, Ports, Settings};

/// What is bound, and where, in the order in which it is.
struct Bound<'a> {
    key: &'a str,
    /// `None` for all of them, or one that is not known here.
    address: Option<IpAddr>,
    /// The first that is tried.
    first: u16,
    /// The only one.
    single: Option<u16>,
}

/// For each pair with one number, a problem with the key that was set. `with_own` also those of this program beside the JobManager.
pub fn conflicts(table: &Table, settings: &Settings, with_own: bool) -> Vec<Problem> {
    let bound = all(table, settings, with_own);
    let mut problems = Vec::new();
    for (index, later) in bound.iter().enumerate() {
        let Some(port) = later.single else { continue };
        let meets = |earlier: &&Bound<'_>| {
            let apart = earlier.address.zip(later.address).is_some_and(|(one, other)| one != other);
            earlier.first == port && !apart
        };
        problems
            .extend(bound[..index].iter().find(meets).map(|earlier| problem(table, earlier, later, port)));
    }
    problems
}

fn all<'a>(table: &Table, settings: &'a Settings, with_own: bool) -> Vec<Bound<'a>> {
    let of_key = |key: &str| {
        let address: Option<IpAddr> = keys::value(table, key)?.trim().parse().ok();
        address.filter(|address| !address.is_unspecified())
    };
    let jobmanager = of_key(flink::JOB_MANAGER_BIND_HOST.name);
    let rpc = match settings.high_availability {
        Some(_) => flink::HA_JOB_MANAGER_PORT.name,
        None => flink::RPC_PORT.name,
    };
    let mut bound = Vec::new();
    if with_own {
        let status = Some(settings.status.bind_address).filter(|address| !address.is_unspecified());
        bound.extend(single(keys::STATUS_PORT.name, status, settings.status.port));
        if let Port::Given(port) = settings.artifacts.port {
            bound.extend(single(keys::ARTIFACT_PORT.name, None, port));
        }
    }
    let ports = &settings.job_manager;
    bound.extend(of_ports(rpc, jobmanager, &ports.rpc_ports));
    bound.extend(of_ports(flink::BLOB_PORT.name, jobmanager, &ports.blob_ports));
    bound.extend(of_ports(flink::METRICS_PORT.name, jobmanager, &ports.metrics_ports));
    bound.extend(of_ports(
        flink::REST_BIND_PORT.name,
        of_key(flink::REST_BIND_ADDRESS.name),
        &ports.rest_ports,
    ));
    bound
}

fn single(key: &str, address: Option<IpAddr>, port: u16) -> Option<Bound<'_>> {
    (port > 0).then_some(Bound { key, address, first: port, single: Some(port) })
}

fn of_ports<'a>(key: &'a str, address: Option<IpAddr>, ports: &Ports) -> Option<Bound<'a>> {
    let first = ports.ranges().first().map(|range| *range.start()).filter(|first| *first > 0)?;
    Some(Bound { key, address, first, single: ports.single() })
}

fn problem(table: &Table, earlier: &Bound<'_>, later: &Bound<'_>, port: u16) -> Problem {
    let name =
        |bound: &Bound<'_>| keys::lookup(table, bound.key).map_or(bound.key, |(name, _)| name).to_owned();
    let is_default = |bound: &Bound<'_>| {
        keys::lookup(table, bound.key)
            .is_none_or(|(_, setting)| setting.origin == super::super::table::Origin::Default)
    };
    let (blamed, other) = if is_default(later) { (earlier, later) } else { (later, earlier) };
    let found = keys::lookup(table, blamed.key).map_or(Found::Nothing, |(_, setting)| Found::Value {
        value: setting.value.clone(),
        origin: setting.origin.clone(),
    });
    let by_default = if is_default(other) { " by default" } else { "" };
    let expected =
        format!("another port than that of `{}`, which is {port}{by_default}", shown(other, &name));
    Problem { subject: name(blamed), found, expected }
}

/// Nobody writes the name under which the port of the REST endpoint is bound.
fn shown(bound: &Bound<'_>, name: &impl Fn(&Bound<'_>) -> String) -> String {
    match name(bound) {
        name if name == flink::REST_BIND_PORT.name => flink::REST_PORT.name.to_owned(),
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::table::Origin;
    use super::*;

    /// The keys of the problems, each with the other key.
    fn check(text: &str, with_own: bool) -> Vec<String> {
        let mut table = Table::default();
        table.set(keys::MASTER.name, "m:5050", Origin::Argument);
        table.set(flink::BLOB_PORT.name, "6124", Origin::Default);
        for (key, value) in text.split(' ').filter_map(|pair| pair.split_once('=')) {
            table.set(key, value, Origin::Argument);
        }
        let settings = Settings::from_table(&table).expect("settings");
        let problems = conflicts(&table, &settings, with_own);
        let other = |problem: &Problem| problem.expected.split('`').nth(1).unwrap_or_default().to_owned();
        problems.iter().map(|problem| format!("{} {}", problem.subject, other(problem))).collect()
    }

    #[test]
    fn one_number_for_two_is_told_with_both_keys() {
        for (text, expected) in [
            ("rest.port=21460 jobmanager.rpc.port=21460", &["rest.port jobmanager.rpc.port"][..]),
            ("web.port=21460 jobmanager.rpc.port=21460", &["web.port jobmanager.rpc.port"]),
            ("rest.port=21460 mesos.status.port=21460", &["rest.port mesos.status.port"]),
            ("blob.server.port=21460 jobmanager.rpc.port=21460", &["blob.server.port jobmanager.rpc.port"]),
            ("rest.port=6123", &["rest.port jobmanager.rpc.port"]),
            ("rest.port=6124", &["rest.port blob.server.port"]),
            ("jobmanager.rpc.port=8081", &["jobmanager.rpc.port rest.port"]),
            ("mesos.status.port=8081", &["mesos.status.port rest.port"]),
            ("jobmanager.rpc.port=6124", &["jobmanager.rpc.port blob.server.port"]),
            ("rest.port=8084", &["rest.port mesos.status.port"]),
            (
                "mesos.status.port=9 mesos.resourcemanager.artifactserver.port=9",
                &["mesos.resourcemanager.artifactserver.port mesos.status.port"],
            ),
            ("rest.port=50100 blob.server.port=50100-50200", &["rest.port blob.server.port"]),
            ("rest.bind-port=50100-50100 blob.server.port=50100", &["rest.bind-port blob.server.port"]),
            ("rest.port=50100 blob.server.port=50000-50200", &[]),
            ("rest.port=50100-50200 blob.server.port=50100-50200", &[]),
            ("rest.port=0 jobmanager.rpc.port=0 mesos.status.port=0", &[]),
            ("rest.port=9 rest.bind-port=10 mesos.status.port=9", &[]),
            ("rest.port=6123 rest.bind-address=127.0.0.1 jobmanager.bind-host=10.0.0.1", &[]),
            (
                "high-availability.type=zookeeper high-availability.zookeeper.quorum=z:2181 \
                 high-availability.storageDir=hdfs:///ha high-availability.jobmanager.port=8081",
                &["high-availability.jobmanager.port rest.port"],
            ),
        ] {
            assert_eq!(check(text, true), expected, "{text}");
        }
        assert_eq!(check("rest.port=8084", false), [""; 0]);
    }
}
