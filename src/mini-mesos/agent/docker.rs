//! What the real agent's Docker executor makes of a task: the command line of `docker run`, option by option.

use std::collections::BTreeMap;
use std::path::Path;

use crate::message::Run;
use mesos::wire::command::CommandInfo;
use mesos::wire::container::{ContainerInfo, ContainerType, DockerInfo, DockerNetwork};
use mesos::wire::volume::{Volume, VolumeMode};

use super::executor::Command;
use super::{ContainerId, Settings};

/// Where a container finds its sandbox, the default of `--sandbox_directory`.
const SANDBOX: &str = "/mnt/mesos/sandbox";

const CPU_SHARES_PER_CPU: f64 = 1024.0;
const CPU_SHARES_LEAST: u64 = 10;
const MEMORY_BYTES_LEAST: u64 = 32 << 20;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A container of the engine, which outlives the program that waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engaged {
    /// `unix://…`
    pub engine: String,
    pub name: String,
}

/// Whether this containerizer is the one for a task.
pub fn is_meant(container: Option<&ContainerInfo>) -> bool {
    container.is_some_and(|container| container.r#type == Some(ContainerType::Docker as i32))
}

pub fn engaged(container: &ContainerId, socket: &str) -> Engaged {
    Engaged { engine: format!("unix://{socket}"), name: format!("mesos-{}", container.0) }
}

/// Of the program that waits for the container.
pub fn environment() -> Vec<(String, String)> {
    vec![("PATH".to_owned(), PATH.to_owned())]
}

pub fn run(
    run: &Run,
    command: &CommandInfo,
    engaged: &Engaged,
    sandbox: &Path,
    settings: &Settings,
) -> Result<Command, String> {
    let container = run.task.container.clone().unwrap_or_default();
    let docker = container.docker.clone().unwrap_or_default();
    let mut argv: Vec<String> = ["docker", "-H", &engaged.engine, "run"].map(str::to_owned).to_vec();
    let mut add = |words: &[&str]| argv.extend(words.iter().map(|word| (*word).to_owned()));
    if docker.privileged == Some(true) {
        add(&["--privileged"]);
    }
    let cpus = quantity(run, "cpus");
    add(&["--cpu-shares", &((cpus * CPU_SHARES_PER_CPU) as u64).max(CPU_SHARES_LEAST).to_string()]);
    let memory = (quantity(run, "mem") as u64) << 20;
    add(&["--memory", &memory.max(MEMORY_BYTES_LEAST).to_string()]);
    for (name, value) in variables(run, command, &engaged.name) {
        add(&["-e", &format!("{name}={value}")]);
    }
    for volume in &container.volumes {
        add(&["-v", &mount(volume, sandbox)?]);
    }
    add(&["-v", &format!("{}:{SANDBOX}", sandbox.display())]);
    add(&["--net", &network(&container, &docker)?]);
    if let Some(hostname) = &container.hostname {
        add(&["--hostname", hostname]);
    }
    for mapping in &docker.port_mappings {
        let (host, inside) =
            (mapping.host_port.unwrap_or_default(), mapping.container_port.unwrap_or_default());
        if !has_port(run, host) {
            return Err(format!("Port [{host}] not included in resources"));
        }
        let protocol = mapping.protocol.as_ref().map(|name| format!("/{}", name.to_lowercase()));
        add(&["-p", &format!("{host}:{inside}{}", protocol.unwrap_or_default())]);
    }
    let is_shell = command.shell.unwrap_or(true);
    if is_shell {
        add(&["--entrypoint", "/bin/sh"]);
    }
    add(&["--name", &engaged.name]);
    for parameter in &docker.parameters {
        let (key, value) =
            (parameter.key.as_deref().unwrap_or_default(), parameter.value.as_deref().unwrap_or_default());
        add(&[&format!("--{key}={value}")]);
    }
    add(&[docker.image.as_deref().unwrap_or_default()]);
    match (&command.value, is_shell) {
        (None, true) => return Err("Shell specified but no command value provided".to_owned()),
        (Some(line), true) => add(&["-c", line]),
        (program, false) => {
            program.iter().chain(&command.arguments).for_each(|word| add(&[word]));
        }
    }
    tracing::debug!(agent = settings.id.text(), ?argv, "for Docker's engine");
    Ok(Command { program: "docker".to_owned(), argv })
}

fn variables(run: &Run, command: &CommandInfo, name: &str) -> BTreeMap<String, String> {
    let own = command.environment.iter().flat_map(|environment| &environment.variables);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut variables: BTreeMap<String, String> =
        own.map(|variable| (text(&variable.name), text(&variable.value))).collect();
    variables.insert("MESOS_SANDBOX".to_owned(), SANDBOX.to_owned());
    variables.insert("MESOS_CONTAINER_NAME".to_owned(), name.to_owned());
    variables.insert("MESOS_ALLOCATION_ROLE".to_owned(), run.role.clone());
    variables
}

fn mount(volume: &Volume, sandbox: &Path) -> Result<String, String> {
    let inside = volume.container_path.as_deref().unwrap_or_default();
    let Some(host) = volume.host_path.as_deref() else {
        return Err("Host path or volume source is required".to_owned());
    };
    let (is_host_absolute, is_inside_absolute) = (host.starts_with('/'), inside.starts_with('/'));
    if !is_host_absolute && !is_inside_absolute {
        return Err(format!(
            "Both host_path '{host}' and container_path '{inside}' of a volume are relative"
        ));
    }
    let host = if is_host_absolute { host.to_owned() } else { sandbox.join(host).display().to_string() };
    let inside = if is_inside_absolute { inside.to_owned() } else { format!("{SANDBOX}/{inside}") };
    let mode = if volume.mode == Some(VolumeMode::Ro as i32) { "ro" } else { "rw" };
    Ok(format!("{host}:{inside}:{mode}"))
}

fn network(container: &ContainerInfo, docker: &DockerInfo) -> Result<String, String> {
    let kind = docker.network.and_then(|number| DockerNetwork::try_from(number).ok());
    match kind.unwrap_or(DockerNetwork::Host) {
        DockerNetwork::Host if container.hostname.is_some() => {
            Err("Unable to set hostname with host network mode".to_owned())
        }
        DockerNetwork::Host => Ok("host".to_owned()),
        DockerNetwork::Bridge => Ok("bridge".to_owned()),
        DockerNetwork::None => Ok("none".to_owned()),
        DockerNetwork::User => match container.network_infos.as_slice() {
            [] => Err("No network info found in container info".to_owned()),
            [info] => info.name.clone().ok_or_else(|| "No network name found in network info".to_owned()),
            [..] => Err("Only a single network can be defined in Docker run".to_owned()),
        },
    }
}

fn quantity(run: &Run, name: &str) -> f64 {
    let named = run.task.resources.iter().filter(|resource| resource.name.as_deref() == Some(name));
    named.filter_map(|resource| resource.scalar.as_ref()?.value).sum()
}

fn has_port(run: &Run, port: u32) -> bool {
    let ports = run.task.resources.iter().filter(|resource| resource.name.as_deref() == Some("ports"));
    let mut ranges = ports.filter_map(|resource| resource.ranges.as_ref()).flat_map(|ranges| &ranges.range);
    ranges.any(|range| (range.begin..=range.end).contains(&Some(u64::from(port))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Containment;
    use crate::master::AgentDescription;
    use crate::resources::Resources;
    use crate::timing::Timing;
    use mesos::wire::command::{Environment, Variable};
    use mesos::wire::framework::FrameworkInfo;
    use mesos::wire::id::{AgentId, FrameworkId};
    use mesos::wire::label::Parameter;
    use mesos::wire::resource::{Resource, Scalar};
    use mesos::wire::task::TaskInfo;

    fn settings() -> Settings {
        let description = AgentDescription {
            hostname: "h".to_owned(),
            ip: "127.0.0.1".to_owned(),
            port: 5051,
            number: 1,
            attributes: Vec::new(),
            domain: None,
            resources: Resources::default(),
        };
        Settings {
            id: AgentId::new("s"),
            description,
            work_dir: "/work".into(),
            timing: Timing::REAL,
            epoch: 0.0,
            containment: Containment::default(),
        }
    }

    fn line(command: &CommandInfo, change: impl FnOnce(&mut ContainerInfo)) -> Result<String, String> {
        let scalar = |name: &str, value| Resource {
            name: Some(name.to_owned()),
            scalar: Some(Scalar { value: Some(value) }),
            ..Resource::default()
        };
        let parameter = Parameter { key: Some("workdir".to_owned()), value: Some("/w".to_owned()) };
        let docker =
            DockerInfo { image: Some("i".to_owned()), parameters: vec![parameter], ..DockerInfo::default() };
        let mut container = ContainerInfo {
            r#type: Some(ContainerType::Docker as i32),
            docker: Some(docker),
            ..ContainerInfo::default()
        };
        change(&mut container);
        let task = TaskInfo {
            resources: vec![scalar("cpus", 1.5), scalar("mem", 64.0)],
            container: Some(container),
            ..TaskInfo::default()
        };
        let info = Box::new(FrameworkInfo::default());
        let run_of = Run { framework: FrameworkId::new("f"), info, task, role: "r".to_owned() };
        let engaged = engaged(&ContainerId("c".to_owned()), "/s");
        run(&run_of, command, &engaged, Path::new("/sandbox"), &settings())
            .map(|command| command.argv.join(" "))
    }

    #[test]
    fn options_are_those_of_mesos_in_its_order() {
        let begin = "docker -H unix:///s run --cpu-shares 1536 --memory 67108864 -e A=b -e MESOS_ALLOCATION_ROLE=r \
                     -e MESOS_CONTAINER_NAME=mesos-c -e MESOS_SANDBOX=/mnt/mesos/sandbox";
        let variable =
            Variable { name: Some("A".to_owned()), value: Some("b".to_owned()), ..Variable::default() };
        let command = CommandInfo {
            value: Some("echo hi".to_owned()),
            environment: Some(Environment { variables: vec![variable] }),
            ..CommandInfo::default()
        };
        assert_eq!(
            line(&command, |_| ()).expect("a line"),
            format!(
                "{begin} -v /sandbox:/mnt/mesos/sandbox --net host --entrypoint /bin/sh --name mesos-c --workdir=/w i -c echo hi"
            )
        );
        // Without a shell the image's own entrypoint stays, and the command's value need not be there.
        let plain = CommandInfo {
            value: None,
            shell: Some(false),
            arguments: vec!["x".to_owned()],
            ..command.clone()
        };
        let mounted = |container: &mut ContainerInfo| {
            let volume = |host: &str, inside: &str, mode: VolumeMode| Volume {
                host_path: Some(host.to_owned()),
                container_path: Some(inside.to_owned()),
                mode: Some(mode as i32),
                ..Volume::default()
            };
            container.volumes =
                vec![volume("/data", "/d", VolumeMode::Ro), volume("own", "/o", VolumeMode::Rw)];
        };
        assert_eq!(
            line(&plain, mounted).expect("a line"),
            format!(
                "{begin} -v /data:/d:ro -v /sandbox/own:/o:rw -v /sandbox:/mnt/mesos/sandbox --net host --name mesos-c \
                 --workdir=/w i x"
            )
        );
        let refused = line(&command, |container| container.hostname = Some("h".to_owned()));
        assert_eq!(refused, Err("Unable to set hostname with host network mode".to_owned()));
    }
}
