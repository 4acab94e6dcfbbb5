//! A scope that covers another gives all that the other gives; a role that may not do something is told which one may.

use domain::{Name, Permission, Role, Scope};
use proptest::prelude::*;

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        prop::option::of(prop::sample::select(vec!["a", "b"]))
            .prop_map(|name| Scope::Predict(name.and_then(|name| Name::new(name).ok()))),
        Just(Scope::Feedback),
        Just(Scope::Read),
        Just(Scope::Write),
        Just(Scope::Admin),
    ]
}

/// All that can be done with a scope, in a world of two deployments.
fn powers(scope: &Scope) -> Vec<bool> {
    let permissions = [Permission::Read, Permission::Write, Permission::Administer];
    let management = permissions.map(|permission| scope.allows(permission));
    let predictions = ["a", "b", "later"].map(|deployment| scope.may_predict(deployment));
    let feedback = [*scope == Scope::Feedback];
    management
        .into_iter()
        .chain(predictions)
        .chain(feedback)
        .collect()
}

proptest! {
    #[test]
    fn covering_is_having_all_the_powers(wide in scope(), narrow in scope()) {
        let (has, wants) = (powers(&wide), powers(&narrow));
        let has_all = has.iter().zip(&wants).all(|(has, wants)| *has || !wants);
        prop_assert_eq!(wide.covers(&narrow), has_all);
    }
}

#[test]
fn a_role_is_refused_exactly_what_it_is_not_allowed() {
    for role in Role::ALL {
        for permission in [Permission::Read, Permission::Write, Permission::Administer] {
            let refusal = role.refusal(permission, "Training");
            assert_eq!(refusal.is_none(), role.allows(permission));
        }
    }
    assert_eq!(
        Role::Viewer
            .refusal(Permission::Write, "Training")
            .as_deref(),
        Some("Training needs the role editor, and yours is viewer: ask an admin of the project")
    );
}
