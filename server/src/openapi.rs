//! The OpenAPI document: gathered from the handlers, so that what is documented is what is routed.

pub mod deployment;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use domain::FieldError;
use domain::problem::Problem;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, Modify, OpenApi, openapi};

use crate::routes::oip::messages::OipError;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Volary",
        description = "Self-hosted platform to train, version, release and call models.\n\n\
            Programs send an API key (`Authorization: Bearer vol_...` or `X-API-Key`) or a token from `/oauth/token`. \
            Errors are RFC 9457 problem documents, under `/v2` the protocol's `{\"error\": ...}`. Lists come in pages: send `next_cursor` as `cursor` to go on.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(Problem, FieldError, OipError)),
    modifiers(&Schemes),
    security(("bearer" = []), ("api_key" = []), ("session" = [])),
)]
pub struct Api;

struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(
            "bearer",
            SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)),
        );
        components.add_security_scheme(
            "api_key",
            SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("x-api-key"))),
        );
        components.add_security_scheme(
            "session",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("__Host-volary"))),
        );
    }
}

/// What every operation may answer besides its own.
pub struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        let body = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build();
        let response = ResponseBuilder::new()
            .description("A problem: `error_code` says which, `errors` names bad fields, `retry_after` when to try again")
            .content("application/problem+json", body)
            .build();
        BTreeMap::from([("default".to_owned(), RefOr::T(response))])
    }
}

/// The document as it is served, printed and checked in.
///
/// # Errors
/// Never in practice: the document is made of plain data.
pub fn text() -> Result<String> {
    let document = crate::router::document();
    let mut text = serde_json::to_string_pretty(&document)
        .context("the OpenAPI document can not be written")?;
    text.push('\n');
    Ok(text)
}
