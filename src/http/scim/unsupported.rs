//! What the protocol has and this server does not offer yet: it says so with 501
//! (RFC 7644 §3.7, §3.11, §3.12).

use poem_openapi::OpenApi;

use super::{caller::BearerCaller, resources::DeletedResponse};
use crate::{http::error::ScimFailure, scim::ScimError};

/// Endpoints that only refuse.
pub(super) struct UnsupportedApi;

type Refused = Result<DeletedResponse, ScimFailure>;

fn refuse(what: &'static str) -> Refused {
    Err(ScimError::NotImplemented(what).into())
}

macro_rules! refusals {
    ($($name:ident: $method:literal $path:literal $id:literal $what:literal,)+) => {
        #[OpenApi]
        impl UnsupportedApi {
            $(
                #[doc = concat!("Not supported: ", $what, ".")]
                #[oai(path = $path, method = $method, operation_id = $id, deprecated)]
                async fn $name(&self, _caller: BearerCaller) -> Refused {
                    refuse($what)
                }
            )+
        }
    };
}

refusals! {
    create_me: "post" "/Me" "me.create" "creating a user at `/Me`",
}
