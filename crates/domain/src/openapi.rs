//! OpenAPI schemas of the types that serialise otherwise than their fields say.

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, Object, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type,
};
use utoipa::{PartialSchema, ToSchema};

use crate::predictions::Inputs;
use crate::scoring_runs::VersionRef;
use crate::{Name, Scope, Timestamp};

macro_rules! schema {
    ($type:ty, $name:literal, $schema:expr) => {
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                $schema.into()
            }
        }

        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }
    };
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn object() -> Object {
    ObjectBuilder::new().schema_type(Type::Object).build()
}

schema!(
    Timestamp,
    "Timestamp",
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
);
schema!(
    Name,
    "Name",
    text().pattern(Some("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"))
);
schema!(
    Scope,
    "Scope",
    text()
        .pattern(Some(
            r"^(predict:(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,62})|feedback|read|write|admin)$"
        ))
        .description(Some(
            "`predict:<deployment>`, `predict:*`, `feedback`, `read`, `write` or `admin`"
        ))
);
schema!(
    Inputs,
    "Inputs",
    Schema::OneOf(
        OneOfBuilder::new()
            .item(object())
            .item(ArrayBuilder::new().items(object()))
            .description(Some(
                "One row as an object, or a batch as an array of objects"
            ))
            .build()
    )
);
schema!(
    VersionRef,
    "VersionRef",
    Schema::OneOf(
        OneOfBuilder::new()
            .item(
                ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .minimum(Some(1))
            )
            .item(text().pattern(Some("^@[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")))
            .description(Some("The number of a version, or `@` and an alias"))
            .build()
    )
);
