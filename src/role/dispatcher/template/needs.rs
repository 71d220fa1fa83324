//! What a cluster's processes take of agents, before any of them is launched.

use conf::environment::Environment;
use domain::group::GroupName;
use domain::need::Need;
use flink::memory;
use manifest::Manifest;
use scheduler::fitting::Wanted;

use super::{Makings, Unlaunchable, need, settings, version};
use crate::role::worker;

/// Of one cluster, as many as there are at first.
pub struct Needs {
    pub appmasters: Wanted,
    /// As the AppMaster would want them. Where it takes another role than the dispatcher may, offers to any role are looked at.
    pub taskmanagers: Wanted,
    /// Mesos roles in one of which AppMasters run.
    pub appmaster_roles: Vec<String>,
    /// Mesos roles in one of which TaskManagers run.
    pub taskmanager_roles: Vec<String>,
}

impl Makings {
    /// Of the dispatcher, in which tasks run that take offers to this one or to any.
    pub fn roles(&self, only: Option<&str>) -> Vec<String> {
        only.map_or_else(|| self.settings.framework.roles.clone(), |role| vec![role.to_owned()])
    }

    pub fn needs(&self, manifest: &Manifest) -> Result<Needs, Unlaunchable> {
        let spec = &manifest.spec;
        let name = &manifest.metadata.name;
        let origin = self.origin(spec)?;
        // Where it stores anything changes nothing of what it takes.
        let mut table = self.basis.table(manifest, name, origin.word);
        let appmaster = need(spec, &table)?;
        let (own_name, role) = (super::group(name).unwrap_or(GroupName::TASKMANAGERS), self.role(spec));
        let constraints = &spec.mesos.constraints;
        let appmasters = Wanted {
            noun: super::APPMASTER,
            group: own_name,
            count: spec.job_manager.replicas.max(1) as usize,
            need: appmaster,
            role: role.clone(),
            hard: constraints.hard.clone(),
            soft: super::soft(spec),
        };
        // As the AppMaster reads it.
        let _changes = conf::settle(&mut table, &Environment::default(), spec.flink_version.number());
        let settings = settings(&table)?;
        let memory = memory::taskmanager(&table, &Environment::default(), version(spec))?;
        let ports = worker::port_keys(&settings.tasks).len();
        let taskmanagers = Wanted {
            noun: worker::TASKMANAGER,
            group: GroupName::TASKMANAGERS,
            count: worker::first_target(&settings) as usize,
            need: worker::taskmanager_need(&settings.tasks, memory.process.bytes().div_ceil(1 << 20), ports),
            role,
            hard: settings.constraints.hard.clone(),
            soft: settings.constraints.soft.clone(),
        };
        let appmaster_roles = self.roles(appmasters.role.as_deref());
        Ok(Needs { appmasters, taskmanagers, appmaster_roles, taskmanager_roles: settings.framework.roles })
    }
}

/// Whether what one task leaves is enough for the other.
pub fn covers(one: &Need, other: &Need) -> bool {
    let has =
        |name: &str| one.scalars.iter().find(|(known, _)| known == name).map_or(0, |(_, amount)| amount.0);
    other.ports <= one.ports && other.scalars.iter().all(|(name, amount)| amount.0 <= has(name))
}
