//! `/Bulk` (RFC 7644 §3.7).

use poem::web::Data;
use poem_openapi::{ApiResponse, OpenApi};

use super::{
    caller::BearerCaller,
    describe::{BulkRequest, BulkResponse},
    resources::NOTICE_BYTES,
};
use crate::{
    http::{error::ScimFailure, payload::ScimJson},
    provision::{BulkAnswer, Provisioner},
    scim::notice,
};

/// The endpoint of bulk requests.
pub(super) struct BulkApi;

/// An answer to a bulk request.
#[derive(Debug, ApiResponse)]
pub(super) enum BulkDone {
    /// The operations were tried; each result says what became of one.
    #[oai(status = 200)]
    Ok(
        ScimJson<BulkResponse>,
        /// What was not taken as it stands: `unknown: Operations[1].shoe`.
        #[oai(header = "Muster-Notice")]
        Option<String>,
    ),
}

impl From<BulkAnswer> for BulkDone {
    fn from(answer: BulkAnswer) -> Self {
        Self::Ok(ScimJson::new(answer.body), notice::header(&answer.ignored, NOTICE_BYTES))
    }
}

#[OpenApi]
impl BulkApi {
    /// Do many operations.
    ///
    /// Each operation is done whole or not at all; the request is not. Operations
    /// may refer to new resources by `bulkId:`, in any order. RFC 7644 §3.7.
    #[oai(path = "/Bulk", method = "post", operation_id = "bulk")]
    async fn bulk(
        &self,
        Data(provisioner): Data<&Provisioner>,
        caller: BearerCaller,
        body: ScimJson<BulkRequest>,
    ) -> Result<BulkDone, ScimFailure> {
        Ok(provisioner.bulk(&caller.0, &body.0).await?.into())
    }
}
