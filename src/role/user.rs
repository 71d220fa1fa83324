//! Whom tasks run as where the configuration does not say: somebody whom agents know.

use std::io;
use std::path::Path;

use nix::unistd::{geteuid, getpid};

use base::passwd;
use conf::environment::Environment;
use conf::keys;
use conf::table::{Origin, Table};
use flink::manifest;

const ROOT: &str = "root";

/// Sets `mesos.resourcemanager.framework.user` unless it is set.
pub fn decide(table: &mut Table, environment: &Environment) -> io::Result<()> {
    if table.get(keys::FRAMEWORK_USER.name).is_some_and(|user| !user.trim().is_empty()) {
        return Ok(());
    }
    let uid = geteuid().as_raw();
    let (user, why) = choose(&Own {
        uid,
        name: passwd::name_of(uid)?,
        variable: ["USER", "LOGNAME"].iter().find_map(|name| environment.text(name)).map(str::to_owned),
        container: container(environment),
    });
    table.set(keys::FRAMEWORK_USER.name, user, Origin::Rewritten { why });
    Ok(())
}

/// For the log: which user, why, and what to do about it.
pub fn tell(table: &Table) -> String {
    let (framework, tasks) = (keys::FRAMEWORK_USER.name, keys::TASK_USER.name);
    if let Some(user) = table.get(tasks) {
        return format!("tasks run as user {user} of the agents (`{tasks}`)");
    }
    let user = table.get(framework).unwrap_or_default();
    match table.setting(framework).map(|setting| &setting.origin) {
        Some(Origin::Rewritten { why }) => format!(
            "tasks run as user {user} of the agents, because {why}; to change that, set `{framework}` to a user that all agents have"
        ),
        Some(_) | None => format!("tasks run as user {user} of the agents (`{framework}`)"),
    }
}

/// This process's user, and where it runs.
struct Own {
    uid: u32,
    /// In `/etc/passwd`.
    name: Option<String>,
    /// What the environment says, of use where a directory service has the users.
    variable: Option<String>,
    /// By what it is known that this is a container.
    container: Option<String>,
}

/// With the reason.
fn choose(own: &Own) -> (String, String) {
    let root = |why| (ROOT.to_owned(), why);
    let named = |name: &str| (name.to_owned(), "it is the AppMaster's own user".to_owned());
    let is_name = |text: &&String| !text.bytes().all(|byte| byte.is_ascii_digit());
    match own {
        Own { uid: 0, .. } => named(ROOT),
        Own { container: Some(sign), .. } => root(format!(
            "the AppMaster runs in a container ({sign}), and agents do not have the users of that container"
        )),
        Own { name: Some(name), .. } => named(name),
        Own { variable: Some(name), .. } if is_name(&name) => named(name),
        Own { uid, .. } => root(format!("the AppMaster's own user has no name, only the number {uid}")),
    }
}

fn container(environment: &Environment) -> Option<String> {
    let file = [manifest::PATH, "/.dockerenv", "/run/.containerenv"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    let variable =
        ["container", "KUBERNETES_SERVICE_HOST"].into_iter().find(|name| environment.text(name).is_some());
    let mesos = environment.text("MESOS_SANDBOX").filter(|path| *path == super::worker::container::SANDBOX);
    file.map(str::to_owned)
        .or_else(|| variable.map(|name| format!("{name} is set")))
        .or_else(|| mesos.map(|path| format!("its sandbox is {path}")))
        // What starts a machine is another program.
        .or_else(|| (getpid().as_raw() == 1).then(|| "it is PID 1".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(uid: u32, name: Option<&str>, variable: Option<&str>, container: Option<&str>) -> Own {
        let [name, variable, container] = [name, variable, container].map(|text| text.map(str::to_owned));
        Own { uid, name, variable, container }
    }

    #[test]
    fn tasks_get_a_user_whom_agents_can_know() {
        let image = Some("/.dockerenv");
        for (given, user, why) in [
            (own(0, Some("root"), None, None), "root", "it is the AppMaster's own user"),
            (own(0, None, None, image), "root", "it is the AppMaster's own user"),
            (own(1001, Some("ann"), Some("bob"), None), "ann", "it is the AppMaster's own user"),
            (own(1001, None, Some("bob"), None), "bob", "it is the AppMaster's own user"),
            (
                own(1001, None, Some("1001"), None),
                "root",
                "the AppMaster's own user has no name, only the number 1001",
            ),
            (
                own(1001, None, None, None),
                "root",
                "the AppMaster's own user has no name, only the number 1001",
            ),
            (
                own(9999, Some("flink"), Some("flink"), image),
                "root",
                "the AppMaster runs in a container (/.dockerenv), and agents do not have the users of that container",
            ),
            (
                own(9999, None, None, image),
                "root",
                "the AppMaster runs in a container (/.dockerenv), and agents do not have the users of that container",
            ),
        ] {
            assert_eq!(choose(&given), (user.to_owned(), why.to_owned()));
        }
    }

    #[test]
    fn what_is_configured_stays() {
        let mut table = Table::default();
        table.set(keys::FRAMEWORK_USER.name, "ann", Origin::Argument);
        decide(&mut table, &Environment::default()).unwrap();
        assert_eq!(table.get(keys::FRAMEWORK_USER.name), Some("ann"));
        let said = tell(&table);
        assert_eq!(said, "tasks run as user ann of the agents (`mesos.resourcemanager.framework.user`)");
        // As Flink 1.13 took it, an empty value is none.
        table.set(keys::FRAMEWORK_USER.name, "", Origin::Argument);
        decide(&mut table, &Environment::default()).unwrap();
        assert_ne!(table.get(keys::FRAMEWORK_USER.name), Some(""));
        assert!(tell(&table).ends_with("to a user that all agents have"), "{}", tell(&table));
        table.set(keys::TASK_USER.name, "bob", Origin::Argument);
        assert_eq!(tell(&table), "tasks run as user bob of the agents (`mesos.resourcemanager.tasks.user`)");
    }
}
