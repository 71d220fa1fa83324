//! What the master's `/roles` says of quotas.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::role;

/// Scalars by Mesos name; memory and disk in MB.
pub type Amounts = BTreeMap<String, f64>;

/// Of roles that have a limit, as far as whoever asked may see them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Quotas(BTreeMap<String, Quota>);

/// Of a role and all roles below it.
#[derive(Clone, Debug, PartialEq)]
pub struct Quota {
    /// What it may have; of what is not named, as much as there is.
    pub limits: Amounts,
    /// What its tasks hold, and what is reserved for it.
    pub consumed: Amounts,
    /// Whether offers to it are consumed too: masters before 1.9 tell no more.
    pub counts_offers: bool,
}

#[derive(Deserialize)]
struct Answer {
    roles: Vec<Role>,
}

#[derive(Deserialize)]
struct Role {
    name: String,
    #[serde(default)]
    quota: Option<Configured>,
    /// With offers.
    #[serde(default)]
    resources: Map<String, Value>,
    #[serde(default)]
    allocated: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Configured {
    #[serde(default)]
    guarantee: Map<String, Value>,
    #[serde(default)]
    limit: Option<Map<String, Value>>,
    #[serde(default)]
    consumed: Option<Map<String, Value>>,
}

impl Quotas {
    pub fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        let answer: Answer = serde_json::from_slice(json)?;
        let quotas = answer.roles.into_iter().filter_map(|role| Some((role.name.clone(), role.quota()?)));
        Ok(Self(quotas.collect()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that hold for `role`, each with the role whose it is: its own first, then those of the roles above.
    pub fn of<'a>(&'a self, role: &'a str) -> impl Iterator<Item = (&'a str, &'a Quota)> {
        role::upwards(role).filter_map(|name| Some((name, self.0.get(name)?)))
    }
}

impl Role {
    fn quota(self) -> Option<Quota> {
        let Configured { guarantee, limit, consumed } = self.quota?;
        let limits = match limit {
            Some(limit) => amounts(&limit),
            // Before 1.9 a role got no more than its guarantee, which is written with zeros for what it does not name.
            None => amounts(&guarantee).into_iter().filter(|(_, amount)| *amount > 0.0).collect(),
        };
        let (consumed, counts_offers) = match consumed.or(self.allocated) {
            Some(consumed) => (amounts(&consumed), false),
            None => (amounts(&self.resources), true),
        };
        (!limits.is_empty()).then_some(Quota { limits, consumed, counts_offers })
    }
}

/// Ports are text with some masters, and never limited.
fn amounts(written: &Map<String, Value>) -> Amounts {
    written.iter().filter_map(|(name, amount)| Some((name.clone(), amount.as_f64()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(all: &[(&str, f64)]) -> Amounts {
        all.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect()
    }

    fn read(json: &str) -> Quotas {
        Quotas::read(json.as_bytes()).expect("roles")
    }

    /// As `model` of src/common/http.cpp and `Master::Http::roles` write it in 1.4.
    const OF_1_4: &str = r#"{"roles":[
        {"frameworks":[],"name":"*","resources":{"cpus":0,"disk":0,"gpus":0,"mem":0},"weight":1.0},
        {"frameworks":["f-0000","f-0001"],"name":"etl",
         "quota":{"guarantee":{"cpus":8.0,"disk":0,"gpus":0,"mem":4096.0},"principal":"ops","role":"etl"},
         "resources":{"cpus":7.5,"disk":0,"gpus":0,"mem":1024.0,"ports":"[31000-31004]"},"weight":1.0}]}"#;

    /// As `ReadOnlyHandler::roles` writes it between 1.8 and 1.9.
    const BEFORE_1_9: &str = r#"{"roles":[
        {"name":"etl","weight":1.0,"quota":{"role":"etl","guarantee":{},"limit":{"cpus":8.0}},
         "resources":{"cpus":7.5,"mem":1024.0},"frameworks":["f-0000"]},
        {"name":"free","weight":2.0,"resources":{},"frameworks":[]}]}"#;

    /// As src/tests/role_tests.cpp expects it of 1.9 to 1.11, but for the numbers.
    const OF_1_11: &str = r#"{"roles":[
        {"name":"team","weight":1.0,
         "quota":{"role":"team","guarantee":{},"limit":{"cpus":8.0,"gpus":0.0},"consumed":{"cpus":7.5,"mem":1110.0,"ports":100.0}},
         "resources":{"cpus":1111.0,"mem":11110.0,"ports":1100.0},"allocated":{"cpus":7.5,"mem":110.0},
         "offered":{"cpus":1103.5,"mem":11000.0,"ports":1100.0},"reserved":{"mem":1000.0,"ports":100.0},"frameworks":[]},
        {"name":"team/etl","weight":1.0,"quota":{"role":"team/etl","guarantee":{},"limit":{},"consumed":{"cpus":7.5}},
         "resources":{"cpus":7.5},"allocated":{"cpus":7.5},"offered":{},"reserved":{},"frameworks":["f-0000"]},
        {"name":"team/etl/night","weight":1.0,
         "quota":{"role":"team/etl/night","guarantee":{},"limit":{"mem":512.0},"consumed":{}},
         "resources":{},"allocated":{},"offered":{},"reserved":{},"frameworks":[]}]}"#;

    #[test]
    fn masters_before_1_9_tell_what_they_guarantee_and_count_offers() {
        let quotas = read(OF_1_4);
        let [(name, quota)] = quotas.of("etl").collect::<Vec<_>>()[..] else { panic!("{quotas:?}") };
        assert_eq!((name, &quota.limits), ("etl", &amounts(&[("cpus", 8.0), ("mem", 4096.0)])));
        assert_eq!((quota.consumed["cpus"], quota.counts_offers), (7.5, true));
        assert!(!quota.consumed.contains_key("ports"));
        assert_eq!(quotas.of("*").count(), 0);
        let quotas = read(BEFORE_1_9);
        let (_, quota) = quotas.of("etl").next().expect("a quota");
        assert_eq!((&quota.limits, quota.counts_offers), (&amounts(&[("cpus", 8.0)]), true));
        assert_eq!(quotas.of("free").count(), 0);
    }

    #[test]
    fn a_limit_holds_for_all_roles_below() {
        let quotas = read(OF_1_11);
        let names = |role| quotas.of(role).map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names("team/etl/night"), ["team/etl/night", "team"]);
        assert_eq!(names("team/etl"), ["team"]);
        assert_eq!((names("teams"), names("other/team")), (vec![], vec![]));
        let (_, quota) = quotas.of("team").next().expect("a quota");
        assert_eq!(quota.limits, amounts(&[("cpus", 8.0), ("gpus", 0.0)]));
        assert_eq!(
            (quota.consumed["cpus"], quota.consumed["mem"], quota.counts_offers),
            (7.5, 1110.0, false)
        );
    }

    #[test]
    fn another_answer_is_none() {
        assert!(read(r#"{"roles":[]}"#).is_empty());
        for wrong in ["", "{}", "<html>", r#"{"roles":[{}]}"#, r#"{"roles":[{"name":"a","quota":[8]}]}"#] {
            assert!(Quotas::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
