//! What an agent shows of sandboxes.

use bytes::Bytes;
use prost::Message as _;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, StatusCode};

use crate::answer::Answer;
use crate::site::{self, AgentSite};
use crate::wire::agent::{Call, CallType, FileInfo, ListFiles, ReadFile, Response};

/// The state of an agent with many ended tasks, and more than it reads of a file at once.
const MAX_BYTES: usize = 16 << 20;

/// One agent.
#[derive(Clone, Debug)]
pub struct AgentFiles {
    client: Client,
    site: AgentSite,
    authorization: Option<HeaderValue>,
}

/// What was read of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Of the whole file.
    pub size: u64,
    /// Less than was asked for even before the file's end, as agents read little at once.
    pub data: Bytes,
}

#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("agent {agent} does not answer")]
    Transport {
        agent: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("agent {agent} has no {path}")]
    NotFound { agent: String, path: String },
    #[error(
        "agent {agent} does not let the framework look into sandboxes (HTTP status {status}): its `--http_credentials` have to hold the principal and secret of `mesos.resourcemanager.framework`, and its ACLs have to allow `access_sandboxes`"
    )]
    Forbidden { agent: String, status: StatusCode },
    #[error("agent {agent} answers {status}: {text}")]
    Refused { agent: String, status: StatusCode, text: String },
    #[error("the answer of agent {agent} has more than {MAX_BYTES} bytes")]
    TooLarge { agent: String },
    #[error("the answer of agent {agent} cannot be read")]
    Malformed {
        agent: String,
        #[source]
        source: prost::DecodeError,
    },
    #[error("the answer of agent {agent} is not what an agent writes of its state")]
    NotJson {
        agent: String,
        #[source]
        source: serde_json::Error,
    },
}

impl AgentFiles {
    pub(crate) fn new(client: Client, site: AgentSite, authorization: Option<HeaderValue>) -> Self {
        Self { client, site, authorization }
    }

    /// As much as the agent gives at once.
    pub async fn read(&self, path: &str, offset: u64, length: u64) -> Result<Part, FilesError> {
        let read_file = ReadFile { path: Some(path.to_owned()), offset: Some(offset), length: Some(length) };
        let r#type = Some(CallType::ReadFile as i32);
        let call = Call { r#type, read_file: Some(read_file), list_files: None };
        let read = self.call(path, &call).await?.read_file.unwrap_or_default();
        Ok(Part { size: read.size.unwrap_or_default(), data: read.data.unwrap_or_default() })
    }

    /// Files and directories in a directory.
    pub async fn list(&self, path: &str) -> Result<Vec<FileInfo>, FilesError> {
        let list_files = Some(ListFiles { path: Some(path.to_owned()) });
        let call = Call { r#type: Some(CallType::ListFiles as i32), list_files, read_file: None };
        Ok(self.call(path, &call).await?.list_files.unwrap_or_default().file_infos)
    }

    /// Of an executor's sandbox, whether it runs or has ended; none where the agent has forgotten it.
    pub async fn directory(&self, framework_id: &str, executor: &str) -> Result<Option<String>, FilesError> {
        let path = "state";
        let body = self.answer(path, self.client.get(self.site.url(path))).await?;
        let found = site::directory(&body, framework_id, executor);
        found.map_err(|source| FilesError::NotJson { agent: self.site.to_string(), source })
    }

    async fn call(&self, path: &str, call: &Call) -> Result<Response, FilesError> {
        let request = self
            .client
            .post(self.site.url("api/v1"))
            .header(CONTENT_TYPE, Answer::MEDIA_TYPE)
            .header(ACCEPT, Answer::MEDIA_TYPE)
            .body(call.encode_to_vec());
        let body = self.answer(path, request).await?;
        Response::decode(&body[..])
            .map_err(|source| FilesError::Malformed { agent: self.site.to_string(), source })
    }

    /// Of a request about `path`.
    async fn answer(&self, path: &str, mut request: RequestBuilder) -> Result<Vec<u8>, FilesError> {
        let agent = || self.site.to_string();
        let transport = |source| FilesError::Transport { agent: agent(), source };
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let mut response = request.send().await.map_err(transport)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(FilesError::TooLarge { agent: agent() });
            }
            body.extend_from_slice(&chunk);
        }
        match status {
            StatusCode::OK => Ok(body),
            StatusCode::NOT_FOUND => Err(FilesError::NotFound { agent: agent(), path: path.to_owned() }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(FilesError::Forbidden { agent: agent(), status })
            }
            _ => {
                let text = String::from_utf8_lossy(&body[..body.len().min(200)]).trim().to_owned();
                Err(FilesError::Refused { agent: agent(), status, text })
            }
        }
    }
}
