//! An Amazon Cognito user pool, over the user pools API.
//!
//! `AdminUserGlobalSignOut` revokes the user's refresh tokens, and access tokens
//! where they are used on Cognito itself:
//! <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminUserGlobalSignOut.html>.
//! With `disable`, `AdminDisableUser` and `AdminEnableUser`. Requests are signed
//! (Signature Version 4).
//!
//! It leaves the cookie of the managed login, which gives new tokens for up to an
//! hour unless the user is disabled, and tokens that are checked offline until they
//! expire (an hour, if not configured otherwise). An error is an object whose
//! `__type` names it, `UserNotFoundException` for an unknown user, with status 400.
//!
//! Settings: `region`, `user_pool_id`. Secrets: `access_key_id`,
//! `secret_access_key`, and `session_token` for temporary ones; they need the
//! permissions named like the operations. People are known by the pool's user name,
//! so `user_id_source` is `userName` or whatever else the pool takes for an alias.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use serde::Deserialize;
use serde_json::json;

use super::{api::text, check_endpoint, check_segment};
use crate::delivery::{
    Commanded, Remedy,
    outgoing::Answer,
    sink::{
        command::{Command, Connector, Order, Stop},
        http::{A_MINUTE, Draft, Http},
        settings::{Target, read},
    },
};

/// A user pool.
pub(super) struct Cognito;

const SERVICE: &str = "cognito-idp";
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    region: String,
    user_pool_id: String,
}

#[async_trait]
impl Connector for Cognito {
    fn can_disable(&self) -> bool {
        true
    }

    fn check(&self, target: &Target<'_>) -> Result<(), String> {
        check_endpoint(target)?;
        let settings: Settings = read(target.settings)?;
        check_segment("region", &settings.region)?;
        check_segment("user_pool_id", &settings.user_pool_id)?;
        target.secrets.check(&["access_key_id", "secret_access_key"], &["session_token"])
    }

    async fn command(&self, http: &Http<'_>, order: &Order<'_>) -> Result<Commanded, Stop> {
        let settings: Settings = order.settings()?;
        let operation = match order.command {
            Command::Revoke => "AdminUserGlobalSignOut",
            Command::Disable => "AdminDisableUser",
            Command::Enable => "AdminEnableUser",
        };
        let body = json!({ "UserPoolId": settings.user_pool_id, "Username": order.user()? });
        let draft = signed(order, &settings.region, operation, body.to_string())?;
        settle(http.call(draft).await?)?;
        Ok(Commanded::Confirmed { sessions: None })
    }
}

fn signed(order: &Order<'_>, region: &str, operation: &str, body: String) -> Result<Draft, Stop> {
    let url = format!("{}/", order.base());
    let target = format!("AWSCognitoIdentityProviderService.{operation}");
    let identity = Credentials::new(
        order.require("access_key_id")?,
        order.require("secret_access_key")?,
        order.secret("session_token").map(str::to_owned),
        None,
        "muster",
    )
    .into();
    let now_us = u64::try_from(order.parcel.now_us).unwrap_or_default();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(SystemTime::UNIX_EPOCH + Duration::from_micros(now_us))
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| Stop::never(format!("cannot be signed: {error}")))?
        .into();
    let headers = [("content-type", CONTENT_TYPE), ("x-amz-target", target.as_str())];
    let body_bytes = SignableBody::Bytes(body.as_bytes());
    let instructions = SignableRequest::new("POST", url.as_str(), headers.into_iter(), body_bytes)
        .and_then(|request| sign(request, &params))
        .map_err(|error| Stop::never(format!("cannot be signed: {error}")))?
        .into_parts()
        .0;
    let draft =
        Draft::post(url).header("content-type", CONTENT_TYPE).header("x-amz-target", &target);
    let (headers, _) = instructions.into_parts();
    let draft = headers
        .iter()
        .fold(draft, |draft, header| draft.secret_header(header.name(), header.value()));
    Ok(draft.text(body))
}

/// Errors have a name, and mostly the status 400 (the maker's Common Errors).
fn settle(answer: Answer) -> Result<(), Stop> {
    let status = Some(answer.status);
    let name = text(&answer, "__type");
    // A prefix with the service's namespace comes and goes.
    let name = name.as_deref().and_then(|name| name.rsplit('#').next()).unwrap_or_default();
    let remedy = match name {
        "UserNotFoundException" => return Err(Stop::Gone),
        "TooManyRequestsException" | "ThrottlingException" | "LimitExceededException" => {
            Remedy::Retry(Some(answer.retry_after().unwrap_or(A_MINUTE)))
        }
        "NotAuthorizedException"
        | "AccessDeniedException"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "UnrecognizedClientException" => Remedy::Credentials,
        // What is not from the user pool says nothing about a user.
        _ if answer.status == 404 => return Err(super::api::not_about_the_user()),
        _ => return answer.done().map(|_| ()),
    };
    Err(Stop::because(status, remedy, format!("Cognito answered {name}")))
}
