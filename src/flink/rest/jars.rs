//! Jobs that are handed to the JobManager as a jar, whose `main` runs there.

use std::io;
use std::path::Path;
use std::time::Duration;

use base::digest::hexadecimal;
use base::random;
use bytes::Bytes;
use domain::job::SessionJob;
use futures_util::{StreamExt as _, stream};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Method};
use serde::{Deserialize, Serialize};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

use super::{RestClient, RestError, path_segment};

/// A `main` may look around for long before it submits its job.
const RUN_TIMEOUT: Duration = Duration::from_secs(600);

const CHUNK: usize = 256 << 10;

/// What is said of a job with its jar.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JarRun {
    /// Flink makes one up where none is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_class: Option<String>,
    #[serde(rename = "programArgsList", skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub savepoint_path: Option<String>,
    pub allow_non_restored_state: bool,
}

impl JarRun {
    pub fn of(job_id: &str, job: &SessionJob) -> Self {
        Self {
            job_id: Some(job_id.to_owned()),
            entry_class: job.entry_class.clone(),
            arguments: job.args.clone(),
            parallelism: job.parallelism,
            savepoint_path: job.initial_savepoint_path.clone(),
            allow_non_restored_state: job.allow_non_restored_state,
        }
    }
}

#[derive(Deserialize)]
struct Uploaded {
    /// The path in the JobManager's upload directory; its last part is the id.
    filename: String,
}

#[derive(Deserialize)]
struct Started {
    jobid: String,
}

impl RestClient {
    /// Whether the JobManager has such a job, which may have ended.
    pub async fn knows_job(&self, id: &str) -> Result<bool, RestError> {
        Ok(self.progress(id).await?.is_some())
    }

    /// The jar's id. It is there until it is deleted or the JobManager ends.
    pub async fn upload_jar(&self, jar: &Path) -> Result<String, UploadError> {
        let path = "/jars/upload";
        let name = jar.file_name().and_then(|name| name.to_str()).unwrap_or("job.jar");
        let file = File::open(jar).await.map_err(UploadError::File)?;
        let length = file.metadata().await.map_err(UploadError::File)?.len();
        let boundary = hexadecimal(&random::bytes::<16>());
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"jarfile\"; filename=\"{}\"\r\n\
             Content-Type: application/java-archive\r\n\r\n",
            name.replace(['"', '\r', '\n', '\\'], "_")
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        let total = head.len() as u64 + length + tail.len() as u64;
        let text = |text: String| stream::iter([Ok::<_, io::Error>(Bytes::from(text))]);
        let content = text(head).chain(ReaderStream::with_capacity(file, CHUNK)).chain(text(tail));
        let request = self
            .request(Method::POST, path)
            .header(CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"))
            .header(CONTENT_LENGTH, total)
            .timeout(RUN_TIMEOUT)
            .body(Body::wrap_stream(content));
        let Uploaded { filename } = self.send(path, request).await?;
        Ok(filename.rsplit(['/', '\\']).next().unwrap_or_default().to_owned())
    }

    /// Returns when its `main` has submitted the job, or has failed to. The job's id.
    pub async fn run_jar(&self, jar: &str, run: &JarRun) -> Result<String, RestError> {
        let path = format!("/jars/{}/run", path_segment(jar));
        let request = self.request(Method::POST, &path).timeout(RUN_TIMEOUT).json(run);
        let Started { jobid } = self.send(&path, request).await?;
        Ok(jobid)
    }

    pub async fn delete_jar(&self, jar: &str) -> Result<(), RestError> {
        let path = format!("/jars/{}", path_segment(jar));
        let request = self.request(Method::DELETE, &path);
        let _empty: serde_json::Value = self.send(&path, request).await?;
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("the jar cannot be read")]
    File(#[source] io::Error),
    #[error(transparent)]
    Rest(#[from] RestError),
}
