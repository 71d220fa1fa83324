//! Asks the master which frameworks it has, for the scheduler to tell of those of the same name.

use std::time::Duration;

use tokio::time::sleep;
use tracing::debug;

use base::exit::Exit;
use base::log;
use conf::settings::Settings;
use mesos::client::operator::Operator;
use scheduler::driver::facts::{Fact, Frameworks};

use super::{Fatal, Work, fatal};

/// The master's answer is large where there are many frameworks.
const ASK_MASTER_EVERY: Duration = Duration::from_secs(60);

/// After the start the framework is about to register.
const FIRST_LOOK: Duration = Duration::from_secs(3);

struct Neighbourhood {
    operator: Operator,
    framework_name: String,
    frameworks: Fact<Option<Frameworks>>,
}

/// Looks as long as the worker lives.
pub fn spawn(work: &Work, settings: &Settings) -> Result<(), Fatal> {
    let operator = Operator::new(work.masters.clone(), &work.trust, work.credentials.as_ref());
    let operator = operator.map_err(fatal(Exit::Config))?;
    let framework_name = settings.framework.name.clone();
    tokio::spawn(
        Neighbourhood { operator, framework_name, frameworks: work.facts.frameworks.clone() }.watch(),
    );
    Ok(())
}

impl Neighbourhood {
    async fn watch(self) {
        let mut wait = FIRST_LOOK;
        loop {
            sleep(wait).await;
            wait = ASK_MASTER_EVERY;
            self.look_at_frameworks().await;
        }
    }

    async fn look_at_frameworks(&self) {
        match self.operator.frameworks().await {
            Ok((master, known)) => {
                let master = format!("{}://{master}", master.scheme.name());
                let name = self.framework_name.clone();
                self.frameworks.send_replace(Some(Frameworks { master, known, name }));
            }
            // The operator's API may be forbidden to schedulers.
            Err(error) => debug!("which frameworks there are is not known: {}", log::chain(&error)),
        }
    }
}
