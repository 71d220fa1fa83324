//! The users of this machine, as its own files name them. Directory services are not asked: a static program cannot load what
//! the C library asks them with.

use std::fs;
use std::io;

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// Further groups that it is in.
    pub groups: Vec<u32>,
}

/// `None` where nobody has that name.
pub fn by_name(name: &str) -> io::Result<Option<User>> {
    let user = find(&read(PASSWD)?, |user| user.name == name);
    let Some(user) = user else { return Ok(None) };
    let groups = groups_of(&read(GROUP)?, &user.name);
    Ok(Some(User { groups, ..user }))
}

/// The name of a user; `None` where the files have none for this number.
pub fn name_of(uid: u32) -> io::Result<Option<String>> {
    Ok(find(&read(PASSWD)?, |user| user.uid == uid).map(|user| user.name))
}

/// What is not there says nothing.
fn read(path: &str) -> io::Result<String> {
    match fs::read(path) {
        Ok(content) => Ok(String::from_utf8_lossy(&content).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn find(passwd: &str, is_meant: impl Fn(&User) -> bool) -> Option<User> {
    passwd.lines().filter_map(entry).find(is_meant)
}

/// `name:password:uid:gid:…`
fn entry(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with('#'))?;
    let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(User { name: name.to_owned(), uid, gid, groups: Vec::new() })
}

/// `name:password:gid:user,user`
fn groups_of(group: &str, name: &str) -> Vec<u32> {
    let gid = |line: &str| {
        let fields: Vec<_> = line.split(':').collect();
        let [_, _, gid, members] = fields[..] else { return None };
        members.split(',').any(|member| member.trim() == name).then(|| gid.parse().ok())?
    };
    group.lines().filter_map(gid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\n# no entry\n+::::::\nflink:x:9999:9998::/opt/flink:\nx:y\n";

    #[test]
    fn entries_are_found_by_name_and_number() {
        let flink = User { name: "flink".to_owned(), uid: 9999, gid: 9998, groups: Vec::new() };
        assert_eq!(find(PASSWD, |user| user.name == "flink"), Some(flink.clone()));
        assert_eq!(find(PASSWD, |user| user.uid == 9999), Some(flink));
        // A number is no name.
        assert_eq!(find(PASSWD, |user| user.name == "9999"), None);
        assert_eq!(find(PASSWD, |user| user.uid == 1), None);
    }

    #[test]
    fn groups_name_their_members() {
        let group =
            "root:x:0:\ndisk:x:6:ann,flink\nflink:x:9998:\nvideo:x:44:flink\nflinks:x:7:flinks\nbroken\n";
        assert_eq!(groups_of(group, "flink"), [6, 44]);
        assert_eq!(groups_of(group, "root"), [] as [u32; 0]);
    }
}
