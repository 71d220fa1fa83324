//! The whole core against a model of the scheduler and of the store, with crashes at every action.

mod applications;
mod appmasters;
mod mutations;
mod oracle;
mod orders;
mod process;
mod simulation;
mod steps;
pub mod store;
mod telling;
mod transcript;
mod waiting;
mod world;

use manifest::Manifest;
use serde_json::{Value, json};

use crate::order::Order;

/// In every specification; nothing that is told may have it.
pub const SECRET: &str = "hunter2";

pub fn manifest(name: &str, spec: Value) -> Manifest {
    let mut whole = json!({
        "flinkVersion": "v1_20",
        "flinkConfiguration": {"security.ssl.rest.key-password": SECRET},
    });
    let (Some(fields), Value::Object(more)) = (whole.as_object_mut(), spec) else {
        panic!("fields of a specification");
    };
    fields.extend(more);
    let text = json!({
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": {"name": name},
        "spec": whole,
    });
    serde_json::from_value(text).expect("a manifest")
}

pub fn session(name: &str) -> Manifest {
    manifest(name, json!({}))
}

/// Changed in a way for which AppMasters begin anew.
pub fn with_nonce(name: &str, nonce: i64) -> Manifest {
    manifest(name, json!({"restartNonce": nonce}))
}

pub fn by(user: &str) -> Order {
    Order { user: user.to_owned(), from: "10.0.0.1".to_owned(), ..Order::default() }
}
