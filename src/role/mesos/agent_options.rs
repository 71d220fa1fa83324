//! What the options give to each agent.

use mesos::wire::cluster::DomainInfo;
use mesos::wire::resource::Attribute;
use mini_mesos::agent::Containment;
use mini_mesos::machine;
use mini_mesos::resources::{Resources, parse, parse_attributes};

use super::{MesosError, Options};

/// What one agent is given.
pub struct AgentOptions {
    pub resources: Resources,
    pub attributes: Vec<Attribute>,
    pub domain: Option<DomainInfo>,
}

impl Options {
    pub(super) fn containment(&self) -> Containment {
        let with_docker = self.containerizers.split(',').any(|name| name == "docker");
        Containment {
            switch_user: !self.no_switch_user,
            docker_socket: with_docker.then(|| self.docker_socket.clone()),
        }
    }
}

pub fn read(options: &Options) -> Result<Vec<AgentOptions>, MesosError> {
    let agents = if options.agent { 1 } else { options.agents };
    let count = |option, given: usize| {
        let is_good = given <= 1 || given == usize::from(agents);
        if is_good { Ok(()) } else { Err(MesosError::Count { option, given, agents }) }
    };
    count("--resources", options.resources.len())?;
    count("--attributes", options.attributes.len())?;
    count("--agent-domain", options.agent_domain.len())?;
    let detected = machine::resources(&options.work_dir);
    let agent = |index: u16| {
        let given = |texts: &[String]| texts.get(usize::from(index)).or(texts.first()).cloned();
        let declared =
            parse(&given(&options.resources).unwrap_or_default()).map_err(MesosError::Resources)?;
        let is_split = options.resources.len() <= 1;
        let resources = machine::complete(&declared, &detected, is_split, index, agents);
        let attributes = parse_attributes(&given(&options.attributes).unwrap_or_default());
        let domains = &options.agent_domain;
        let domain = domains.get(usize::from(index)).or(domains.first()).or(options.domain.as_ref());
        let attributes = attributes.map_err(MesosError::Attributes)?;
        Ok(AgentOptions { resources, attributes, domain: domain.cloned() })
    };
    (0..agents).map(agent).collect()
}
