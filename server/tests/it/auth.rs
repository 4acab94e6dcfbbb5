use domain::Role;
use platform::{Clock, members, users};
use reqwest::StatusCode;
use testkit::{PASSWORD, TestPlatform};

use crate::harness::{ADMIN, App, cookie, json, location, problem};

const DATASETS: &str = "/api/v1/projects/default/datasets";

async fn is_signed_in(app: &App, cookie: &str) -> bool {
    match app
        .get(DATASETS)
        .header("cookie", cookie)
        .send()
        .await
        .unwrap()
        .status()
    {
        StatusCode::OK => true,
        StatusCode::UNAUTHORIZED => false,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_person_signs_in_and_out() {
    let app = App::start().await;
    let form = [
        ("email", ADMIN),
        ("password", PASSWORD),
        ("next", "/p/default/models?x=1"),
    ];
    let answer = app.form("/auth/sign-in", &form).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    assert_eq!(location(&answer), "/p/default/models?x=1");
    let set = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(set.starts_with("volary="), "{set}");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("Secure"), "loopback has no TLS: {set}");
    let session = cookie(&answer).unwrap();
    assert!(is_signed_in(&app, &session).await);

    let out = app
        .form("/auth/sign-out", &[])
        .header("cookie", &session)
        .send()
        .await
        .unwrap();
    assert_eq!((out.status().as_u16(), location(&out)), (303, "/login"));
    assert!(!is_signed_in(&app, &session).await);
}

#[tokio::test]
async fn behind_tls_the_cookie_is_bound_to_the_host() {
    let platform = TestPlatform::with_clock(Clock::System).await;
    let app = App::start_with(platform, &["--public-url", "https://volary.example.com"]).await;
    // The address that the harness uses is not the public one.
    let refused = app
        .form("/auth/sign-in", &[])
        .header("host", "volary.example.com")
        .send()
        .await
        .unwrap();
    problem(refused, 403).await;
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let answer = client
        .post(format!("{}/auth/sign-in", app.origin()))
        .header("host", "volary.example.com")
        .header("origin", "https://volary.example.com")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!(
            "email=ada%40example.com&password={}",
            PASSWORD.replace(' ', "+")
        ))
        .send()
        .await
        .unwrap();
    let set = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(
        set.starts_with("__Host-volary=") && set.contains("Secure") && set.contains("Path=/"),
        "{set}"
    );
    assert!(!set.contains("Domain"), "{set}");
}

#[tokio::test]
async fn signing_in_takes_a_new_session_id() {
    let app = App::start().await;
    let planted = app.sign_in(ADMIN).await;
    let answer = app
        .form("/auth/sign-in", &[("email", ADMIN), ("password", PASSWORD)])
        .header("cookie", &planted)
        .send()
        .await
        .unwrap();
    let fresh = cookie(&answer).unwrap();
    assert_ne!(planted, fresh);
    assert!(is_signed_in(&app, &fresh).await);
    assert!(!is_signed_in(&app, &planted).await);
}

#[tokio::test]
async fn a_session_ends_when_idle_and_after_half_a_day_in_any_case() {
    let app = App::start_with(TestPlatform::new().await, &[]).await;
    let minutes = |minutes: i64| app.platform.clock.advance(minutes * 60);
    let session = app.sign_in(ADMIN).await;
    minutes(29);
    assert!(is_signed_in(&app, &session).await);
    minutes(29);
    assert!(is_signed_in(&app, &session).await, "a use keeps it");
    minutes(31);
    assert!(!is_signed_in(&app, &session).await);

    let session = app.sign_in(ADMIN).await;
    for _ in 0..28 {
        minutes(25);
        assert!(is_signed_in(&app, &session).await);
    }
    minutes(25);
    assert!(!is_signed_in(&app, &session).await, "twelve hours are over");
}

#[tokio::test]
async fn a_wrong_password_goes_back_to_the_form_and_says_no_more() {
    let app = App::start().await;
    let mut pages = Vec::new();
    for (email, password) in [
        (ADMIN, "wrong wrong wrong"),
        ("nobody@example.com", PASSWORD),
    ] {
        let form = [
            ("email", email),
            ("password", password),
            ("next", "/p/default"),
        ];
        let answer = app.form("/auth/sign-in", &form).send().await.unwrap();
        assert_eq!(answer.status(), 303);
        assert!(cookie(&answer).is_none());
        pages.push(location(&answer).to_owned());
        let asked = app
            .form("/auth/sign-in", &form)
            .header("accept", "application/json")
            .send()
            .await
            .unwrap();
        problem(asked, 401).await;
    }
    assert_eq!(
        pages,
        ["/login?next=%2Fp%2Fdefault&error=unauthenticated"; 2]
    );
}

#[tokio::test]
async fn nobody_is_sent_elsewhere_after_signing_in() {
    let app = App::start().await;
    for next in ["https://evil.example", "//evil.example", "/\\evil.example"] {
        let form = [("email", ADMIN), ("password", PASSWORD), ("next", next)];
        let answer = app.form("/auth/sign-in", &form).send().await.unwrap();
        assert_eq!(location(&answer), "/", "{next}");
    }
}

#[tokio::test]
async fn the_sixth_wrong_password_in_a_row_has_to_wait_and_success_forgives() {
    let app = App::start().await;
    let wrong = [("email", ADMIN), ("password", "wrong wrong wrong")];
    for _ in 0..4 {
        assert_eq!(
            app.form("/auth/sign-in", &wrong)
                .send()
                .await
                .unwrap()
                .status(),
            303
        );
    }
    app.sign_in(ADMIN).await;
    for _ in 0..5 {
        assert_eq!(
            app.form("/auth/sign-in", &wrong)
                .send()
                .await
                .unwrap()
                .status(),
            303
        );
    }
    let answer = app.form("/auth/sign-in", &wrong).send().await.unwrap();
    let wait: u64 = answer.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=12).contains(&wait), "{wait}");
    assert_eq!(problem(answer, 429).await["error_code"], "rate_limited");

    let page = app
        .form("/auth/sign-in", &wrong)
        .header("accept", "text/html")
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 303);
    assert!(
        location(&page).starts_with("/login?error=rate_limited&retry_after="),
        "{}",
        location(&page)
    );
    // Another account is not held back by it.
    let other = app
        .form(
            "/auth/sign-in",
            &[("email", "eve@example.com"), ("password", "x")],
        )
        .send()
        .await
        .unwrap();
    assert_eq!(other.status(), 303);
}

#[tokio::test]
async fn changing_the_password_ends_every_other_session() {
    let app = App::start().await;
    let here = app.sign_in(ADMIN).await;
    let there = app.sign_in(ADMIN).await;
    let new = "harbour violet trumpet";

    let wrong = [
        ("current_password", "not this one at all"),
        ("new_password", new),
    ];
    let answer = app
        .form("/auth/change-password", &wrong)
        .header("cookie", &here)
        .send()
        .await
        .unwrap();
    assert_eq!(
        location(&answer),
        "/p/default/settings/account?error=invalid_input&field=current_password"
    );
    assert!(is_signed_in(&app, &there).await);

    let right = [
        ("current_password", PASSWORD),
        ("new_password", new),
        ("next", "/p/default/settings/account"),
    ];
    let answer = app
        .form("/auth/change-password", &right)
        .header("cookie", &here)
        .send()
        .await
        .unwrap();
    assert_eq!(
        location(&answer),
        "/p/default/settings/account?done=password_changed"
    );
    let fresh = cookie(&answer).unwrap();
    assert!(is_signed_in(&app, &fresh).await);
    assert!(!is_signed_in(&app, &here).await);
    assert!(!is_signed_in(&app, &there).await);
    let answer = app
        .form("/auth/sign-in", &[("email", ADMIN), ("password", PASSWORD)])
        .send()
        .await
        .unwrap();
    assert!(location(&answer).contains("error=unauthenticated"));

    let stranger = app
        .form("/auth/change-password", &right)
        .send()
        .await
        .unwrap();
    problem(stranger, 401).await;
}

#[tokio::test]
async fn the_first_account_is_made_by_the_one_time_link() {
    let app = App::start_empty(TestPlatform::with_clock(Clock::System).await, &[]).await;
    let token = users::create_setup_token(&app.platform)
        .await
        .unwrap()
        .unwrap();
    let form = |token: &str, password: &str| {
        let fields = [
            ("token", token),
            ("email", ADMIN),
            ("name", "Ada"),
            ("password", password),
        ];
        app.form("/auth/set-up", &fields).send()
    };
    let answer = form("guessed", PASSWORD).await.unwrap();
    assert_eq!(location(&answer), "/setup?token=guessed&error=not_found");
    let answer = form(&token, "short").await.unwrap();
    assert_eq!(
        location(&answer),
        format!("/setup?token={token}&error=invalid_input&field=password")
    );
    let answer = form(&token, PASSWORD).await.unwrap();
    assert_eq!((answer.status().as_u16(), location(&answer)), (303, "/"));
    assert!(is_signed_in(&app, &cookie(&answer).unwrap()).await);
    let again = form(&token, PASSWORD).await.unwrap();
    assert!(
        location(&again).contains("error=already_set_up"),
        "{}",
        location(&again)
    );
}

#[tokio::test]
async fn an_invited_person_becomes_a_member() {
    let app = App::start().await;
    let admin = app.sign_in(ADMIN).await;
    let invited = app
        .post("/api/v1/projects/default/invitations")
        .header("cookie", &admin)
        .header("origin", app.origin())
        .json(&serde_json::json!({"email": "eve@example.com", "role": "viewer"}))
        .send()
        .await
        .unwrap();
    let token = json(invited, 201).await["token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        members::preview_invitation(&app.platform, &token)
            .await
            .unwrap()
            .role,
        Role::Viewer
    );

    let form = [
        ("token", token.as_str()),
        ("name", "Eve"),
        ("password", PASSWORD),
    ];
    let answer = app
        .form("/auth/accept-invitation", &form)
        .send()
        .await
        .unwrap();
    assert_eq!(location(&answer), "/p/default");
    let session = cookie(&answer).unwrap();
    let read = app
        .get(DATASETS)
        .header("cookie", &session)
        .send()
        .await
        .unwrap();
    assert_eq!(read.status(), 200);
    let write = app
        .request(
            reqwest::Method::DELETE,
            "/api/v1/projects/default/deployments/price",
        )
        .header("cookie", &session)
        .header("origin", app.origin());
    problem(write.send().await.unwrap(), 403).await;
    let again = app
        .form("/auth/accept-invitation", &form)
        .send()
        .await
        .unwrap();
    assert!(
        location(&again).contains("error=not_found"),
        "{}",
        location(&again)
    );
}
