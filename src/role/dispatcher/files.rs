//! What the dispatcher has agents fetch: this program, a Java, and each Flink that is a directory here. All are read before the
//! first task is launched, since their addresses are made of their content.

use std::collections::BTreeMap;
use std::sync::Arc;

use artifact::bundle::{Bundle, BundleError, BundlePlan};
use base::exit::Exit;
use scheduler::spec::Delivery;
use tokio::sync::watch;

use super::opened::Opened;
use crate::role::error::{Fatal, fatal};
use crate::role::worker;

#[derive(Clone)]
pub struct Files {
    program: Bundle,
    java: Option<Bundle>,
    /// By version.
    flinks: BTreeMap<String, Bundle>,
    served: Arc<watch::Sender<Option<BTreeMap<String, Bundle>>>>,
}

pub async fn read(opened: &Opened) -> Result<Files, Fatal> {
    let java = opened.dispatcher.java_home.as_deref().map(worker::java_plan).transpose()?;
    let flinks = opened.flink_directories().into_iter();
    let flinks = flinks.map(|(version, home)| Ok((version, worker::flink_plan(&home)?)));
    let flinks = flinks.collect::<Result<Vec<_>, Fatal>>()?;
    let program = worker::program_plan()?;
    let reading = tokio::task::spawn_blocking(move || read_all(program, java, flinks));
    reading.await.map_err(fatal(Exit::Software))?.map_err(fatal(Exit::NoInput))
}

pub(super) fn read_all(
    program: BundlePlan,
    java: Option<BundlePlan>,
    flinks: Vec<(String, BundlePlan)>,
) -> Result<Files, BundleError> {
    let program = program.read()?;
    let java = java.map(BundlePlan::read).transpose()?;
    let flinks = flinks.into_iter().map(|(version, plan)| Ok((version, plan.read()?)));
    let flinks = flinks.collect::<Result<BTreeMap<_, _>, BundleError>>()?;
    let all = std::iter::once(&program).chain(&java).chain(flinks.values());
    let by_path = all.map(|bundle| (bundle.path(), bundle.clone())).collect();
    Ok(Files { program, java, flinks, served: Arc::new(watch::Sender::new(Some(by_path))) })
}

impl Files {
    pub fn bundles(&self) -> artifact::Bundles {
        self.served.subscribe()
    }

    pub fn has_java(&self) -> bool {
        self.java.is_some()
    }

    /// What a task is given that runs this version from the sandbox; none where there is no such Flink here.
    pub fn delivery(&self, version: &str, base_url: &str) -> Option<Delivery> {
        let flink = self.flinks.get(version)?;
        let files = [&self.program, flink].into_iter().chain(&self.java);
        Some(worker::delivery_of(files.map(|bundle| (bundle.name(), bundle.digest())), base_url))
    }
}
