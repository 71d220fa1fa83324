//! Commands and containers that the real master refuses.

use mesos::wire::command::{CommandInfo, VariableType};
use mesos::wire::container::{ContainerInfo, ContainerType};

pub fn refuse(command: &CommandInfo) -> Option<String> {
    let variables = command.environment.iter().flat_map(|environment| &environment.variables);
    for variable in variables {
        let name = variable.name.as_deref().unwrap_or_default();
        let kind = variable.r#type.map_or(Ok(VariableType::Value), VariableType::try_from);
        let must = match kind {
            Ok(VariableType::Value) if variable.value.is_none() => "must have a value set",
            Ok(VariableType::Value) if variable.secret.is_some() => "must not have a secret set",
            Ok(VariableType::Secret) if variable.secret.is_none() => "must have a secret set",
            Ok(VariableType::Secret) if variable.value.is_some() => "must not have a value set",
            Ok(VariableType::Value | VariableType::Secret) => continue,
            Ok(VariableType::Unknown) | Err(_) => {
                return Some("Environment variable of type 'UNKNOWN' is not allowed".to_owned());
            }
        };
        let kind = if kind == Ok(VariableType::Value) { "VALUE" } else { "SECRET" };
        return Some(format!("Environment variable '{name}' of type '{kind}' {must}"));
    }
    None
}

pub fn refuse_container(container: &ContainerInfo) -> Option<String> {
    for volume in &container.volumes {
        let set = [volume.host_path.is_some(), volume.image.is_some(), volume.source.is_some()];
        if set.iter().filter(|is_set| **is_set).count() > 1 {
            let text = "Invalid volume: Only one of them should be set: 'host_path', 'image' and 'source'";
            return Some(text.to_owned());
        }
    }
    let is_docker = container.r#type == Some(ContainerType::Docker as i32);
    if !is_docker {
        return None;
    }
    let Some(docker) = &container.docker else {
        return Some("DockerInfo 'docker' is not set for DOCKER typed ContainerInfo".to_owned());
    };
    let has_name = docker.parameters.iter().any(|parameter| parameter.key.as_deref() == Some("name"));
    has_name.then(|| "Parameter in DockerInfo must not be 'name'".to_owned())
}
