//! Flink's Web UI and REST API of each cluster, below `/ui/NAME/`: handed on to the JobManager of the AppMaster that leads.
//!
//! Whoever has a token, or needs none, may ask there as everywhere. A browser that comes there is given a ticket and sent on to
//! `/ui/NAME/~TICKET/`, where pages with no credentials work ([`isolation`]).

mod carry;
mod isolation;
mod path;
mod permits;
mod tickets;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use access::Grant;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, LOCATION};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::any;
use axum::{Extension, Router};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use tracing::info;
use utoipa::ToSchema;

use base::log;
use dispatcher::ClusterReport;

use super::answer::{NotFound, Problem, Unavailable};
use super::appmasters;
use super::ask::ask;
use super::caller::{self, Caller};
use super::condition::Condition;
use super::extract::Path;
use super::orders::OrderQuery;
use super::{Shared, permission, standing};
pub use carry::JobManagers;
use carry::Way;
use path::Asked;
use permits::Permits;
use tickets::Tickets;

/// What lasts from one request to the next.
#[derive(Clone, Default)]
pub struct Ui {
    tickets: Tickets,
    permits: Permits,
}

/// Where a browser finds the Web UI of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Opened {
    /// For whoever has it, without a token, until it has not been used for twelve hours or the dispatcher ends.
    pub path: String,
}

/// Of a cluster.
pub fn path_of(cluster: &str) -> String {
    format!("{}{cluster}/", path::ROOT)
}

pub fn routes(shared: Shared) -> Router {
    Router::new().route("/ui/{*path}", any(proxy)).with_state(shared)
}

/// A path to Flink's Web UI for a browser, which cannot send a token with what it navigates to.
#[utoipa::path(post, path = "/v1/clusters/{name}/ui", params(("name" = String, Path)), responses(
    (status = 200, body = Opened),
    (status = 307, description = "Another dispatcher leads: it knows the path at `Location`", body = Problem),
    Unavailable,
    NotFound,
))]
pub async fn open(
    State(Shared { sources, ui, .. }): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let report = ask(&sources.handle, move |core, _| core.report(&name)).await??;
    let path = ui.opened(&report.name, caller, "/");
    Ok(Json(Opened { path }).into_response())
}

/// Paths that were opened with the same token, or by the same user, lead nowhere any more.
#[utoipa::path(delete, path = "/v1/tickets", responses((status = 204), Unavailable))]
pub async fn close(
    State(Shared { ui, .. }): State<Shared>,
    Extension(caller): Extension<Caller>,
) -> StatusCode {
    ui.tickets.close(&caller);
    StatusCode::NO_CONTENT
}

impl Ui {
    fn opened(&self, cluster: &str, caller: Caller, path: &str) -> String {
        let ticket = self.tickets.open(cluster, caller, Instant::now());
        let asked = Asked { cluster, ticket: Some(&ticket), path };
        format!("{}{path}", asked.prefix())
    }
}

async fn proxy(State(shared): State<Shared>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let Some(asked) = Asked::read(&path) else {
        return Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path").into_response();
    };
    let mut response = match answered(&shared, asked, request).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    isolation::isolate(response.headers_mut(), asked.ticket.is_some());
    response
}

async fn answered(shared: &Shared, asked: Asked<'_>, request: Request) -> Result<Response, Problem> {
    let method = request.method().clone();
    if method == Method::OPTIONS && asked.ticket.is_some() {
        return Ok((StatusCode::NO_CONTENT, isolation::preflight(request.headers())).into_response());
    }
    if !isolation::METHODS.split(", ").any(|taken| taken == method.as_str()) {
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method"));
    }
    if let Some(response) = standing::elsewhere(&shared.sources.standings, &request) {
        return Ok(response);
    }
    let caller = match (who(shared, asked, &request), asked.ticket) {
        (Ok(caller), _) => caller,
        (Err(_), Some(_)) if is_navigation(&request) => return sent(&format!("/ui/{}/", asked.cluster)),
        (Err(_), None) if is_navigation(&request) => return sent(&format!("{}/ui", on_page(asked.cluster))),
        (Err(problem), _) => return Err(problem),
    };
    if asked.path.is_empty() {
        return sent(&format!("{}/", asked.prefix()));
    }
    if asked.ticket.is_none() && is_navigation(&request) {
        // Whoever comes from somebody else's page sees first where they are.
        if caller::is_of_another_site(request.headers()) {
            return sent(&on_page(asked.cluster));
        }
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        return sent(&format!("{}{query}", shared.ui.opened(asked.cluster, caller, asked.path)));
    }
    hand_on(shared, asked, &caller, request).await
}

/// Whose ticket it is, or as everywhere.
fn who(shared: &Shared, asked: Asked<'_>, request: &Request) -> Result<Caller, Problem> {
    let Some(ticket) = asked.ticket else { return caller::admitted(request) };
    let holder = shared.ui.tickets.holder(ticket, asked.cluster, Instant::now());
    holder.ok_or_else(|| {
        let text = "this address of the Web UI is no longer valid: open it from the dispatcher's page again";
        Problem::new(StatusCode::UNAUTHORIZED, text)
    })
}

/// Whether a browser would show the answer as a page of its own.
fn is_navigation(request: &Request) -> bool {
    let accepts = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    request.method() == Method::GET && accepts.contains("text/html")
}

/// The cluster on the dispatcher's page, which asks for a token where one is needed; with `/ui` it opens the Web UI then.
fn on_page(cluster: &str) -> String {
    format!("/#/clusters/{cluster}")
}

fn sent(to: &str) -> Result<Response, Problem> {
    let location = HeaderValue::try_from(to).map_err(|_| Problem::bad_request("the path is no text"))?;
    Ok((StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response())
}

async fn hand_on(
    shared: &Shared,
    asked: Asked<'_>,
    caller: &Caller,
    request: Request,
) -> Result<Response, Problem> {
    let Asked { cluster, path, .. } = asked;
    if !path::is_plain(path) {
        let text = "this path is not taken: it has steps such as `..`, empty parts or encoded separators";
        return Err(Problem::bad_request(text));
    }
    let (method, is_change) = (request.method().clone(), path::is_change(request.method(), path));
    let grant = is_change.then(|| Arc::clone(&caller.grant));
    let base = jobmanager(shared, cluster, grant).await?;
    let url = path::at_jobmanager(&base, path, request.uri().query());
    let url =
        url.ok_or_else(|| Problem::bad_request("this path is not taken: it has characters to be encoded"))?;
    let permit = shared.ui.permits.take(cluster).ok_or_else(|| {
        let text = format!("too many requests to the JobManager of cluster {cluster} are under way");
        Problem { retry_after: Some(1), ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, text) }
    })?;
    if is_change {
        let (name, asked) = (cluster.to_owned(), format!("{method} {path}"));
        let order = OrderQuery::default().order(caller, Condition::default());
        ask(&shared.sources.handle, move |core, now| core.ask_jobmanager(&name, &asked, &order, now))
            .await??;
    }
    let address = caller.from.parse().map(|address: SocketAddr| address.ip().to_string());
    let asked_for = address.unwrap_or_else(|_| "unknown".to_owned());
    let way = Way { base: base.clone(), url, prefix: asked.prefix(), path: path.to_owned(), asked_for };
    let answer = shared.sources.jobmanagers.ask(way, request, permit).await;
    let answer = answer.map_err(|error| {
        let trust = match base.scheme() {
            "https" => "; its certificate must be of an authority in `security.ssl.rest.truststore` of the dispatcher",
            _ => "",
        };
        let why = log::chain(&error);
        let text = format!("the JobManager of cluster {cluster} at {}: {why}{trust}", base.origin().ascii_serialization());
        Problem::new(error.status(), text)
    });
    if is_change {
        let status = answer.as_ref().map_or_else(|problem| problem.status, |answer| answer.status().as_u16());
        let Caller { user, from, .. } = caller;
        info!("cluster {cluster}: {method} {path} at its JobManager by {user}, {from}: status {status}");
    }
    answer
}

/// Where the JobManager is that leads. Whoever is to change something by it has to be allowed to, as `grant` says.
async fn jobmanager(shared: &Shared, cluster: &str, grant: Option<Arc<Grant>>) -> Result<Url, Problem> {
    if let Some(grant) = &grant {
        grant.may_edit()?;
    }
    let name = cluster.to_owned();
    let found = ask(&shared.sources.handle, move |core, _| {
        let report = core.report(&name)?;
        if let Some(grant) = grant {
            permission::of_cluster(&grant, core, &name)?;
        }
        let alive = core.alive(&name).map(|attempt| (attempt.task_id.clone(), attempt.hostname.clone()));
        Ok::<_, Problem>((report, alive.collect::<Vec<_>>()))
    });
    let (report, alive) = found.await??;
    let told: Vec<_> = alive.iter().filter_map(|(task_id, _)| (shared.sources.appmasters)(task_id)).collect();
    let not_yet = |what: String| Problem {
        retry_after: Some(5),
        ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, what)
    };
    if told.is_empty() {
        let ClusterReport { name, state, why, .. } = report;
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let text =
            format!("no AppMaster of cluster {name} has reported yet; the cluster is {}{why}", state.word());
        return Err(not_yet(text));
    }
    let leads = appmasters::leading(told);
    let leads = leads.ok_or_else(|| not_yet(format!("no AppMaster of cluster {cluster} leads yet")))?;
    let url = leads.flink_url.ok_or_else(|| {
        not_yet(format!("the AppMaster of cluster {cluster} does not know yet where its JobManager is"))
    })?;
    let bad = |what: &str| Problem::new(StatusCode::BAD_GATEWAY, format!("cluster {cluster}: {what}"));
    let parsed = Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let parsed =
        parsed.ok_or_else(|| bad(&format!("its AppMaster says that its JobManager is at {url:?}")))?;
    // Whoever runs jobs could have the AppMaster say anything, and this dispatcher reaches more than they do.
    let agents = alive.iter().map(|(_, hostname)| hostname.as_str());
    if path::is_of_agent(&parsed, agents, shared.sources.jobmanagers.own_name()) {
        return Ok(parsed);
    }
    let host = parsed.host_str().unwrap_or_default();
    Err(bad(&format!(
        "its AppMaster says that its JobManager is on {host}, where none of its AppMasters runs"
    )))
}
