//! What lasts as long as a dispatcher's process, whether it leads or not: its ports, whoever asks there, and what agents fetch.

use std::sync::Arc;

use base::exit::Exit;
use base::lease::Lease;
use base::time::Clock;
use dispatcher::driver::{Driver, RunError as DriverError, Seat};
use dispatcher::{Dispatcher, Limits};
use domain::leadership::Leadership;
use domain::state::State;
use domain::store::Store;
use manifest::Circumstances;
use mesos::client::operator::Operator;
use records::Records;
use scheduler::driver::RunError;
use scheduler::driver::facts::Facts;
use scheduler::driver::requests::{self, Doorkeeper, Refusal, Requests};
use status::lookout::Lookout;
use tokio::sync::mpsc;

use super::asked::Asked;
use super::asked::quotas::Quotas;
use super::asked::sandboxes::InSandboxes;
use super::configuration::Configured;
use super::files::{self, Files};
use super::groups::Groups;
use super::home::{Others, Reports};
use super::metrics::Metrics;
use super::opened::Opened;
use super::serving::{Ports, Served};
use super::template::Makings;
use super::{admission, artifacts, begin, now, spec};
use crate::role::error::{Fatal, fatal};
use crate::role::worker::{self, Work};

pub struct House<'a> {
    opened: &'a Opened,
    pub lookout: Arc<Lookout>,
    pub facts: Facts,
    clock: Clock,
    requests: Requests,
    pub doorkeeper: Doorkeeper,
    files: Files,
    configured: Configured,
    reports: Reports,
    others: Others,
    artifact_port: Option<u16>,
    pub artifacts_url: String,
    pub api_url: String,
    pub seat: Seat,
    quotas: Arc<Quotas>,
}

/// What the one that leads goes on with.
pub struct Kept<S, R> {
    pub state: Option<State>,
    pub store: S,
    pub records: R,
    pub core: Dispatcher,
}

/// Why a reign is over.
pub enum Ended {
    Fatal(Fatal),
    Scheduler(RunError),
    Driver(DriverError<Refusal>),
}

impl Ended {
    /// Where nobody else could go on.
    pub fn fatal(self) -> Fatal {
        match self {
            Self::Fatal(fatal) => fatal,
            Self::Scheduler(error) => worker::stopped(error),
            Self::Driver(error) => Fatal::new(Exit::Software, error),
        }
    }
}

impl<'a> House<'a> {
    /// Everything is served from now on; who leads is asked at the seat. `leadership` is none where there is no other dispatcher.
    pub async fn open(
        opened: &'a Opened,
        ports: Ports,
        leadership: Option<Leadership>,
        others: Others,
    ) -> Result<Self, Fatal> {
        let lookout = Arc::new(Lookout::default());
        let files = files::read(opened).await?;
        let (configured, reports) = (Configured::default(), Reports::default());
        let facts = Facts::default();
        let (requests, doorkeeper, _no_ends) = requests::open(&facts, leadership);
        let (seat, handle) = Seat::open();
        let circumstances = Circumstances {
            has_zookeeper: opened.settings.high_availability.is_some(),
            allows_private_addresses: opened.dispatcher.artifacts.allow_private_addresses,
            ..Circumstances::default()
        };
        let told = reports.clone();
        let appmasters: api::AppMasters = Arc::new(move |task_id: &str| told.of(task_id));
        let (artifact_port, artifacts_url) = (ports.artifact_port(), ports.artifacts_url(&opened.settings));
        let api_url = ports.api_url(opened);
        let artifacts = artifacts::open(opened, &handle, &others, Arc::clone(&lookout.journal)).await;
        let store = Arc::clone(&artifacts.store);
        let metrics = Arc::new(Metrics::new(handle.clone(), Arc::clone(&lookout), store));
        let makings = Makings::new(opened, &files, &artifacts_url, &[], Configured::default())?;
        let quotas = Arc::new(Quotas::default());
        let sandboxes =
            InSandboxes { quotas: Arc::clone(&quotas), requests: requests.clone(), reports: reports.clone() };
        let scheduling = Asked::new(requests.clone(), makings, Arc::clone(&metrics), Arc::clone(&quotas));
        let sources = api::Sources {
            handle,
            standings: others.standings.clone(),
            circumstances,
            flinks: Some(opened.flink_versions().collect()),
            appmasters,
            scheduling: Arc::new(scheduling),
            jobmanagers: admission::jobmanagers(&opened.dispatcher)?,
            artifacts,
            sandboxes: Arc::new(sandboxes),
            closing: opened.closing.clone(),
        };
        let served = Served {
            requests: requests.clone(),
            files: files.clone(),
            configured: configured.clone(),
            reports: reports.clone(),
            others: others.clone(),
            journal: Arc::clone(&lookout.journal),
            metrics,
        };
        ports.serve(sources, served)?;
        Ok(Self {
            opened,
            lookout,
            facts,
            clock: Clock::start(),
            requests,
            doorkeeper,
            files,
            configured,
            reports,
            others,
            artifact_port,
            artifacts_url,
            api_url,
            seat,
            quotas,
        })
    }

    /// As long as this dispatcher leads. Nothing of it is left when it ends or is no longer waited for.
    pub async fn reign<S: Store, R: Records>(&self, kept: Kept<S, R>, lease: Lease) -> Result<(), Ended> {
        let Kept { state, store, records, mut core } = kept;
        let settings = &self.opened.settings;
        self.configured.clear();
        self.reports.clear();
        let state = State { artifact_port: self.artifact_port, ..state.unwrap_or_else(worker::fresh_state) };
        let dispatchers = self.others.dispatchers.borrow().clone();
        let (files, configured) = (&self.files, self.configured.clone());
        let makings = Makings::new(self.opened, files, &self.artifacts_url, &dispatchers, configured);
        let makings = makings.map_err(Ended::Fatal)?;
        let (defined, carried_out) = begin(&mut core, &makings);
        let lookout = Arc::clone(&self.lookout);
        let groups = Groups::new(self.requests.clone(), makings, self.reports.clone(), Arc::clone(&lookout));
        let journal = Arc::clone(&lookout.journal);
        let (driver, handle) =
            Driver::new(core, carried_out, Limits::default(), (records, groups), journal, now);
        let work = Work {
            spec: spec(self.opened, defined),
            facts: self.facts.clone(),
            framework: worker::framework_info(settings, &settings.framework.roles),
            masters: worker::masters(settings).map_err(Ended::Fatal)?,
            credentials: worker::credentials(settings).map_err(Ended::Fatal)?,
            trust: worker::trust(settings),
            jobmanager: mpsc::channel(1).0,
            lookout,
            clock: self.clock,
        };
        let operator = Operator::new(work.masters.clone(), &work.trust, work.credentials.as_ref());
        let _asked = self.quotas.ask(operator.map_err(fatal(Exit::Config)).map_err(Ended::Fatal)?);
        let queue = self.doorkeeper.admit();
        self.seat.take(&handle);
        // All who ask do so at the seat.
        drop(handle);
        tokio::select! {
            ended = work.schedule(store, Some(state), lease, queue) => ended.map_err(Ended::Scheduler),
            ended = driver.run() => ended.map_err(Ended::Driver),
        }
    }
}
