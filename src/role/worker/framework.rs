//! How we introduce ourselves to the master.

use conf::settings::Settings;
use mesos::wire::framework::{Capability, CapabilityType, FrameworkInfo};

/// Several roles and refined reservations are ours to handle, an unreachable task is told apart from a lost one,
/// TASK_KILLING is told, and other regions' agents are offered: they are used where a constraint names `@region`.
const CAPABILITIES: [CapabilityType; 5] = [
    CapabilityType::MultiRole,
    CapabilityType::ReservationRefinement,
    CapabilityType::PartitionAware,
    CapabilityType::TaskKillingState,
    CapabilityType::RegionAware,
];

/// Without id.
pub fn info(settings: &Settings, roles: &[String]) -> FrameworkInfo {
    let framework = &settings.framework;
    // Masters with GPUs offer their agents only to frameworks that know them.
    let gpus = (settings.tasks.gpus > 0).then_some(CapabilityType::GpuResources);
    let capabilities = CAPABILITIES.into_iter().chain(gpus);
    let scheme = if settings.rest_tls.is_some() { "https" } else { "http" };
    let rest_port = settings.job_manager.rest_ports.single();
    FrameworkInfo {
        user: framework.user.clone(),
        name: Some(framework.name.clone()),
        failover_timeout: Some(framework.failover_timeout.as_secs_f64()),
        // Agents keep checkpointed tasks over their own restart.
        checkpoint: Some(true),
        roles: roles.to_vec(),
        hostname: Some(settings.job_manager.address.clone()),
        webui_url: rest_port.map(|port| format!("{scheme}://{}:{port}", settings.job_manager.address)),
        principal: framework.identity.as_ref().map(|identity| identity.principal.clone()),
        capabilities: capabilities.map(|kind| Capability { r#type: Some(kind as i32) }).collect(),
        ..FrameworkInfo::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conf::table::{Origin, Table};

    #[test]
    fn tasks_outlast_a_restart_of_their_agent() {
        let mut table = Table::default();
        table.set("mesos.master", "m:5050", Origin::Argument);
        let settings = Settings::from_table(&table).expect("the defaults");
        let info = info(&settings, &["*".to_owned()]);
        assert_eq!(info.checkpoint, Some(true));
        assert!(info.failover_timeout > Some(0.0), "and a moment without their AppMaster");
    }
}
