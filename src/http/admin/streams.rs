//! `/tenants/{tenant}/streams`.

use poem::web::Data;
use poem_openapi::{
    ApiResponse, Object, OpenApi,
    param::Path,
    payload::Json,
    types::{Password, ToJSON},
};
use serde_json::Value;

use super::{
    authenticate::OperatorToken,
    problem::{Failure, uuid},
    view::{List, Stream, SubjectOptions, list, view},
};
use crate::{
    event::{EventUri, GroupClaim, Profile, SubjectFormat},
    provision::operator::{self, ChosenStream, Operator, StreamChoice},
};

pub(super) struct Streams;

/// A stream to be created.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
struct NewStream {
    /// What the stream is for.
    #[oai(default)]
    description: String,
    /// Where events are pushed (RFC 8935); without it they are polled (RFC 8936).
    push_url: Option<String>,
    /// The `Authorization` header that the receiver asks for.
    authorization: Option<Password>,
    /// The kind of receiver, which chooses what is not given: `caep-interop`, `google`, `okta`,
    /// `apple` or `rfc9967`.
    profile: Option<String>,
    /// URIs of the events to send. Default: session-revoked and account-disabled.
    events: Option<Vec<String>>,
    /// How people are named: `iss_sub`, `email`, `opaque` or `scim`. Default: `iss_sub`.
    subject_format: Option<String>,
    /// What else is set for how people are named.
    subjects: Option<SubjectOptions>,
    /// The `aud` that the receiver checks.
    audience: Option<String>,
    /// The application that the stream is for: it also gets what happens to people at that
    /// application alone.
    application: Option<String>,
    /// How groups are named in token-claims-change: `name` (the default) or `id`.
    group_claim: Option<String>,
}

impl NewStream {
    fn check(self) -> Result<operator::NewStream, Failure> {
        let events = self.events.map(|uris| {
            let events = uris.iter().map(|uri| EventUri::parse(uri)).collect::<Option<_>>();
            events.ok_or_else(|| Failure::bad_request("`events`: a URI is not supported"))
        });
        let subject_format = self.subject_format.map(|name| {
            SubjectFormat::parse(&name).ok_or_else(|| {
                Failure::bad_request("`subject_format`: expected iss_sub, email, opaque or scim")
            })
        });
        let profile = self.profile.map(|name| {
            Profile::parse(&name).ok_or_else(|| {
                Failure::bad_request(format!("`profile`: expected {}", Profile::names()))
            })
        });
        let choice = StreamChoice {
            profile: profile.transpose()?,
            events: events.transpose()?,
            subject_format: subject_format.transpose()?,
            subjects: match self.subjects.and_then(|subjects| subjects.to_json()) {
                Some(Value::Object(subjects)) => subjects,
                _ => Default::default(),
            },
            audience: self.audience,
            application: self.application.clone(),
        };
        let ChosenStream { events, subject_format, subjects, audience } = choice.complete()?;
        let group_claim = match self.group_claim.as_deref() {
            None => GroupClaim::default(),
            Some(value) => GroupClaim::parse(value)
                .ok_or_else(|| Failure::bad_request("`group_claim`: expected name or id"))?,
        };
        Ok(operator::NewStream {
            description: self.description,
            push_url: self.push_url,
            authorization: self.authorization.map(|secret| secret.0.into()),
            events,
            subject_format,
            subjects,
            audience,
            application: self.application,
            group_claim,
        })
    }
}

#[derive(ApiResponse)]
enum Created {
    /// The stream was created.
    #[oai(status = 201)]
    Stream(Json<Stream>),
}

#[derive(ApiResponse)]
enum Deleted {
    /// The stream is gone, with what it had not delivered.
    #[oai(status = 204)]
    Stream,
}

#[OpenApi]
impl Streams {
    /// Creates a stream: events are pushed to a receiver, or wait to be polled.
    #[oai(path = "/tenants/:tenant/streams", method = "post", operation_id = "streams.create")]
    async fn create(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        body: Json<NewStream>,
        operator: Data<&Operator>,
    ) -> Result<Created, Failure> {
        let stream = operator.create_stream(&tenant, body.0.check()?).await?;
        Ok(Created::Stream(Json(view(&stream)?)))
    }

    /// Lists the streams of a tenant.
    #[oai(path = "/tenants/:tenant/streams", method = "get", operation_id = "streams.list")]
    async fn list(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<List<Stream>>, Failure> {
        Ok(Json(list(&operator.streams(&tenant).await?)?))
    }

    /// Keeps events back until the stream is resumed.
    #[oai(
        path = "/tenants/:tenant/streams/:id/pause",
        method = "post",
        operation_id = "streams.pause"
    )]
    async fn pause(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<Stream>, Failure> {
        Ok(Json(view(&operator.pause_stream(&tenant, uuid(&id)?).await?)?))
    }

    /// Delivers again, beginning with what was kept.
    #[oai(
        path = "/tenants/:tenant/streams/:id/resume",
        method = "post",
        operation_id = "streams.resume"
    )]
    async fn resume(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Json<Stream>, Failure> {
        Ok(Json(view(&operator.resume_stream(&tenant, uuid(&id)?).await?)?))
    }

    /// Deletes a stream and what it has not delivered.
    #[oai(
        path = "/tenants/:tenant/streams/:id",
        method = "delete",
        operation_id = "streams.delete"
    )]
    async fn delete(
        &self,
        _token: OperatorToken,
        tenant: Path<String>,
        id: Path<String>,
        operator: Data<&Operator>,
    ) -> Result<Deleted, Failure> {
        operator.delete_stream(&tenant, uuid(&id)?).await?;
        Ok(Deleted::Stream)
    }
}
