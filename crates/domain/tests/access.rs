//! A scope that covers another gives all that the other gives.

use domain::{Name, Permission, Scope};
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
