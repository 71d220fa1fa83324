//! What people ask of the JobManager of a cluster.

use super::Dispatcher;
use super::journal::{Verb, which};
use super::order::Order;
use super::refusal::Refusal;
use domain::time::Timestamp;

impl Dispatcher {
    /// Such as `POST /jars/upload`, which is handed on once this is stored. Of what is known here nothing changes.
    pub fn ask_jobmanager(
        &mut self,
        name: &str,
        request: &str,
        order: &Order,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let revision = self.cluster(name)?.status.revision;
        let writes = self.audit_of(
            name,
            Verb::AskJobManager,
            revision,
            &[which(request.to_owned())],
            Some(order),
            now,
        );
        self.commit(writes);
        Ok(())
    }
}
