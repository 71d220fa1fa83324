//! Where the tasks of clusters are found that have written logs.

use std::sync::Arc;

use api::scheduling::Told;
use api::{AtMesos, Sandboxes};
use futures_util::FutureExt as _;
use scheduler::driver::requests::Requests;

use super::in_time;
use super::quotas::Quotas;
use crate::role::dispatcher::home::Reports;

pub struct InSandboxes {
    /// Who has the way to the master.
    pub quotas: Arc<Quotas>,
    pub requests: Requests,
    pub reports: Reports,
}

impl Sandboxes for InSandboxes {
    fn mesos(&self) -> Told<AtMesos> {
        let (operator, requests) = (self.quotas.operator(), self.requests.clone());
        async move {
            let operator = operator.ok_or("this dispatcher does not lead")?;
            let report = in_time(requests.report()).await?.map_err(|refusal| refusal.to_string())?;
            let framework_id =
                report.framework_id.ok_or("the dispatcher's framework has not registered yet")?;
            Ok(AtMesos { operator, framework_id })
        }
        .boxed()
    }

    fn frameworks(&self, cluster: &str) -> Vec<String> {
        self.reports.frameworks(cluster)
    }
}
