//! Jobs of sessions.

use reqwest::Method;
use serde::de::DeserializeOwned;

use dispatcher::Submission;
use domain::job::SessionJob;

use super::{AskError, Dispatcher};
use crate::orders::{OrderQuery, Ordered};

impl Dispatcher {
    /// The same job again, under the same id, is no other job.
    pub async fn submit(
        &self,
        name: &str,
        id: &str,
        job: &SessionJob,
        query: &OrderQuery,
    ) -> Result<Ordered, AskError> {
        let request = self.request(Method::PUT, &["clusters", name, "jobs", id]).json(job);
        self.order(request, query, None).await
    }

    pub async fn submission(&self, name: &str, id: &str) -> Result<Submission, AskError> {
        self.answer(self.get(&["clusters", name, "jobs", id])).await
    }

    /// What the cluster's JobManager answers at this path of its REST API; [`AskError::Strange`] has its status where that is
    /// none of success.
    pub async fn jobmanager<T: DeserializeOwned>(
        &self,
        name: &str,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, AskError> {
        let path = [&["ui", name][..], path].concat();
        self.answer(self.request_at(method, &path).query(query)).await
    }
}
