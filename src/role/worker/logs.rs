//! Where logs are, for whoever asks this AppMaster.

use std::sync::Arc;

use base::exit::Exit;
use conf::environment::Environment;
use logs::reader::Place;
use mesos::client::operator::Operator;
use mesos::client::{Credentials, Masters, Trust};

use super::{Fatal, fatal};

/// Those of the framework's tasks, and this AppMaster's own if it is a task of the same Mesos.
pub fn of(
    environment: &Environment,
    masters: &Masters,
    trust: &Trust,
    credentials: Option<&Credentials>,
) -> Result<status::Logs, Fatal> {
    let operator = Operator::new(masters.clone(), trust, credentials).map_err(fatal(Exit::Config))?;
    let variable = |name| environment.text(name).map(str::to_owned);
    let own = || {
        let executor = variable("MESOS_EXECUTOR_ID")?;
        Some(Place {
            task_id: executor.clone(),
            framework_id: variable("MESOS_FRAMEWORK_ID")?,
            executor,
            agent_id: variable("MESOS_SLAVE_ID")?,
        })
    };
    Ok(status::Logs { operator: Arc::new(operator), own: own() })
}
