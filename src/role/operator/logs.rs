//! `logs --address`: of an AppMaster elsewhere. Its status port gives no logs to everybody, but says where its Mesos is, which
//! decides who may read them.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use futures_util::StreamExt as _;
use reqwest::Url;

use ::logs::find::FindError;
use ::logs::query::{self, Fault, LogsQuery, OpenError};
use ::status::OWN_OUTPUT;
use ::status::board::Status;
use base::exit::Exit;
use conf::environment::Environment;
use mesos::address::{HostPort, Master, Scheme};
use mesos::client::operator::Operator;
use mesos::client::{Masters, Trust};

use super::ask;
use crate::cli::EndpointOptions;
use crate::role::clusters::logs::has_seen_enough;
use crate::role::error::{Fatal, fatal};
use crate::role::runtime;

const NO_MESOS: &str = "the AppMaster does not say which Mesos it is registered with: not yet, or with none";

pub fn of_mesos(
    options: &EndpointOptions,
    query: &LogsQuery,
    environment: &Environment,
    print: impl Fn(&[u8]) -> io::Result<()>,
) -> Result<u8, Fatal> {
    let answer = ask(options, environment, async |appmaster| appmaster.status().await)?;
    let status: Status = serde_json::from_slice(answer.as_bytes()).map_err(fatal(Exit::Software))?;
    let no_mesos = || Fatal::new(Exit::Unavailable, NO_MESOS);
    let master = status.links.mesos.as_deref().and_then(master).ok_or_else(no_mesos)?;
    let framework = status.framework_id.ok_or_else(no_mesos)?;
    let operator = Operator::new(Masters::Known(vec![master]), &Trust::System, None);
    let operator = Arc::new(operator.map_err(fatal(Exit::Unavailable))?);
    let wanted = query.wanted().map_err(fatal(Exit::Usage))?;
    runtime()?.block_on(async {
        let opened = query::open(operator, vec![], &[framework], query.task.as_deref(), wanted).await;
        let opened = opened.map_err(|error| match (&error, error.fault()) {
            (OpenError::Find(FindError::NoAppMaster), _) => Fatal::new(Exit::NotThere, OWN_OUTPUT),
            (_, Fault::Question) => Fatal::new(Exit::Data, error),
            (_, Fault::NotFound) => Fatal::new(Exit::NotThere, error),
            (_, Fault::Mesos) => Fatal::new(Exit::Unavailable, error),
        });
        let mut chunks = pin!(query::chunks(opened?));
        while let Some(chunk) = chunks.next().await {
            match print(&chunk.map_err(fatal(Exit::Unavailable))?) {
                Err(error) if has_seen_enough(&error) => break,
                printed => printed.map_err(fatal(Exit::CannotCreate))?,
            }
        }
        Ok(Exit::Ok.code())
    })
}

fn master(url: &str) -> Option<Master> {
    let url = Url::parse(url).ok()?;
    let scheme = if url.scheme() == "https" { Scheme::Https } else { Scheme::Http };
    let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
    Some(Master { scheme, at: HostPort { host, port: url.port_or_known_default()? } })
}
