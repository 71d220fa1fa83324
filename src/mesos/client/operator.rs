//! What a scheduler asks of an operator's interfaces: which frameworks the master knows, the quotas of its roles, where tasks are
//! and where agents.

use std::time::Duration;

use prost::Message as _;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, StatusCode};

use super::agent::AgentFiles;
use super::http::{basic, builder};
use super::{Credentials, Masters, StartError, Trust};
use crate::address::Master;
use crate::answer::Answer;
use crate::quota::Quotas;
use crate::site::{AgentSite, TaskSite};
use crate::wire::operator::{Call, CallType, Framework, Response};

/// Whoever waits for the answer waits less.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Frameworks are told with their offers, and those that have ended too.
const MAX_BYTES: usize = 16 << 20;

/// Whom to ask.
pub struct Operator {
    masters: Masters,
    client: Client,
    /// For agents, which are asked often.
    agents: Client,
    authorization: Option<HeaderValue>,
}

/// Tasks of a framework that are told, those first that began last: as many as fit into an answer.
const MAX_TASKS: &str = "5000";

#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    #[error("no master is known")]
    NoMaster,
    #[error("the master {master} does not answer")]
    Transport {
        master: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("the master {master} answers {status}")]
    Refused { master: String, status: StatusCode },
    #[error("the answer of the master {master} has more than {MAX_BYTES} bytes")]
    TooLarge { master: String },
    #[error("the answer of the master {master} cannot be read")]
    Malformed {
        master: String,
        #[source]
        source: prost::DecodeError,
    },
    #[error("the answer of the master {master} is not what a master writes of its {what}")]
    NotJson {
        master: String,
        what: &'static str,
        #[source]
        source: serde_json::Error,
    },
}

impl Operator {
    pub fn new(
        masters: Masters,
        trust: &Trust,
        credentials: Option<&Credentials>,
    ) -> Result<Self, StartError> {
        let trust = masters.are_secure().then_some(trust);
        let client = builder(trust)?.pool_max_idle_per_host(0).timeout(ANSWER_TIMEOUT).build()?;
        let agents = builder(trust)?.pool_max_idle_per_host(1).timeout(ANSWER_TIMEOUT).build()?;
        let authorization = credentials.map(basic).transpose()?;
        Ok(Self { masters, client, agents, authorization })
    }

    /// Those that are subscribed or away, from the first master that says so; with that master.
    pub async fn frameworks(&self) -> Result<(Master, Vec<Framework>), OperatorError> {
        let (master, body) = self.ask(&Question::Frameworks).await?;
        let answer = Response::decode(&body[..])
            .map_err(|source| OperatorError::Malformed { master: master.to_string(), source })?;
        Ok((master, answer.get_frameworks.unwrap_or_default().frameworks))
    }

    /// From the first master that tells. Roles that whoever asks may not see are left out.
    pub async fn quotas(&self) -> Result<Quotas, OperatorError> {
        let (master, body) = self.ask(&Question::Roles).await?;
        Quotas::read(&body).map_err(not_json(&master, "roles"))
    }

    /// Of a framework, those that have ended too as long as the master remembers them.
    pub async fn tasks(&self, framework_id: &str) -> Result<Vec<TaskSite>, OperatorError> {
        let (master, body) = self.ask(&Question::Tasks { framework_id, task_id: None }).await?;
        TaskSite::read(&body, framework_id).map_err(not_json(&master, "tasks"))
    }

    /// One of them, if the master remembers it.
    pub async fn task(&self, framework_id: &str, task_id: &str) -> Result<Option<TaskSite>, OperatorError> {
        let question = Question::Tasks { framework_id, task_id: Some(task_id) };
        let (master, body) = self.ask(&question).await?;
        // Masters before 1.5 tell all.
        let tasks = TaskSite::read(&body, framework_id).map_err(not_json(&master, "tasks"))?;
        Ok(tasks.into_iter().find(|task| task.id == task_id))
    }

    /// None where the master has no such agent.
    pub async fn agent(&self, id: &str) -> Result<Option<AgentSite>, OperatorError> {
        let (master, body) = self.ask(&Question::Agent { id }).await?;
        AgentSite::read(&body, id, master.scheme).map_err(not_json(&master, "agents"))
    }

    /// What is in the sandboxes of an agent, for whom the master's credentials count too.
    pub fn files(&self, agent: &AgentSite) -> AgentFiles {
        AgentFiles::new(self.agents.clone(), agent.clone(), self.authorization.clone())
    }

    async fn ask(&self, question: &Question<'_>) -> Result<(Master, Vec<u8>), OperatorError> {
        let masters = match &self.masters {
            Masters::Known(masters) => masters.clone(),
            Masters::Detected { leader, .. } => leader.borrow().iter().cloned().collect(),
        };
        let mut failure = OperatorError::NoMaster;
        for master in masters {
            match self.answer(&master, question).await {
                Ok(body) => return Ok((master, body)),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn answer(&self, master: &Master, question: &Question<'_>) -> Result<Vec<u8>, OperatorError> {
        let named = || master.to_string();
        let transport = |source| OperatorError::Transport { master: named(), source };
        let mut request = question.request(&self.client, &format!("{}://{master}", master.scheme.name()));
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let mut response = request.send().await.map_err(transport)?;
        if response.status() != StatusCode::OK {
            return Err(OperatorError::Refused { master: named(), status: response.status() });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(OperatorError::TooLarge { master: named() });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn not_json(master: &Master, what: &'static str) -> impl FnOnce(serde_json::Error) -> OperatorError {
    let master = master.to_string();
    move |source| OperatorError::NotJson { master, what, source }
}

enum Question<'a> {
    Frameworks,
    Roles,
    Tasks { framework_id: &'a str, task_id: Option<&'a str> },
    Agent { id: &'a str },
}

impl Question<'_> {
    fn request(&self, client: &Client, master: &str) -> RequestBuilder {
        match self {
            Self::Frameworks => client
                .post(format!("{master}/api/v1"))
                .header(CONTENT_TYPE, Answer::MEDIA_TYPE)
                .header(ACCEPT, Answer::MEDIA_TYPE)
                .body(Call { r#type: Some(CallType::GetFrameworks as i32) }.encode_to_vec()),
            Self::Roles => client.get(format!("{master}/roles")),
            Self::Tasks { framework_id, task_id } => client
                .get(format!("{master}/tasks"))
                .query(&[("framework_id", *framework_id), ("limit", MAX_TASKS)])
                .query(&task_id.map(|id| ("task_id", id)).into_iter().collect::<Vec<_>>()),
            Self::Agent { id } => client.get(format!("{master}/slaves")).query(&[("slave_id", id)]),
        }
    }
}
