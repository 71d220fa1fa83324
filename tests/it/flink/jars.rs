//! Jobs as people start them: a jar is uploaded and run.

use std::path::Path;
use std::time::Duration;

use flink::rest::{RestClient, RestError};
use reqwest::Method;
use serde::{Deserialize, Serialize};

/// To upload a jar, and to run the `main` method of a job.
const JOB_TIMEOUT: Duration = Duration::from_secs(300);

/// What to run of an uploaded jar; the jar's manifest names the main class.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JarRun {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u32>,
    #[serde(rename = "programArgsList")]
    pub arguments: Vec<String>,
}

#[derive(Deserialize)]
struct Uploaded {
    filename: String,
}

#[derive(Deserialize)]
struct Started {
    jobid: String,
}

pub trait Jars {
    /// The answer is the jar's id.
    async fn upload_jar(&self, jar: &Path) -> Result<String, RestError>;

    /// The answer is the job's id.
    async fn run_jar(&self, jar_id: &str, run: &JarRun) -> Result<String, RestError>;
}

impl Jars for RestClient {
    async fn upload_jar(&self, jar: &Path) -> Result<String, RestError> {
        let boundary = "a-boundary-that-no-jar-holds";
        let name = jar.file_name().expect("a name").to_str().expect("UTF-8");
        let mut body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"jarfile\"; filename=\"{name}\"\r\n\
             Content-Type: application/x-java-archive\r\n\r\n"
        )
        .into_bytes();
        body.extend(std::fs::read(jar).expect("a jar"));
        body.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
        let request = self
            .request(Method::POST, "/jars/upload")
            .timeout(JOB_TIMEOUT)
            .header("Content-Type", format!("multipart/form-data; boundary={boundary}"))
            .body(body);
        let answer: Uploaded = self.send("/jars/upload", request).await?;
        // Flink names the path on its side; the id is its last element.
        Ok(answer.filename.rsplit('/').next().unwrap_or_default().to_owned())
    }

    async fn run_jar(&self, jar_id: &str, run: &JarRun) -> Result<String, RestError> {
        let path = format!("/jars/{jar_id}/run");
        let request = self.request(Method::POST, &path).timeout(JOB_TIMEOUT).json(run);
        let answer: Started = self.send(&path, request).await?;
        Ok(answer.jobid)
    }
}
