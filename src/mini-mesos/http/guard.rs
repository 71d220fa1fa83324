//! Who may ask an operator's endpoints.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};

use crate::credentials::Credentials;

/// Whom operators must prove to be, by what they ask; without credentials anybody may.
#[derive(Clone, Default)]
pub struct Guards {
    pub readonly: Option<Arc<Credentials>>,
    pub readwrite: Option<Arc<Credentials>>,
}

/// Endpoints whose visitors are known alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Realm {
    MasterReadonly,
    MasterReadwrite,
    AgentReadonly,
    AgentReadwrite,
}

impl Realm {
    fn name(self) -> &'static str {
        match self {
            Self::MasterReadonly => "mesos-master-readonly",
            Self::MasterReadwrite => "mesos-master-readwrite",
            Self::AgentReadonly => "mesos-agent-readonly",
            Self::AgentReadwrite => "mesos-agent-readwrite",
        }
    }
}

impl Guards {
    pub fn guard<S: Clone + Send + Sync + 'static>(&self, realm: Realm, routes: Router<S>) -> Router<S> {
        let credentials = match realm {
            Realm::MasterReadonly | Realm::AgentReadonly => &self.readonly,
            Realm::MasterReadwrite | Realm::AgentReadwrite => &self.readwrite,
        };
        let Some(credentials) = credentials.clone() else { return routes };
        routes.route_layer(middleware::from_fn(move |request: Request, next: Next| {
            let credentials = Arc::clone(&credentials);
            async move { admitted(&credentials, realm, request, next).await }
        }))
    }
}

async fn admitted(credentials: &Credentials, realm: Realm, request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if credentials.authenticate(shown).is_some() {
        return next.run(request).await;
    }
    let challenge = format!("Basic realm=\"{}\"", realm.name());
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)], "401 Unauthorized.").into_response()
}
