//! Roles lie one below the other: `team/etl` is below `team`.

/// Whether `role` is `above`, or below it.
pub fn is_within(role: &str, above: &str) -> bool {
    role.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The role itself, then those above it.
pub fn upwards(role: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(role), |role| role.rsplit_once('/').map(|(above, _)| above))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_below_others_by_whole_names() {
        assert_eq!(upwards("team/etl/night").collect::<Vec<_>>(), ["team/etl/night", "team/etl", "team"]);
        for role in ["team", "team/etl"] {
            assert!(is_within(role, "team"), "{role}");
        }
        for role in ["teams", "other/team", "tea", ""] {
            assert!(!is_within(role, "team"), "{role}");
        }
    }
}
