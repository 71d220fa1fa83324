//! The part of a specification that the operator does not have. Lists are read as the keys of the configuration are that they become.

use conf::document::Value;
use conf::keys;
use conf::settings::{self, Mount};
use domain::constraint::Constraint;

use super::fields::Fields;
use super::specification::{Constraints, Container, Containerizer, Mesos, Parameter, Volume, VolumeMode};

const NETWORK_EXPECTED: &str =
    "`host`, `bridge`, the name of a network, or Marathon's map with `mode` and `name`";

pub fn mesos(mut fields: Fields<'_>) -> Mesos {
    let mesos = Mesos {
        role: fields.text("role"),
        user: fields.text("user"),
        constraints: constraints(&mut fields),
        networks: networks(&mut fields),
        container: fields.nested("container").map(container).unwrap_or_default(),
        priority: fields.number("priority", "a whole number").unwrap_or_default(),
        labels: fields.map("labels"),
        uris: fields.texts("uris"),
    };
    if fields.has("principal") {
        fields.take("principal");
        fields.refuse("principal", "is the dispatcher's own and cannot be chosen");
    }
    fields.finish(&[]);
    mesos
}

/// A list of those that must hold, or a map with `hard` and `soft`.
fn constraints(fields: &mut Fields<'_>) -> Constraints {
    if !fields.is_map("constraints") {
        let hard = fields.of_key("constraints", &keys::CONSTRAINTS_HARD);
        return Constraints { hard: sorted(hard), soft: Vec::new() };
    }
    let Some(mut fields) = fields.nested("constraints") else { return Constraints::default() };
    let hard = fields.of_key("hard", &keys::CONSTRAINTS_HARD);
    let soft = fields.of_key("soft", &keys::CONSTRAINTS_SOFT);
    fields.finish(&[]);
    Constraints { hard: sorted(hard), soft: sorted(soft) }
}

fn sorted(constraints: Option<Vec<Constraint>>) -> Vec<Constraint> {
    let mut constraints = constraints.unwrap_or_default();
    constraints.sort_by(|one, other| one.text().cmp(other.text()));
    constraints.dedup_by(|one, other| one.text() == other.text());
    constraints
}

fn networks(fields: &mut Fields<'_>) -> Vec<String> {
    let Some(node) = fields.take("networks") else { return Vec::new() };
    let items = match node.value {
        Value::List(items) => items.into_iter().map(|item| item.value).collect(),
        value => vec![value],
    };
    let mut networks = Vec::with_capacity(items.len());
    for item in items {
        match network(&item) {
            Some(network) => networks.push(network),
            None => fields.refuse("networks", format!("expected {NETWORK_EXPECTED}")),
        }
    }
    networks
}

fn network(item: &Value) -> Option<String> {
    let name = match item {
        Value::Text(name) => name.as_str(),
        Value::Map(pairs) => {
            let field = |name: &str| {
                let is_it = |key: &Value| matches!(key, Value::Text(text) if text == name);
                pairs.iter().find(|(key, _)| is_it(&key.value)).and_then(|(_, node)| match &node.value {
                    Value::Text(text) => Some(text.as_str()),
                    _ => None,
                })
            };
            match (field("mode"), field("name"), pairs.len()) {
                (Some("host"), None, 1) => "host",
                (Some("container/bridge"), None, 1) => "bridge",
                (Some("container"), Some(name), 2) | (None, Some(name), 1) => name,
                _ => return None,
            }
        }
        _ => return None,
    };
    keys::CONTAINER_NETWORK.read(name).ok().map(|_| name.trim().to_owned())
}

fn container(mut fields: Fields<'_>) -> Container {
    let types = [("mesos", Containerizer::Mesos), ("docker", Containerizer::Docker)];
    let containerizer = fields.one_of("type", &types).unwrap_or_default();
    let volumes = fields.of_key("volumes", &keys::CONTAINER_VOLUMES).unwrap_or_default();
    let parameters = fields.of_key("parameters", &keys::DOCKER_PARAMETERS).unwrap_or_default();
    fields.finish(&[]);
    Container {
        containerizer,
        volumes: volumes.into_iter().map(volume).collect(),
        parameters: parameters.into_iter().map(|(key, value)| Parameter { key, value }).collect(),
    }
}

fn volume(volume: settings::Volume) -> Volume {
    let mode = match volume.mount {
        Mount::ReadWrite => VolumeMode::ReadWrite,
        Mount::ReadOnly => VolumeMode::ReadOnly,
    };
    Volume { container_path: volume.container_path, host_path: volume.host_path, mode }
}
