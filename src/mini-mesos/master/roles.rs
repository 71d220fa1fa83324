//! Names of roles.

/// Why `role` cannot be the name of one.
pub fn refuse(role: &str) -> Option<String> {
    if role == "*" {
        return None;
    }
    if role.is_empty() {
        return Some("Empty role name is invalid".to_owned());
    }
    if role.starts_with('/') {
        return Some(format!("Role '{role}' cannot start with a slash"));
    }
    if role.ends_with('/') {
        return Some(format!("Role '{role}' cannot end with a slash"));
    }
    role.split('/').find_map(|part| refuse_part(role, part))
}

fn refuse_part(role: &str, part: &str) -> Option<String> {
    let invalid = |c: char| matches!(c, '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{7f}');
    match part {
        "" => Some(format!("Role '{role}' cannot contain two adjacent slashes")),
        "." | ".." | "*" => Some(format!("Role '{role}' cannot include '{part}' as a component")),
        part if part.starts_with('-') => {
            Some(format!("Role component '{part}' is invalid because it begins with a dash"))
        }
        part if part.contains(invalid) => {
            Some(format!("Role component '{part}' is invalid because it contains backspace or whitespace"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::refuse;

    #[test]
    fn names() {
        for good in ["*", "flink", "eng/backend", "a-b", "a.b", "_x"] {
            assert_eq!(refuse(good), None, "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", ".", "a/..", "a/*", "-a", "a/-b", "a b", "a\u{7f}"] {
            assert!(refuse(bad).is_some(), "{bad}");
        }
    }
}
