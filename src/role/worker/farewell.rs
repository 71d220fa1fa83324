//! The end of a worker whose framework nobody can take over: it is torn down first, whatever the worker ends of, and what
//! cannot be torn down is told.

use std::fmt;
use std::time::Duration;

use tracing::{error, info};

use base::lease::Lease;
use base::log;
use conf::settings::Settings;
use domain::state::State;
use domain::store::{Store, StoreError};
use mesos::address::Master;
use mesos::client::{Config, Masters};
use mesos::teardown::{TeardownError, tear_down};
use mesos::wire::id::FrameworkId;
use scheduler::Failure;
use scheduler::driver::RunError;

use super::access::{credentials, trust};
use super::{Exit, Fatal, Opened, framework, stopped};

/// Why a worker ends, and what that leaves to do.
pub struct Ended {
    pub fatal: Fatal,
    pub leaves: Leaves,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// The framework, if there is one, with its TaskManagers.
    Framework,
    /// The same, and no master has answered for as long as there is time.
    Unreachable,
    /// Somebody else has the framework.
    Nothing,
}

impl From<Fatal> for Ended {
    fn from(fatal: Fatal) -> Self {
        Self { fatal, leaves: Leaves::Framework }
    }
}

impl From<RunError> for Ended {
    fn from(error: RunError) -> Self {
        let leaves = match &error {
            RunError::Failed(Failure::Superseded) => Leaves::Nothing,
            RunError::Failed(
                Failure::NoMaster { .. } | Failure::Refused { .. } | Failure::TooManyFailures { .. },
            )
            | RunError::Store(_)
            | RunError::Start(_)
            | RunError::Client(_) => Leaves::Framework,
        };
        Self { fatal: stopped(error), leaves }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no Mesos master has answered within {}", humantime::format_duration(*.within))]
struct NoMaster {
    within: Duration,
}

/// Told to end, it has waited for a master for so long.
pub fn without_master(within: Duration) -> Ended {
    Ended { fatal: Fatal::new(Exit::Unavailable, NoMaster { within }), leaves: Leaves::Unreachable }
}

#[derive(Debug, thiserror::Error)]
pub enum FarewellError {
    #[error("the state cannot be read")]
    State(#[from] StoreError),
    #[error(transparent)]
    Access(Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Teardown(#[from] TeardownError),
}

/// Tears down what the state tells of, if anything.
pub async fn tear_down_rest(opened: &Opened, store: &mut impl Store, leaves: Leaves, within: Duration) {
    let state = match store.load().await {
        Ok(Some(state)) => state,
        Ok(None) => return,
        Err(error) => {
            error!("cannot find out whether a framework is left at Mesos: {}", log::chain(&error));
            return;
        }
    };
    let Some(id) = &state.framework_id else { return };
    match leaves {
        Leaves::Nothing => {}
        Leaves::Unreachable if opened.local => {}
        Leaves::Unreachable => {
            error!("the framework could not be torn down: {}", Remains::new(&state, id, opened));
        }
        Leaves::Framework => match tear_down_as(&opened.handover.settings, &opened.masters, id, within).await
        {
            Ok(()) => {
                info!("torn down framework={id} tasks={}", state.tasks.len());
                // Nothing is left that it could tell of.
                let _ = store.clear().await;
            }
            Err(_) if opened.local => {}
            Err(why) => error!(
                "the framework could not be torn down: {}: {}",
                log::chain(&why),
                Remains::new(&state, id, opened)
            ),
        },
    }
}

/// The framework of these settings with this id.
pub async fn tear_down_as(
    settings: &Settings,
    masters: &Masters,
    framework_id: &str,
    within: Duration,
) -> Result<(), FarewellError> {
    let roles = &settings.framework.roles;
    let mut framework = framework::info(settings, roles);
    framework.id = Some(FrameworkId::new(framework_id));
    let config = Config {
        masters: masters.clone(),
        framework,
        suppressed_roles: roles.clone(),
        credentials: credentials(settings).map_err(|fatal| FarewellError::Access(fatal.error))?,
        lease: Lease::unlimited(),
        trust: trust(settings),
    };
    Ok(tear_down(config, within).await?)
}

/// The same where the configuration cannot be read any more, which says where the master is.
pub async fn tell_rest(store: &mut impl Store) {
    if let Ok(Some(state)) = store.load().await
        && let Some(id) = &state.framework_id
    {
        error!("the framework could not be torn down: {}", Remains::unsettled(&state, id));
    }
}

/// What stays at Mesos, and how to end it.
struct Remains {
    framework_id: String,
    tasks: usize,
    silence_most: Option<Duration>,
    failover_timeout: Option<Duration>,
    master: String,
    principal: Option<String>,
}

impl Remains {
    fn new(state: &State, framework_id: &str, opened: &Opened) -> Self {
        let Opened { handover, masters, .. } = opened;
        let settings = &handover.settings;
        Self {
            silence_most: settings.succession().silence_most(),
            failover_timeout: Some(settings.framework.failover_timeout),
            master: leading(masters).unwrap_or_else(|| UNKNOWN_MASTER.to_owned()),
            principal: settings.framework.identity.as_ref().map(|identity| identity.principal.clone()),
            ..Self::unsettled(state, framework_id)
        }
    }

    fn unsettled(state: &State, framework_id: &str) -> Self {
        Self {
            framework_id: framework_id.to_owned(),
            tasks: state.tasks.len(),
            silence_most: None,
            failover_timeout: None,
            master: UNKNOWN_MASTER.to_owned(),
            principal: None,
        }
    }
}

const UNKNOWN_MASTER: &str = "http://MASTER:5050";

/// The first that the configuration names, or who leads.
fn leading(masters: &Masters) -> Option<String> {
    match masters {
        Masters::Known(masters) => masters.first().map(Master::url),
        Masters::Detected { leader, .. } => leader.borrow().as_ref().map(Master::url),
    }
}

impl fmt::Display for Remains {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { framework_id, tasks, silence_most, failover_timeout, master, principal } = self;
        write!(out, "framework={framework_id} tasks={tasks} are left at Mesos.")?;
        if let Some(silence) = silence_most {
            write!(
                out,
                " TaskManagers end by themselves after {} s without their AppMaster",
                silence.as_secs()
            )?;
            if let Some(failover) = failover_timeout {
                write!(out, ", and Mesos removes the framework after {} s", failover.as_secs())?;
            }
            out.write_str(".")?;
        }
        let user = principal.as_ref().map(|principal| format!("-u {principal} ")).unwrap_or_default();
        write!(
            out,
            " To end it now: curl {user}-X POST -d frameworkId={framework_id} {master}/master/teardown"
        )
    }
}
