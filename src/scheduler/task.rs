//! The `TaskInfo` of a task.

use std::time::Duration;

use mesos::wire::command::{CommandInfo, Environment, KillPolicy, Variable, VariableType};
use mesos::wire::container::{ContainerInfo, ContainerType, DockerNetwork, DockerPortMapping};
use mesos::wire::id::{AgentId, TaskId};
use mesos::wire::label::Labels;
use mesos::wire::task::TaskInfo;
use mesos::wire::time::DurationInfo;

use super::resources::Allotment;
use super::spec::{COMMAND_VARIABLE, Host, Name, OwnValue, Shell, Template};

/// Stands for the task id in `mesos.resourcemanager.tasks.hostname`.
const TASK_ID_MARK: &str = "_TASK_";

/// Where a task goes, and what it takes there.
#[derive(Clone, Copy, Debug)]
pub struct Assignment<'a> {
    pub agent_id: &'a str,
    pub hostname: &'a str,
    pub attempt: u32,
    pub allotment: &'a Allotment,
}

pub fn info(
    template: &Template,
    kill_grace: Duration,
    id: &str,
    assignment: &Assignment<'_>,
    token: String,
) -> TaskInfo {
    let Assignment { agent_id, hostname, attempt, allotment } = *assignment;
    let delivery = template.delivery.clone().unwrap_or_default();
    let mut arguments = template.arguments.clone();
    arguments.extend(delivery.arguments);
    let mut environment = template.environment.clone();
    for own in &template.own {
        let value = match &own.value {
            OwnValue::TaskId => id.to_owned(),
            OwnValue::Attempt => attempt.to_string(),
            OwnValue::Host(Host::Agent) => hostname.to_owned(),
            OwnValue::Host(Host::Pattern(pattern)) => pattern.replace(TASK_ID_MARK, id),
            OwnValue::Port(place) if *place >= allotment.ports.len() => continue,
            OwnValue::Port(place) => allotment.ports[*place].to_string(),
        };
        match &own.name {
            Name::Property(key) => arguments.extend(["-D".to_owned(), format!("{key}={value}")]),
            Name::Variable(name) => environment.push((name.clone(), value)),
        }
    }
    environment.push((template.token_variable.clone(), token));
    let command = match &template.shell {
        None => {
            // Docker's containerizer hands all of them to the program, whose name for itself is not among them.
            let own_name = usize::from(is_docker(template.container.as_ref())).min(arguments.len());
            CommandInfo {
                value: (!template.is_entrypoint).then(|| template.program.clone()),
                shell: Some(false),
                arguments: arguments.split_off(own_name),
                ..CommandInfo::default()
            }
        }
        Some(shell) => {
            let value = line(shell, &template.program, &arguments);
            environment.push((COMMAND_VARIABLE.to_owned(), quoted(&template.program, &arguments)));
            CommandInfo { value: Some(value), shell: Some(true), ..CommandInfo::default() }
        }
    };
    let variables = environment.into_iter().map(|(name, value)| Variable {
        name: Some(name),
        value: Some(value),
        r#type: Some(VariableType::Value as i32),
        secret: None,
    });
    let command = CommandInfo {
        environment: Some(Environment { variables: variables.collect() }),
        user: template.user.clone(),
        uris: delivery.uris,
        ..command
    };
    let labels = (!template.labels.is_empty()).then(|| Labels { labels: template.labels.clone() });
    TaskInfo {
        name: Some(id.to_owned()),
        task_id: Some(TaskId::new(id)),
        agent_id: Some(AgentId::new(agent_id)),
        resources: allotment.resources.clone(),
        command: Some(command),
        container: template.container.clone().map(|container| mapped(container, &allotment.ports)),
        kill_policy: Some(kill_policy(kill_grace)),
        labels,
        ..TaskInfo::default()
    }
}

fn is_docker(container: Option<&ContainerInfo>) -> bool {
    container.is_some_and(|container| container.r#type == Some(ContainerType::Docker as i32))
}

/// Ports of the agent lead to the same ones of a container on docker's bridge.
fn mapped(mut container: ContainerInfo, ports: &[u64]) -> ContainerInfo {
    if let Some(docker) = &mut container.docker
        && docker.network == Some(DockerNetwork::Bridge as i32)
    {
        let ports = ports.iter().filter_map(|port| u32::try_from(*port).ok());
        docker.port_mappings = ports
            .map(|port| DockerPortMapping {
                host_port: Some(port),
                container_port: Some(port),
                protocol: Some("tcp".to_owned()),
            })
            .collect();
    }
    container
}

/// What the shell runs. A command of the user's gets the options that differ from task to task, as it did in Flink
/// 1.13.
fn line(shell: &Shell, program: &str, arguments: &[String]) -> String {
    let bootstrap = shell.bootstrap.as_ref().map(|text| format!("{text} && ")).unwrap_or_default();
    match &shell.command {
        None => format!("{bootstrap}exec {}", quoted(program, arguments)),
        Some(command) => {
            let options = arguments.iter().position(|argument| argument == "-D").unwrap_or(arguments.len());
            let options = arguments[options..].iter().map(|argument| quote(argument)).collect::<Vec<_>>();
            format!("{bootstrap}{command} {}", options.join(" "))
        }
    }
}

/// `arguments` begin with the program's name for itself, which a shell cannot set.
fn quoted(program: &str, arguments: &[String]) -> String {
    let words = std::iter::once(program).chain(arguments.iter().skip(1).map(String::as_str));
    words.map(quote).collect::<Vec<_>>().join(" ")
}

/// One word for any POSIX shell.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Without one the command executor leaves 3 s, less than Flink's own 5 s for its shutdown hooks.
fn kill_policy(grace: Duration) -> KillPolicy {
    let nanoseconds = i64::try_from(grace.as_nanos()).unwrap_or(i64::MAX);
    KillPolicy { grace_period: Some(DurationInfo { nanoseconds: Some(nanoseconds) }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_template(template: &Template) -> CommandInfo {
        let assignment =
            Assignment { agent_id: "a", hostname: "h", attempt: 1, allotment: &Allotment::default() };
        info(template, Duration::from_secs(30), "t", &assignment, String::new()).command.expect("a command")
    }

    #[test]
    fn docker_is_told_no_name_of_the_program() {
        let info = |container: Option<ContainerInfo>| {
            let template = Template {
                program: "/usr/bin/x".to_owned(),
                arguments: ["x", "taskmanager"].map(str::to_owned).to_vec(),
                container,
                ..Template::default()
            };
            let command = of_template(&template);
            (command.value.unwrap_or_default(), command.arguments[0].clone())
        };
        let of =
            |kind: ContainerType| ContainerInfo { r#type: Some(kind as i32), ..ContainerInfo::default() };
        let own_name = ("/usr/bin/x".to_owned(), "x".to_owned());
        assert_eq!(info(None), own_name);
        assert_eq!(info(Some(of(ContainerType::Mesos))), own_name);
        assert_eq!(
            info(Some(of(ContainerType::Docker))),
            ("/usr/bin/x".to_owned(), "taskmanager".to_owned())
        );
        // Nor the program itself, where the container begins with it.
        let template = Template {
            is_entrypoint: true,
            arguments: ["x", "taskmanager"].map(str::to_owned).to_vec(),
            container: Some(of(ContainerType::Docker)),
            ..Template::default()
        };
        let command = of_template(&template);
        assert_eq!(
            (command.value, command.shell, &command.arguments[0][..]),
            (None, Some(false), "taskmanager")
        );
    }

    #[test]
    fn shell_lines() {
        let arguments = ["flink-on-mesos", "taskmanager", "-D", "a=it's $HOME"].map(str::to_owned);
        let shell = |bootstrap: Option<&str>, command: Option<&str>| Shell {
            bootstrap: bootstrap.map(str::to_owned),
            command: command.map(str::to_owned),
        };
        let line = |shell: &Shell| line(shell, "/opt/a b", &arguments);
        let own = r"'/opt/a b' taskmanager -D 'a=it'\''s $HOME'";
        assert_eq!(line(&shell(Some("kinit -k"), None)), format!("kinit -k && exec {own}"));
        assert_eq!(line(&shell(None, Some("my.sh"))), r"my.sh -D 'a=it'\''s $HOME'");
        assert_eq!(quoted("/opt/a b", &arguments), own);
    }
}
