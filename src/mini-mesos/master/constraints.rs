//! Offer constraints: a framework's own words on which agents it wants to hear of in a role.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;

use mesos::wire::constraints::{
    AttributeConstraint, OfferConstraints, Predicate, PseudoattributeType, Selector,
};
use mesos::wire::resource::{Attribute, ValueType};

use super::agents::AgentDescription;

/// By role: one of the groups has to hold, and in it every constraint. A role without any is not constrained.
#[derive(Debug, Default)]
pub struct Constraints(BTreeMap<String, Vec<Vec<Constraint>>>);

#[derive(Debug)]
struct Constraint {
    subject: Subject,
    test: Test,
}

#[derive(Debug)]
enum Subject {
    Hostname,
    Region,
    Zone,
    /// The first one of this name.
    Attribute(String),
}

#[derive(Debug)]
enum Test {
    Exists,
    NotExists,
    Equals(String),
    NotEquals(String),
    Matches(Regex),
    NotMatches(Regex),
}

/// What an agent has to show.
enum Shown<'a> {
    Nothing,
    Text(&'a str),
    /// An attribute of another type, of which the tests of texts say nothing.
    Other,
}

impl Constraints {
    /// What a framework with these roles asks for, or why that cannot be.
    pub fn read(wire: Option<&OfferConstraints>, roles: &BTreeSet<String>) -> Result<Self, String> {
        let mut all = BTreeMap::new();
        for (role, constraints) in wire.into_iter().flat_map(|wire| &wire.role_constraints) {
            if !roles.contains(role) {
                return Err(format!(
                    "Offer constraints specify `role_constraints` for a role '{role}'not contained in the set of roles"
                ));
            }
            if constraints.groups.is_empty() {
                return Err(format!(
                    "'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' for role {role}"
                ));
            }
            let mut groups = Vec::new();
            for group in &constraints.groups {
                if group.attribute_constraints.is_empty() {
                    return Err(format!(
                        "'OfferConstraints::RoleConstraints::groups' for role {role}contains an empty RoleConstraints::Group"
                    ));
                }
                let invalid = |why| format!("A role {role} has an invalid 'AttributeConstraint': {why}");
                let group: Result<Vec<_>, _> = group.attribute_constraints.iter().map(read).collect();
                groups.push(group.map_err(invalid)?);
            }
            all.insert(role.clone(), groups);
        }
        Ok(Self(all))
    }

    pub fn allow(&self, role: &str, agent: &AgentDescription) -> bool {
        let Some(groups) = self.0.get(role) else { return true };
        groups.iter().any(|group| group.iter().all(|constraint| constraint.holds(agent)))
    }
}

impl Constraint {
    fn holds(&self, agent: &AgentDescription) -> bool {
        let domain = agent.domain.as_ref().and_then(|domain| domain.fault_domain.as_ref());
        let named = match &self.subject {
            Subject::Hostname => Some(agent.hostname.as_str()),
            Subject::Region => domain.and_then(|domain| domain.region.as_ref()?.name.as_deref()),
            Subject::Zone => domain.and_then(|domain| domain.zone.as_ref()?.name.as_deref()),
            Subject::Attribute(name) => {
                let named = |attribute: &&Attribute| attribute.name.as_ref() == Some(name);
                return self.test.holds(agent.attributes.iter().find(named).map_or(Shown::Nothing, show));
            }
        };
        self.test.holds(named.map_or(Shown::Nothing, Shown::Text))
    }
}

impl Test {
    fn holds(&self, shown: Shown<'_>) -> bool {
        match (self, shown) {
            (Self::Exists, Shown::Nothing) => false,
            (Self::Exists, Shown::Text(_) | Shown::Other) => true,
            (Self::NotExists, shown) => matches!(shown, Shown::Nothing),
            (Self::Equals(_) | Self::Matches(_), Shown::Nothing) => false,
            (Self::NotEquals(_) | Self::NotMatches(_), Shown::Nothing) => true,
            (Self::Equals(value), Shown::Text(text)) => text == value,
            (Self::NotEquals(value), Shown::Text(text)) => text != value,
            (Self::Matches(regex), Shown::Text(text)) => regex.is_match(text),
            (Self::NotMatches(regex), Shown::Text(text)) => !regex.is_match(text),
            (Self::Equals(_) | Self::NotEquals(_) | Self::Matches(_) | Self::NotMatches(_), Shown::Other) => {
                true
            }
        }
    }
}

fn show(attribute: &Attribute) -> Shown<'_> {
    match (attribute.r#type == Some(ValueType::Text as i32), &attribute.text) {
        (true, Some(text)) => Shown::Text(text.value.as_deref().unwrap_or_default()),
        (true, None) => Shown::Text(""),
        (false, _) => Shown::Other,
    }
}

fn read(wire: &AttributeConstraint) -> Result<Constraint, String> {
    let subject = subject(wire.selector.as_ref())?;
    Ok(Constraint { subject, test: test(wire.predicate.as_ref())? })
}

fn subject(selector: Option<&Selector>) -> Result<Subject, String> {
    let Some(Selector { pseudoattribute_type, attribute_name }) = selector else { return Err(no_selector()) };
    if let Some(name) = attribute_name {
        return Ok(Subject::Attribute(name.clone()));
    }
    match pseudoattribute_type.map(PseudoattributeType::try_from) {
        Some(Ok(PseudoattributeType::Hostname)) => Ok(Subject::Hostname),
        Some(Ok(PseudoattributeType::Region)) => Ok(Subject::Region),
        Some(Ok(PseudoattributeType::Zone)) => Ok(Subject::Zone),
        Some(Ok(PseudoattributeType::Unknown) | Err(_)) => Err("Unknown pseudoattribute type".to_owned()),
        None => Err(no_selector()),
    }
}

fn no_selector() -> String {
    "Exactly one of 'AttributeConstraint::Selector::name' or \
     'AttributeConstraint::Selector::pseudoattribute_type' must be set"
        .to_owned()
}

fn test(predicate: Option<&Predicate>) -> Result<Test, String> {
    let unknown = || "Unknown predicate type".to_owned();
    let predicate = predicate.ok_or_else(unknown)?;
    if predicate.exists.is_some() {
        return Ok(Test::Exists);
    }
    if predicate.not_exists.is_some() {
        return Ok(Test::NotExists);
    }
    if let Some(equals) = &predicate.text_equals {
        return Ok(Test::Equals(equals.value.clone().unwrap_or_default()));
    }
    if let Some(differs) = &predicate.text_not_equals {
        return Ok(Test::NotEquals(differs.value.clone().unwrap_or_default()));
    }
    if let Some(matches) = &predicate.text_matches {
        return regex(matches.regex.as_deref().unwrap_or_default()).map(Test::Matches);
    }
    let differs = predicate.text_not_matches.as_ref().ok_or_else(unknown)?;
    regex(differs.regex.as_deref().unwrap_or_default()).map(Test::NotMatches)
}

/// It has to match the whole text. How complex it may be is the library's limit, not the real master's.
fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(&format!("^(?:{pattern})$"))
        .map_err(|error| format!("Failed to construct regex from pattern '{pattern}': {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{Resources, parse_attributes};
    use mesos::wire::cluster::{DomainInfo, FaultDomain, RegionInfo, ZoneInfo};

    fn agent() -> AgentDescription {
        let fault_domain = FaultDomain {
            region: Some(RegionInfo { name: Some("eu".to_owned()) }),
            zone: Some(ZoneInfo { name: Some("eu-1".to_owned()) }),
        };
        AgentDescription {
            hostname: "host1".to_owned(),
            ip: "10.0.0.1".to_owned(),
            port: 5051,
            number: 1,
            attributes: parse_attributes("rack:r1;generation:2").expect("attributes"),
            domain: Some(DomainInfo { fault_domain: Some(fault_domain) }),
            resources: Resources::default(),
        }
    }

    /// From the JSON of groups for role `a`.
    fn constraints(groups: &str) -> Result<Constraints, String> {
        let json = format!("{{\"role_constraints\":{{\"a\":{{\"groups\":{groups}}}}}}}");
        let wire: OfferConstraints = serde_json::from_str(&json).expect("JSON");
        Constraints::read(Some(&wire), &BTreeSet::from(["a".to_owned()]))
    }

    fn one(selector: &str, predicate: &str) -> String {
        format!(
            "{{\"attribute_constraints\":[{{\"selector\":{{{selector}}},\"predicate\":{{{predicate}}}}}]}}"
        )
    }

    #[test]
    fn what_holds_of_an_agent() {
        let rack = "\"attribute_name\":\"rack\"";
        let generation = "\"attribute_name\":\"generation\"";
        let none = "\"attribute_name\":\"none\"";
        let pseudo = |name: &str| format!("\"pseudoattribute_type\":\"{name}\"");
        let equals = |value: &str| format!("\"text_equals\":{{\"value\":\"{value}\"}}");
        let matches = |regex: &str| format!("\"text_matches\":{{\"regex\":\"{regex}\"}}");
        for (selector, predicate, expected) in [
            (rack, "\"exists\":{}".to_owned(), true),
            (none, "\"exists\":{}".to_owned(), false),
            (none, "\"not_exists\":{}".to_owned(), true),
            (rack, equals("r1"), true),
            (rack, equals("r2"), false),
            (none, equals("r1"), false),
            (none, "\"text_not_equals\":{\"value\":\"r1\"}".to_owned(), true),
            (rack, "\"text_not_equals\":{\"value\":\"r1\"}".to_owned(), false),
            (rack, matches("r[0-9]"), true),
            (rack, matches("r"), false),
            (rack, "\"text_not_matches\":{\"regex\":\"r.\"}".to_owned(), false),
            // A number is no text.
            (generation, equals("7"), true),
            (generation, matches("x"), true),
            (&pseudo("HOSTNAME"), equals("host1"), true),
            (&pseudo("REGION"), equals("eu"), true),
            (&pseudo("ZONE"), equals("eu-2"), false),
        ] {
            let constraints = constraints(&format!("[{}]", one(selector, &predicate))).expect("valid");
            assert_eq!(constraints.allow("a", &agent()), expected, "{selector} {predicate}");
            assert!(constraints.allow("b", &agent()), "another role");
        }
        let (good, bad) = (one(rack, &equals("r1")), one(rack, &equals("r2")));
        let any = constraints(&format!("[{bad},{good}]")).expect("valid");
        assert!(any.allow("a", &agent()));
    }

    #[test]
    fn what_is_refused() {
        let rack = "\"attribute_name\":\"rack\"";
        for (groups, part) in [
            ("[]".to_owned(), "an empty 'RoleConstraints::groups' for role a"),
            ("[{}]".to_owned(), "an empty RoleConstraints::Group"),
            (format!("[{}]", one("", "\"exists\":{}")), "Exactly one of"),
            (format!("[{}]", one("\"pseudoattribute_type\":\"UNKNOWN\"", "\"exists\":{}")), "Unknown pseudo"),
            (format!("[{}]", one(rack, "")), "Unknown predicate type"),
            (format!("[{}]", one(rack, "\"text_matches\":{\"regex\":\"(\"}")), "Failed to construct regex"),
        ] {
            let refusal = constraints(&groups).expect_err(part);
            assert!(refusal.contains(part), "{refusal}");
        }
        let wire = OfferConstraints { role_constraints: BTreeMap::from([("b".to_owned(), <_>::default())]) };
        let refusal = Constraints::read(Some(&wire), &BTreeSet::new()).expect_err("a foreign role");
        assert!(refusal.starts_with("Offer constraints specify"), "{refusal}");
    }
}
