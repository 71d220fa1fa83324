//! Specifications that are handed in.

use std::collections::BTreeMap;
use std::sync::Arc;

use access::Grant;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::{Json, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use dispatcher::{Dispatcher, Order, Outcome, Plan, Timestamp};
use manifest::{Accepted, Circumstances, Draft, Finding, Manifest, ReadError, Refused as NotAccepted};

use super::answer::{Problem, Refused, Unavailable, WrongBody, answer};
use super::appmasters::AppMasters;
use super::artifacts::look_for;
use super::ask::ask;
use super::caller::Caller;
use super::condition::{Condition, etag};
use super::extract::{Path, Query, Text};
use super::orders::OrderQuery;
use super::scheduling::{Fits, Sought};
use super::{Shared, Sources, permission};

const NAME: &str = "metadata.name";

/// What came of what was handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Applied {
    /// Where not all documents were taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// One for each document, in their order.
    pub results: Vec<Document>,
}

/// What came of one document. Each is for itself: what is wrong in one does not concern the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Document {
    /// Its cluster, where that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which it would have had alone.
    pub status: u16,
    /// What is changed, unless it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// What is ignored or odd.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Finding>,
    /// Whether what would be launched, or is, fits into the latest offers; none where nothing is launched now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fits: Option<Fits>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What is wrong in which field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Finding>,
    /// In seconds.
    #[serde(skip)]
    retry_after: Option<u64>,
}

/// Create clusters, or change those that there are. The body has one or more manifests of the kind `FlinkDeployment`, in YAML or
/// JSON. The status is the highest that one of them has.
#[utoipa::path(post, path = "/v1/clusters",
    params(OrderQuery, ("If-Match" = Option<String>, Header, description = "With one document: `*`, or a revision in quotes"),
        ("If-None-Match" = Option<String>, Header, description = "With one document: `*`, there must be no such cluster")),
    request_body(content((String = "application/yaml"), (Manifest = "application/json"))),
    responses(
        (status = 200, body = Applied, description = "All were taken, or would be"),
        (status = 201, body = Applied, description = "All were taken, and a cluster was created"),
        Unavailable, Refused, WrongBody,
    ),
)]
pub async fn apply(
    State(Shared { sources, .. }): State<Shared>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<OrderQuery>,
    condition: Condition,
    Text(text): Text,
) -> Result<Response, Problem> {
    let drafts = read(&text)?;
    if drafts.len() > 1 && !condition.is_any() {
        let text = "If-Match and If-None-Match are for one document; the body has more";
        return Err(Problem::bad_request(text));
    }
    look_for(&sources.artifacts, drafts.iter().flat_map(Draft::artifacts).collect()).await;
    let order = query.order(&caller, condition);
    let shared_names = names_of_several(&drafts);
    let (mut results, mut sought) = (Vec::<Document>::new(), Vec::new());
    for draft in drafts {
        let name = draft.name().map(str::to_owned);
        let problem = name.as_ref().and_then(|name| shared_names.get(name)).cloned();
        let problem = problem.or_else(|| results.iter().find_map(Document::not_tried_after));
        results.push(match problem {
            Some(problem) => Document::refused(name, problem),
            None => {
                let (document, wanted) = apply_one(&sources, draft, &caller, order.clone(), condition).await;
                sought.extend(wanted.map(|wanted| (results.len(), wanted)));
                document
            }
        });
    }
    let (places, sought): (Vec<_>, Vec<_>) = sought.into_iter().unzip();
    let fits = sources.scheduling.fits(sought).await;
    for (place, fits) in places.into_iter().zip(fits) {
        results[place].fits = fits;
    }
    Ok(answer_all(results))
}

/// Create a cluster, or change it.
#[utoipa::path(put, path = "/v1/clusters/{name}",
    params(("name" = String, Path), OrderQuery,
        ("If-Match" = Option<String>, Header, description = "`*`, or a revision in quotes"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: there must be no such cluster")),
    request_body(content((String = "application/yaml"), (Manifest = "application/json"))),
    responses(
        (status = 200, body = Document, description = "It was taken, or would be", headers(("ETag" = String, description = "The last revision, in quotes"))),
        (status = 201, body = Document, description = "The cluster was created", headers(("ETag" = String, description = "The last revision, in quotes"))),
        Unavailable, Refused, WrongBody,
    ),
)]
pub async fn put(
    State(Shared { sources, .. }): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    Query(query): Query<OrderQuery>,
    condition: Condition,
    Text(text): Text,
) -> Result<Response, Problem> {
    let mut drafts = read(&text)?;
    let (Some(draft), true) = (drafts.pop(), drafts.is_empty()) else {
        return Err(Problem::bad_request("the body has several manifests, and one is expected here"));
    };
    if let Some(other) = draft.name().filter(|other| *other != name) {
        let text = format!("the manifest is of cluster {other}, and the path names {name}");
        return Err(Problem::field(StatusCode::UNPROCESSABLE_ENTITY, NAME, text));
    }
    let is_dry = query.dry_run;
    look_for(&sources.artifacts, draft.artifacts().collect()).await;
    let order = query.order(&caller, condition);
    let (mut document, sought) = apply_one(&sources, draft, &caller, order, condition).await;
    document.fits = sources.scheduling.fits(sought.into_iter().collect()).await.pop().flatten();
    let revision = document.plan.as_ref().filter(|_| !is_dry).map(|plan| plan.revision);
    let tag = revision.map(|revision| [(ETAG, etag(revision))]);
    Ok(answer(document.status, document.retry_after, (tag, Json(document))))
}

fn read(text: &str) -> Result<Vec<Draft>, Problem> {
    manifest::read(text).map_err(|error| {
        let text = error.to_string();
        match error {
            ReadError::TooLarge { .. } => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, text),
            ReadError::Yaml { .. } | ReadError::Empty => Problem::bad_request(text),
        }
    })
}

/// Names that more than one document has: nobody can say which of them is meant.
fn names_of_several(drafts: &[Draft]) -> BTreeMap<String, Problem> {
    let mut numbers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        if let Some(name) = draft.name() {
            numbers.entry(name).or_default().push(index + 1);
        }
    }
    numbers.retain(|_, numbers| numbers.len() > 1);
    let problem = |(name, numbers): (&str, Vec<usize>)| {
        let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
        let text = format!("documents {} name the same cluster, {name}", numbers.join(" and "));
        (name.to_owned(), Problem::field(StatusCode::UNPROCESSABLE_ENTITY, NAME, text))
    };
    numbers.into_iter().map(problem).collect()
}

async fn apply_one(
    sources: &Sources,
    draft: Draft,
    caller: &Caller,
    order: Order,
    condition: Condition,
) -> (Document, Option<Sought>) {
    let (flinks, grant) = (sources.flinks.clone(), Arc::clone(&caller.grant));
    let circumstances = sources.circumstances;
    let name = draft.name().map(str::to_owned);
    let appmasters = AppMasters::clone(&sources.appmasters);
    let known = sources.artifacts.clone();
    let question = move |core: &mut Dispatcher, now| {
        let artifacts = draft.artifacts().filter(|digest| known.store.has(digest)).collect();
        let schemes = known.schemes();
        let circumstances = Circumstances {
            flinks: flinks.as_deref(),
            artifacts: Some(&artifacts),
            schemes: schemes.as_deref(),
            ..circumstances
        };
        let before = draft.name().map(|name| Before::of(core, name, &appmasters)).unwrap_or_default();
        let (document, manifest) = taken(core, draft, &grant, &order, condition, circumstances, now);
        let sought = manifest.and_then(|manifest| before.sought(&document, manifest, order.dry_run));
        (document, sought)
    };
    match ask(&sources.handle, question).await {
        Ok(answer) => answer,
        Err(why) => (Document::refused(name, why.into()), None),
    }
}

/// What there is of a cluster before an order.
#[derive(Default)]
struct Before {
    manifest: Option<Arc<Manifest>>,
    /// AppMasters that there shall be.
    target: u32,
    appmasters: u32,
    taskmanagers: u32,
}

impl Before {
    fn of(core: &Dispatcher, name: &str, appmasters: &AppMasters) -> Self {
        let definition = core.definition(name);
        let told = core.alive(name).filter_map(|attempt| appmasters(&attempt.task_id));
        Self {
            target: definition.as_ref().map_or(0, |definition| definition.target),
            manifest: definition.map(|definition| definition.manifest),
            appmasters: core.running(name),
            taskmanagers: told.map(|told| told.running).max().unwrap_or(0),
        }
    }

    /// None where nothing is launched.
    fn sought(self, document: &Document, manifest: Manifest, is_dry: bool) -> Option<Sought> {
        let plan = document.plan.as_ref()?;
        let is_idle = plan.outcome == Outcome::Unchanged && self.target == 0;
        (!is_idle && plan.waits.is_none() && !manifest.spec.is_suspended()).then(|| Sought {
            manifest: Arc::new(manifest),
            before: self.manifest,
            is_taken: !is_dry,
            begins_anew: plan.begins_anew,
            appmasters: self.appmasters,
            taskmanagers: self.taskmanagers,
        })
    }
}

/// Looked at and taken at once, so that it is compared with the specification that it follows.
fn taken(
    core: &mut Dispatcher,
    draft: Draft,
    grant: &Grant,
    order: &Order,
    condition: Condition,
    circumstances: Circumstances<'_>,
    now: Timestamp,
) -> (Document, Option<Manifest>) {
    let name = draft.name().map(str::to_owned);
    let own = name.as_ref().map_or(Ok(()), |name| permission::of_cluster(grant, core, name));
    if let Err(problem) = own {
        return (Document::refused(name, problem), None);
    }
    let previous = name.as_ref().and_then(|name| core.last_manifest(name)).map(|manifest| &manifest.spec);
    let status =
        if draft.is_too_large() { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::UNPROCESSABLE_ENTITY };
    let Accepted { manifest, warnings } = match draft.validate(&Circumstances { previous, ..circumstances }) {
        Ok(accepted) => accepted,
        Err(refused) => {
            let error = refused.to_string();
            let NotAccepted { name, findings: fields, warnings } = refused;
            let problem = Problem { fields, ..Problem::new(status, error) };
            return (Document { warnings, ..Document::refused(name, problem) }, None);
        }
    };
    let checked = permission::of_manifest(grant, &manifest)
        .and_then(|()| condition.check(core, &manifest.metadata.name));
    let plan = checked.and_then(|()| {
        let plans = core.apply(std::slice::from_ref(&manifest), order, now).pop();
        Ok(plans.expect("one for each manifest")?)
    });
    match plan {
        Ok(plan) => (Document::planned(plan, warnings, order.dry_run), Some(manifest)),
        Err(problem) => (Document { warnings, ..Document::refused(name, problem) }, None),
    }
}

impl Document {
    fn planned(plan: Plan, warnings: Vec<Finding>, is_dry: bool) -> Self {
        let status = match plan.outcome {
            Outcome::Created if !is_dry => StatusCode::CREATED,
            Outcome::Created | Outcome::Changed | Outcome::Unchanged => StatusCode::OK,
        };
        Self {
            name: Some(plan.name.clone()),
            status: status.as_u16(),
            plan: Some(plan),
            warnings,
            fits: None,
            error: None,
            fields: Vec::new(),
            retry_after: None,
        }
    }

    fn refused(name: Option<String>, problem: Problem) -> Self {
        let Problem { status, retry_after, error, fields } = problem;
        Self {
            name,
            status,
            plan: None,
            warnings: Vec::new(),
            fits: None,
            error: Some(error),
            fields,
            retry_after,
        }
    }

    /// Where the dispatcher had no answer to this one, it is not asked about the next.
    fn not_tried_after(&self) -> Option<Problem> {
        let retry_after = self.retry_after?;
        let status = StatusCode::from_u16(self.status).ok()?;
        let text = "not tried, because the dispatcher had no answer to a document before";
        Some(Problem { retry_after: Some(retry_after), ..Problem::new(status, text) })
    }
}

fn answer_all(results: Vec<Document>) -> Response {
    let refused: Vec<_> = results.iter().filter_map(|document| document.error.as_ref()).collect();
    let error = match (&refused[..], results.len()) {
        ([], _) => None,
        ([only], 1) => Some((*only).clone()),
        (refused, all) => Some(format!("{} of {all} documents are refused", refused.len())),
    };
    let highest = results.iter().map(|document| document.status).max().unwrap_or_default();
    let retry_after = results.iter().filter_map(|document| document.retry_after).max();
    answer(highest, retry_after, Json(Applied { error, results }))
}
