//! Which clusters a caller may change: those whose Mesos role and user it may take.

use access::{Denied, Grant};
use axum::http::StatusCode;
use conf::keys;
use dispatcher::Dispatcher;
use manifest::Manifest;

use super::answer::Problem;

/// Of Docker, by which a container has another user than its task.
const USER_PARAMETERS: [&str; 2] = ["user", "u"];

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        let text = denied.to_string();
        match denied.field() {
            Some(field) => Self::field(StatusCode::FORBIDDEN, field, text),
            None => Self::new(StatusCode::FORBIDDEN, text),
        }
    }
}

/// Of what there is by this name: both what was applied last and what runs. What there is not is nobody's.
pub fn of_cluster(grant: &Grant, core: &Dispatcher, name: &str) -> Result<(), Problem> {
    let running = core.definition(name).map(|definition| definition.manifest);
    let manifests = core.last_manifest(name).into_iter().chain(running.as_deref());
    for manifest in manifests {
        of_manifest(grant, manifest).map_err(|problem| {
            let error = format!("cluster {name}: {}", problem.error);
            Problem { error, fields: Vec::new(), ..problem }
        })?;
    }
    Ok(())
}

/// Of what would be made of this.
pub fn of_manifest(grant: &Grant, manifest: &Manifest) -> Result<(), Problem> {
    let spec = &manifest.spec;
    grant.may_take_role(spec.mesos.role.as_deref())?;
    grant.may_take_user(spec.mesos.user.as_deref())?;
    for user in container_users(manifest) {
        grant.may_take_user(Some(&user))?;
    }
    Ok(())
}

fn container_users(manifest: &Manifest) -> Vec<String> {
    let configuration = manifest.spec.configuration(&manifest.metadata.name);
    let parameters = configuration.get(keys::DOCKER_PARAMETERS.name);
    let parameters = parameters.and_then(|text| keys::DOCKER_PARAMETERS.read(text).ok()).unwrap_or_default();
    let users = parameters.into_iter().filter(|(key, _)| USER_PARAMETERS.contains(&key.as_str()));
    users.map(|(_, value)| value).collect()
}
