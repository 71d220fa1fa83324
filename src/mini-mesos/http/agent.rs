//! `/mini/agent`: where agents on other hosts link up.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use reqwest::Upgraded;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::cluster::{Input, LinkId};
use crate::leadership::Leadership;
use crate::link::{self, Greeting, LinkError, MAX_RECORDS_WAITING, Records, send_all};
use base::log;

use super::Server;

/// From the connection to the greeting.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);

pub async fn join(State(server): State<Server>, mut request: Request) -> Response {
    let asked = request.headers().get(header::UPGRADE).map(HeaderValue::as_bytes);
    if asked != Some(link::protocol().as_bytes()) {
        let text = format!("agents upgrade to {} here", link::protocol());
        return answer(StatusCode::UPGRADE_REQUIRED, text);
    }
    if *server.leadership.borrow() != Leadership::Leads {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "this master does not lead".to_owned());
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrade.await {
            Ok(stream) => serve(stream.into(), &server.cluster).await,
            Err(error) => tracing::warn!("no link to an agent: {}", log::chain(&error)),
        }
    });
    answer(StatusCode::SWITCHING_PROTOCOLS, String::new())
}

fn answer(status: StatusCode, text: String) -> Response {
    let headers = [(header::CONNECTION, "upgrade".to_owned()), (header::UPGRADE, link::protocol())];
    (status, headers, text).into_response()
}

/// Carries records until the link or the cluster ends.
async fn serve(stream: Upgraded, cluster: &mpsc::Sender<Input>) {
    let (reader, writer) = tokio::io::split(stream);
    let mut records = Records::new(reader);
    let greeting = match timeout(GREETING_TIMEOUT, records.next::<Greeting>()).await {
        Ok(Ok(Some(greeting))) => greeting,
        Ok(Ok(None)) | Err(_) => return,
        Ok(Err(error)) => return tracing::warn!("no greeting of an agent: {}", log::chain(&error)),
    };
    let (orders, outgoing) = mpsc::channel(MAX_RECORDS_WAITING);
    let (reply, joined) = oneshot::channel();
    if cluster.send(Input::AgentCame { greeting, orders, reply }).await.is_err() {
        return;
    }
    let Ok(link) = joined.await else {
        // Refused, which it is to hear.
        let _ = send_all(writer, outgoing).await;
        return;
    };
    let ended = tokio::select! {
        sent = send_all(writer, outgoing) => sent,
        received = receive(&mut records, link, cluster) => received,
    };
    if let Err(error) = ended {
        tracing::info!("the link to an agent broke: {}", log::chain(&error));
    }
    let _ = cluster.send(Input::AgentLost(link)).await;
}

async fn receive(
    records: &mut Records<impl tokio::io::AsyncRead + Unpin>,
    link: LinkId,
    cluster: &mpsc::Sender<Input>,
) -> Result<(), LinkError> {
    while let Some(report) = records.next().await? {
        if cluster.send(Input::AgentSaid { link, report: Box::new(report) }).await.is_err() {
            break;
        }
    }
    Ok(())
}
