use domain::{Actor, Error, Name, Permission, Role, Scope};
use platform::{access, api_keys, projects};
use testkit::TestPlatform;

#[tokio::test]
async fn each_role_may_what_it_should_and_strangers_see_nothing() {
    let kit = TestPlatform::new().await;
    let (admin, project) = (kit.admin().await, kit.project());
    let editor = kit
        .member(&project, "editor@example.com", Role::Editor)
        .await;
    let viewer = kit
        .member(&project, "viewer@example.com", Role::Viewer)
        .await;
    let elsewhere = kit.new_project("elsewhere").await;
    let stranger = kit
        .member(&elsewhere, "stranger@example.com", Role::Admin)
        .await;
    let mut conn = kit.store.read().await.unwrap();
    let permissions = [Permission::Read, Permission::Write, Permission::Administer];
    for (actor, allowed) in [(&admin, 3), (&editor, 2), (&viewer, 1)] {
        for (i, permission) in permissions.into_iter().enumerate() {
            let answer = access::authorise(&mut conn, actor, &project, permission).await;
            match answer {
                Ok(_) => assert!(i < allowed, "{actor:?} {permission:?}"),
                Err(Error::Forbidden(text)) => {
                    assert!(i >= allowed, "{actor:?} {permission:?}");
                    assert!(text.contains(permission.role().as_str()), "{text}");
                }
                Err(error) => panic!("{error:?}"),
            }
        }
    }
    let hidden = access::authorise(&mut conn, &stranger, &project, Permission::Read)
        .await
        .unwrap_err();
    let absent = access::authorise(
        &mut conn,
        &stranger,
        &Name::new("none").unwrap(),
        Permission::Read,
    )
    .await
    .unwrap_err();
    assert_eq!(
        (hidden.code(), hidden.to_string()),
        (absent.code(), absent.to_string())
    );
    assert_eq!(hidden.code(), "not_found");
}

#[tokio::test]
async fn a_key_acts_in_its_own_project_within_its_scopes() {
    let kit = TestPlatform::new().await;
    kit.admin().await;
    let other = kit.new_project("other").await;
    let (_, reader) = kit.key(&kit.project(), &[Scope::Read]).await;
    let (_, predictor) = kit
        .key(&kit.project(), &[Scope::Predict(None), Scope::Feedback])
        .await;
    let (_, admin) = kit.key(&kit.project(), &[Scope::Admin]).await;
    assert_eq!(
        projects::get(&kit, &reader, &kit.project())
            .await
            .unwrap()
            .role,
        Role::Viewer
    );
    assert_eq!(
        projects::get(&kit, &admin, &kit.project())
            .await
            .unwrap()
            .role,
        Role::Admin
    );
    assert_eq!(
        projects::get(&kit, &reader, &other)
            .await
            .unwrap_err()
            .code(),
        "not_found"
    );
    assert_eq!(
        projects::get(&kit, &predictor, &kit.project())
            .await
            .unwrap_err()
            .code(),
        "forbidden"
    );
    assert_eq!(projects::list(&kit, &predictor).await.unwrap(), []);
    assert_eq!(
        api_keys::list(&kit, &reader, &kit.project())
            .await
            .unwrap_err()
            .code(),
        "forbidden"
    );
    assert_eq!(
        api_keys::list(&kit, &admin, &kit.project())
            .await
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        projects::create(&kit, &admin, &Name::new("third").unwrap())
            .await
            .unwrap_err()
            .code(),
        "forbidden"
    );
}

#[tokio::test]
async fn an_admin_creates_projects_and_a_viewer_does_not() {
    let kit = TestPlatform::new().await;
    let admin = kit.admin().await;
    let viewer = kit
        .member(&kit.project(), "viewer@example.com", Role::Viewer)
        .await;
    let name = Name::new("pricing").unwrap();
    assert_eq!(
        projects::create(&kit, &viewer, &name)
            .await
            .unwrap_err()
            .code(),
        "forbidden"
    );
    let made = projects::create(&kit, &admin, &name).await.unwrap();
    assert_eq!(projects::get(&kit, &admin, &name).await.unwrap(), made);
    let taken = projects::create(&kit, &admin, &name).await.unwrap_err();
    assert!(
        matches!(&taken, Error::Invalid(fields) if fields[0].pointer == "/name" && fields[0].code == "taken")
    );
    let all = projects::list(&kit, &Actor::System { name: "test" })
        .await
        .unwrap();
    assert_eq!(
        all.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
        ["default", "pricing"]
    );
    assert_eq!(projects::list(&kit, &viewer).await.unwrap().len(), 1);
}
