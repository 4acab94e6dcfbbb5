use domain::{Error, Role};
use futures::future::join_all;
use platform::auth::{AuthOptions, Cost, PrivateKeys};
use platform::sessions::Sessions;
use platform::{Auth, Platform, members, projects, users};
use secrecy::SecretString;
use testkit::{ISSUER, PASSWORD, TestPlatform, until};
use tower_sessions_core::SessionStore;

use crate::signed_in;

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

#[tokio::test]
async fn the_set_up_link_makes_the_first_admin_once() {
    let kit = TestPlatform::new().await;
    assert!(users::needs_setup(&kit).await.unwrap());
    let first = users::create_setup_token(&kit).await.unwrap().unwrap();
    let token = users::create_setup_token(&kit).await.unwrap().unwrap();
    let replaced = users::set_up(&kit, &first, "ada@example.com", "Ada", &secret(PASSWORD))
        .await
        .unwrap_err();
    assert_eq!(
        replaced.code(),
        "not_found",
        "a newer link ends the older one"
    );

    let people: Vec<_> = (0..8).map(|i| format!("admin{i}@example.com")).collect();
    let password = secret(PASSWORD);
    let tries = join_all(
        people
            .iter()
            .map(|email| users::set_up(&kit, &token, email, "Ada", &password)),
    )
    .await;
    let (made, refused): (Vec<_>, Vec<_>) = tries.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    for error in refused {
        assert_eq!(error.unwrap_err().code(), "already_set_up");
    }
    assert!(!users::needs_setup(&kit).await.unwrap());
    assert_eq!(users::create_setup_token(&kit).await.unwrap(), None);

    let admin = made.into_iter().next().unwrap().unwrap();
    let actor = domain::Actor::User {
        id: admin.id,
        email: admin.email.clone(),
    };
    let found = projects::list(&kit, &actor).await.unwrap();
    assert_eq!(
        found
            .iter()
            .map(|p| (p.name.as_str(), p.role))
            .collect::<Vec<_>>(),
        [("default", Role::Admin)]
    );
    assert_eq!(
        members::list(&kit, &actor, &kit.project())
            .await
            .unwrap()
            .members
            .len(),
        1
    );
}

#[tokio::test]
async fn set_up_checks_what_it_is_given() {
    let kit = TestPlatform::new().await;
    let token = users::create_setup_token(&kit).await.unwrap().unwrap();
    for (email, name, password, pointer) in [
        ("nobody", "Ada", PASSWORD, "/email"),
        ("ada@example.com", "  ", PASSWORD, "/name"),
        ("ada@example.com", "Ada", "password1234", "/password"),
    ] {
        let error = users::set_up(&kit, &token, email, name, &secret(password))
            .await
            .unwrap_err();
        let Error::Invalid(fields) = error else {
            panic!("{error:?}")
        };
        assert_eq!(fields[0].pointer, pointer);
    }
    assert!(users::needs_setup(&kit).await.unwrap());
}

#[tokio::test]
async fn bootstrap_makes_the_admin_once_and_never_changes_him() {
    let kit = TestPlatform::new().await;
    let made = users::bootstrap(&kit, "Ada@Example.com", &secret(PASSWORD))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (made.email.as_str(), made.name.as_str()),
        ("ada@example.com", "Ada")
    );
    assert_eq!(
        users::bootstrap(&kit, "eve@example.com", &secret("another good phrase"))
            .await
            .unwrap(),
        None
    );
    users::sign_in(&kit, "ada@example.com", &secret(PASSWORD))
        .await
        .unwrap();
}

#[tokio::test]
async fn signing_in_says_the_same_to_strangers_and_to_wrong_passwords() {
    let kit = TestPlatform::new().await;
    kit.admin().await;
    let user = users::sign_in(&kit, " ADA@example.com ", &secret(PASSWORD))
        .await
        .unwrap();
    assert_eq!(user.email, "ada@example.com");
    let wrong = users::sign_in(&kit, "ada@example.com", &secret("wrong"))
        .await
        .unwrap_err();
    let stranger = users::sign_in(&kit, "eve@example.com", &secret(PASSWORD))
        .await
        .unwrap_err();
    assert_eq!(wrong.code(), "unauthenticated");
    assert_eq!(
        (wrong.code(), wrong.to_string()),
        (stranger.code(), stranger.to_string())
    );
    for odd in ["", "nobody", "a\0@example.com", "ada@example.com\0"] {
        let error = users::sign_in(&kit, odd, &secret(PASSWORD))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), wrong.to_string(), "{odd:?}");
    }
}

#[tokio::test]
async fn a_taken_address_is_told_by_its_field() {
    let kit = TestPlatform::new().await;
    kit.admin().await;
    let error = users::create(&kit, "ada@EXAMPLE.com", "Eve", &secret(PASSWORD))
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
async fn a_new_password_ends_every_session() {
    let kit = TestPlatform::new().await;
    let domain::Actor::User { id, .. } = kit.admin().await else {
        unreachable!()
    };
    let sessions = Sessions::new(&kit);
    let first = signed_in(&sessions, id).await;
    let second = signed_in(&sessions, id).await;

    let new = secret("a wholly different phrase");
    let wrong = users::change_password(&kit, id, &secret("wrong"), &new)
        .await
        .unwrap_err();
    assert!(
        wrong.to_string().starts_with("/current_password"),
        "{wrong}"
    );
    let common = users::change_password(&kit, id, &secret(PASSWORD), &secret("password1234"))
        .await
        .unwrap_err();
    assert!(common.to_string().starts_with("/new_password"), "{common}");
    assert!(sessions.load(&first.id).await.unwrap().is_some());

    users::change_password(&kit, id, &secret(PASSWORD), &new)
        .await
        .unwrap();
    for session in [&first, &second] {
        assert_eq!(sessions.load(&session.id).await.unwrap(), None);
        // A request that was under way when the password changed saves its session late.
        sessions.save(session).await.unwrap();
        assert_eq!(sessions.load(&session.id).await.unwrap(), None);
    }
    users::sign_in(&kit, "ada@example.com", &new).await.unwrap();
    users::sign_in(&kit, "ada@example.com", &secret(PASSWORD))
        .await
        .unwrap_err();

    users::reset_password(&kit, "ada@example.com", &secret(PASSWORD))
        .await
        .unwrap();
    users::sign_in(&kit, "ada@example.com", &secret(PASSWORD))
        .await
        .unwrap();
    assert_eq!(
        users::reset_password(&kit, "eve@example.com", &new)
            .await
            .unwrap_err()
            .code(),
        "not_found"
    );
}

#[tokio::test]
async fn a_password_is_hashed_anew_when_the_cost_rises() {
    let kit = TestPlatform::new().await;
    kit.admin().await;
    let keys = PrivateKeys::Kept(kit.directory.path().join("secrets/signing_keys"));
    let cost = Cost {
        memory: 128,
        passes: 2,
        lanes: 1,
    };
    let auth = Auth::new(AuthOptions {
        cost,
        ..AuthOptions::new(keys, ISSUER)
    })
    .unwrap();
    let costlier = Platform {
        auth,
        ..kit.platform()
    };
    for _ in 0..2 {
        users::sign_in(&costlier, "ada@example.com", &secret(PASSWORD))
            .await
            .unwrap();
        let mut conn = kit.store.read().await.unwrap();
        let account = store::users::by_email(&mut conn, "ada@example.com")
            .await
            .unwrap()
            .unwrap();
        assert!(
            account
                .password_hash
                .starts_with("$argon2id$v=19$m=128,t=2,p=1$"),
            "{}",
            account.password_hash
        );
    }
    users::sign_in(&kit, "ada@example.com", &secret(PASSWORD))
        .await
        .unwrap();
}

#[tokio::test]
async fn while_postgres_is_away_it_says_so_and_recovers_by_itself() {
    let kit = TestPlatform::new().await;
    kit.admin().await;
    kit.database.set_reachable(false).await;
    let error = users::sign_in(&kit, "ada@example.com", &secret(PASSWORD))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Unavailable {
                retry_after: 1..,
                ..
            }
        ),
        "{error:?}"
    );
    kit.database.set_reachable(true).await;
    until("the database", async || {
        users::sign_in(&kit, "ada@example.com", &secret(PASSWORD))
            .await
            .ok()
    })
    .await;
}
