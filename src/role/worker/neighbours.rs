//! Asks the master which frameworks it has, for the scheduler to tell of those of the same name.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::debug;

use base::exit::Exit;
use base::log;
use conf::settings::Settings;
use mesos::client::operator::Operator;
use scheduler::driver::Message;

use super::{Fatal, Work, fatal};

/// The master's answer is large where there are many frameworks.
const ASK_MASTER_EVERY: Duration = Duration::from_secs(60);

/// After the start the framework is about to register.
const FIRST_LOOK: Duration = Duration::from_secs(3);

struct Neighbourhood {
    operator: Operator,
    framework_name: String,
    inbox: mpsc::Sender<Message>,
}

/// Looks until the scheduler is gone.
pub fn spawn(work: &Work, settings: &Settings, inbox: mpsc::Sender<Message>) -> Result<(), Fatal> {
    let operator = Operator::new(work.masters.clone(), &work.trust, work.credentials.as_ref());
    let operator = operator.map_err(fatal(Exit::Config))?;
    let framework_name = settings.framework.name.clone();
    tokio::spawn(Neighbourhood { operator, framework_name, inbox }.watch());
    Ok(())
}

impl Neighbourhood {
    async fn watch(self) {
        let mut wait = FIRST_LOOK;
        while !self.inbox.is_closed() {
            sleep(wait).await;
            wait = ASK_MASTER_EVERY;
            self.look_at_frameworks().await;
        }
    }

    async fn look_at_frameworks(&self) {
        match self.operator.frameworks().await {
            Ok((master, frameworks)) => {
                let master = format!("{}://{master}", master.scheme.name());
                let name = self.framework_name.clone();
                let _ = self.inbox.send(Message::FrameworksSeen { master, frameworks, name }).await;
            }
            // The operator's API may be forbidden to schedulers.
            Err(error) => debug!("cannot ask the master for its frameworks: {}", log::chain(&error)),
        }
    }
}
