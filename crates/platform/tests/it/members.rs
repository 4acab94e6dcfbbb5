use domain::{Actor, Error, Role};
use futures::future::join;
use platform::{ledger, members, projects, users};
use secrecy::SecretString;
use testkit::{PASSWORD, TestPlatform};

fn id(actor: &Actor) -> domain::ids::UserId {
    let Actor::User { id, .. } = actor else {
        panic!("{actor:?} is no user")
    };
    *id
}

#[tokio::test]
async fn an_invited_stranger_gets_an_account_and_the_role() {
    let kit = TestPlatform::new().await;
    let (admin, project) = (kit.admin().await, kit.project());
    let replaced = members::invite(&kit, &admin, &project, "Bob@Example.com", Role::Viewer)
        .await
        .unwrap();
    let invited = members::invite(&kit, &admin, &project, "bob@example.com", Role::Editor)
        .await
        .unwrap();
    let open = members::list(&kit, &admin, &project)
        .await
        .unwrap()
        .invitations;
    assert_eq!(open, std::slice::from_ref(&invited.invitation));
    assert_eq!(
        members::preview_invitation(&kit, &replaced.token)
            .await
            .unwrap_err()
            .code(),
        "not_found"
    );

    let preview = members::preview_invitation(&kit, &invited.token)
        .await
        .unwrap();
    assert_eq!(
        (preview.email.as_str(), preview.role, preview.has_account),
        ("bob@example.com", Role::Editor, false)
    );
    assert_eq!(
        (preview.project, preview.invited_by.as_str()),
        (project.clone(), "ada@example.com")
    );

    let weak = SecretString::from("password1234");
    let refused = members::accept_invitation(&kit, &invited.token, None, "Bob", Some(&weak))
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::Invalid(_)), "{refused:?}");
    let password = SecretString::from("another good phrase");
    let accept = || members::accept_invitation(&kit, &invited.token, None, "Bob", Some(&password));
    let (one, other) = join(accept(), accept()).await;
    assert!(
        one.is_ok() != other.is_ok(),
        "a link opens once: {one:?}, {other:?}"
    );

    let bob = users::sign_in(&kit, "bob@example.com", &password)
        .await
        .unwrap();
    let his = projects::list(
        &kit,
        &Actor::User {
            id: bob.id,
            email: bob.email,
        },
    )
    .await
    .unwrap();
    assert_eq!(
        his.iter().map(|p| (&p.name, p.role)).collect::<Vec<_>>(),
        [(&project, Role::Editor)]
    );
    let membership = members::list(&kit, &admin, &project).await.unwrap();
    assert_eq!(
        (membership.members.len(), membership.invitations.len()),
        (2, 0)
    );
}

#[tokio::test]
async fn one_who_has_an_account_is_signed_in_or_gives_its_password() {
    let kit = TestPlatform::new().await;
    let admin = kit.admin().await;
    let other = kit.new_project("other").await;
    let bob = kit.member(&other, "bob@example.com", Role::Viewer).await;
    let invited = members::invite(
        &kit,
        &admin,
        &kit.project(),
        "bob@example.com",
        Role::Viewer,
    )
    .await
    .unwrap();
    assert!(
        members::preview_invitation(&kit, &invited.token)
            .await
            .unwrap()
            .has_account
    );

    let accept = async |signed_in, password: Option<&str>| {
        let password = password.map(SecretString::from);
        members::accept_invitation(&kit, &invited.token, signed_in, "", password.as_ref()).await
    };
    assert_eq!(
        accept(None, Some("wrong")).await.unwrap_err().code(),
        "unauthenticated"
    );
    assert_eq!(
        accept(Some(id(&admin)), None).await.unwrap_err().code(),
        "invalid_input"
    );
    accept(Some(id(&bob)), None).await.unwrap();

    members::remove(&kit, &admin, &kit.project(), id(&bob))
        .await
        .unwrap();
    let again = members::invite(
        &kit,
        &admin,
        &kit.project(),
        "bob@example.com",
        Role::Viewer,
    )
    .await
    .unwrap();
    let password = SecretString::from(PASSWORD);
    members::accept_invitation(&kit, &again.token, None, "", Some(&password))
        .await
        .unwrap();
}

#[tokio::test]
async fn invitations_end_after_seven_days_or_when_withdrawn() {
    let kit = TestPlatform::new().await;
    let (admin, project) = (kit.admin().await, kit.project());
    let invited = members::invite(&kit, &admin, &project, "bob@example.com", Role::Viewer)
        .await
        .unwrap();
    kit.clock.advance(7 * 24 * 3600 - 1);
    members::preview_invitation(&kit, &invited.token)
        .await
        .unwrap();
    kit.clock.advance(1);
    assert_eq!(
        members::preview_invitation(&kit, &invited.token)
            .await
            .unwrap_err()
            .code(),
        "invitation_expired"
    );
    let password = SecretString::from(PASSWORD);
    let late = members::accept_invitation(&kit, &invited.token, None, "Bob", Some(&password))
        .await
        .unwrap_err();
    assert_eq!(late.code(), "invitation_expired");
    assert_eq!(
        members::list(&kit, &admin, &project)
            .await
            .unwrap()
            .invitations,
        []
    );

    let again = members::invite(&kit, &admin, &project, "bob@example.com", Role::Viewer)
        .await
        .unwrap();
    members::withdraw_invitation(&kit, &admin, &project, again.invitation.id)
        .await
        .unwrap();
    assert_eq!(
        members::preview_invitation(&kit, &again.token)
            .await
            .unwrap_err()
            .code(),
        "not_found"
    );
}

#[tokio::test]
async fn a_member_is_not_invited_again() {
    let kit = TestPlatform::new().await;
    let admin = kit.admin().await;
    let error = members::invite(
        &kit,
        &admin,
        &kit.project(),
        "ada@example.com",
        Role::Viewer,
    )
    .await
    .unwrap_err();
    let Error::Invalid(fields) = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (fields[0].pointer.as_str(), fields[0].code.as_str()),
        ("/email", "taken")
    );
}

#[tokio::test]
async fn a_project_never_loses_its_last_admin() {
    let kit = TestPlatform::new().await;
    let (ada, project) = (kit.admin().await, kit.project());
    assert_eq!(
        members::remove(&kit, &ada, &project, id(&ada))
            .await
            .unwrap_err()
            .code(),
        "last_admin"
    );
    let demoted = members::set_role(&kit, &ada, &project, id(&ada), Role::Viewer)
        .await
        .unwrap_err();
    assert_eq!(demoted.code(), "last_admin");

    let bob = kit.member(&project, "bob@example.com", Role::Viewer).await;
    members::set_role(&kit, &ada, &project, id(&bob), Role::Admin)
        .await
        .unwrap();
    let (one, other) = join(
        members::remove(&kit, &ada, &project, id(&bob)),
        members::remove(&kit, &bob, &project, id(&ada)),
    )
    .await;
    assert!(one.is_ok() != other.is_ok(), "{one:?}, {other:?}");
    let left = if one.is_ok() { &ada } else { &bob };
    let members = members::list(&kit, left, &project).await.unwrap().members;
    assert_eq!(
        members
            .iter()
            .map(|m| (m.user_id, m.role))
            .collect::<Vec<_>>(),
        [(id(left), Role::Admin)]
    );
}

#[tokio::test]
async fn everybody_may_leave_and_only_admins_may_remove() {
    let kit = TestPlatform::new().await;
    let (ada, project) = (kit.admin().await, kit.project());
    let bob = kit.member(&project, "bob@example.com", Role::Editor).await;
    let eve = kit.member(&project, "eve@example.com", Role::Viewer).await;
    assert_eq!(
        members::remove(&kit, &bob, &project, id(&eve))
            .await
            .unwrap_err()
            .code(),
        "forbidden"
    );
    let own = members::set_role(&kit, &bob, &project, id(&bob), Role::Admin)
        .await
        .unwrap_err();
    assert_eq!(own.code(), "forbidden");
    assert_eq!(
        members::invite(&kit, &bob, &project, "carl@example.com", Role::Viewer)
            .await
            .unwrap_err()
            .code(),
        "forbidden"
    );
    members::remove(&kit, &bob, &project, id(&bob))
        .await
        .unwrap();
    assert_eq!(
        members::list(&kit, &bob, &project)
            .await
            .unwrap_err()
            .code(),
        "not_found"
    );

    let rows = ledger::list(
        &kit,
        &ada,
        &project,
        None,
        None,
        &domain::page::PageRequest::default(),
    )
    .await
    .unwrap()
    .items;
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row.action.as_str(),
                row.subject.as_str(),
                row.actor.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                "member.removed",
                "member/bob@example.com",
                "bob@example.com"
            ),
            ("member.joined", "member/eve@example.com", "system:test"),
            ("member.joined", "member/bob@example.com", "system:test"),
            ("project.created", "project/default", "ada@example.com"),
        ]
    );
}
