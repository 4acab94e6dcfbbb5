//! What only some roles may do. The rule is the server's own, [`Role::allows`]; the server asks it again.

use domain::{Permission, Role};
use leptos::prelude::*;

use super::loaded::transition;
use crate::context::use_role;

/// Shows `children` to those whose role has the permission. The others are told which role it takes, when `what` begins
/// that sentence: "Uploading".
#[component]
pub fn Allowed(
    permission: Permission,
    #[prop(optional)] what: Option<&'static str>,
    children: ChildrenFn,
) -> impl IntoView {
    let role = use_role();
    transition(Box::new(move || {
        let role = role()?;
        Some(if role.allows(permission) {
            children()
        } else {
            reason(role, permission, what)
        })
    }))
}

/// Fields that everybody may read and only some may change: the others find them disabled, and the reason beneath.
/// Belongs into a view of [`super::loaded`].
#[component]
pub fn AllowedFields(
    permission: Permission,
    what: &'static str,
    children: Children,
) -> impl IntoView {
    let role = use_role()();
    let reason = role.map(|role| reason(role, permission, Some(what)));
    let is_locked = !role.is_some_and(|role| role.allows(permission));
    view! {
        <fieldset class="allowed-fields" disabled=is_locked>{children()}</fieldset>
        {reason}
    }
    .into_any()
}

fn reason(role: Role, permission: Permission, what: Option<&str>) -> AnyView {
    what.and_then(|what| role.refusal(permission, what))
        .map(|reason| view! { <p class="hint">{reason} "."</p> })
        .into_any()
}
