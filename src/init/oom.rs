//! How often the kernel has killed in this container for want of memory.

use std::fs;
use std::io;

/// Counts everything since the control group was made; what counts is the difference.
pub fn kills() -> io::Result<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let texts = candidates(&groups).into_iter().filter_map(|path| fs::read_to_string(path).ok());
    texts.into_iter().find_map(|text| count(&text)).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// The files that may tell, most telling first: with a namespace of its own a container is at the root of what it
/// sees of the control groups, without one it is where `/proc/self/cgroup` says.
fn candidates(groups: &str) -> Vec<String> {
    let mut own = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let path = path.trim_end_matches('/');
        if controllers.is_empty() {
            own.push(format!("/sys/fs/cgroup{path}/memory.events"));
        } else if controllers.split(',').any(|controller| controller == "memory") {
            own.push(format!("/sys/fs/cgroup/memory{path}/memory.oom_control"));
        }
    }
    let roots = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];
    own.into_iter().chain(roots.map(str::to_owned)).collect()
}

fn count(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_control_groups() {
        let roots = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];
        let cases = [
            ("0::/\n", vec!["/sys/fs/cgroup/memory.events"]),
            ("0::/mesos/x:y\n", vec!["/sys/fs/cgroup/mesos/x:y/memory.events"]),
            (
                "9:name=systemd:/\n4:cpu,memory:/mesos/x\n0::/\n",
                vec!["/sys/fs/cgroup/memory/mesos/x/memory.oom_control", "/sys/fs/cgroup/memory.events"],
            ),
            ("", vec![]),
            ("nonsense", vec![]),
        ];
        for (groups, own) in cases {
            assert_eq!(candidates(groups), [own, roots.to_vec()].concat(), "{groups:?}");
        }
    }

    #[test]
    fn counts() {
        assert_eq!(count("low 0\nhigh 1\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n"), Some(2));
        assert_eq!(count("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"), Some(5));
        assert_eq!(count("oom 3\n"), None);
    }
}
