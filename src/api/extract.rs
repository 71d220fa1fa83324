//! What a request says, or a [`Problem`] in the one shape that all have.

use axum::body::Bytes;
use axum::extract::{self, FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::answer::Problem;

/// Parameters of the query.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = extract::Query::from_request_parts(parts, state).await;
        let extract::Query(query) = query.map_err(|error| Problem::bad_request(error.body_text()))?;
        Ok(Self(query))
    }
}

/// Parts of the path.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = extract::Path::from_request_parts(parts, state).await;
        let extract::Path(path) = path.map_err(|error| Problem::bad_request(error.body_text()))?;
        Ok(Self(path))
    }
}

/// A body that is text.
pub struct Text(pub String);

impl<S: Send + Sync> FromRequest<S> for Text {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = match Bytes::from_request(request, state).await {
            Ok(bytes) => bytes,
            Err(error) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                let most = manifest::MAX_BYTES;
                let text = format!("the body is longer than the {most} bytes that are read");
                return Err(Problem::new(error.status(), text));
            }
            Err(error) => return Err(Problem::bad_request(error.body_text())),
        };
        let text = String::from_utf8(bytes.into()).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Problem::bad_request(format!("the body is not UTF-8: byte {at} is part of no character"))
        })?;
        Ok(Self(text))
    }
}

/// A body that is JSON, whatever its content type.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Text(text) = Text::from_request(request, state).await?;
        match serde_json::from_slice(text.as_bytes()) {
            Ok(body) => Ok(Self(body)),
            Err(error) if error.is_data() => {
                Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("the body: {error}")))
            }
            Err(error) => Err(Problem::bad_request(format!("the body is not JSON: {error}"))),
        }
    }
}
