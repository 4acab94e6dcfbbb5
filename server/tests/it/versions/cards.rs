use domain::Role;
use reqwest::Method;
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ETAG};
use serde_json::{Value, json as body};

use super::{Ground, PROJECT, fare, has, survival};
use crate::harness::{json, name, problem};

const CARD: &str = "/models/fare/versions/1/card";

async fn put(ground: &Ground, markdown: &str, if_match: Option<&str>) -> reqwest::Response {
    let path = format!("{PROJECT}{CARD}");
    let mut request = ground
        .app
        .request(Method::PUT, &path)
        .bearer_auth(&ground.key);
    if let Some(revision) = if_match {
        request = request.header("if-match", revision);
    }
    request
        .json(&body!({ "markdown": markdown }))
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_card_says_what_is_known_until_somebody_writes_it() {
    let ground = Ground::new().await;
    let run = ground.train(&fare("decision_tree", 3)).await;
    let answer = ground.send(Method::GET, CARD, None).await;
    assert_eq!(answer.headers()[ETAG], "\"0\"");
    let card = json(answer, 200).await;
    assert_eq!(card["revision"], 0);
    let text = card["markdown"].as_str().unwrap();
    let version = ground.get("/models/fare/versions/1").await;
    let data = ground.get("/datasets/passengers").await;
    for part in [
        "# fare v1",
        "## Intended use",
        "`passengers` v1",
        data["sha256"].as_str().unwrap(),
        "seed 3",
        "decision tree",
        "`max_depth`: `8`",
        "| RMSE |",
        "Without a model",
        "| `Age` | float |",
        "## What it relies on",
        "## Caveats",
        version["sha256"].as_str().unwrap(),
        run["id"].as_str().unwrap(),
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    ground.train(&survival("naive_bayes")).await;
    let other = ground.get("/models/survival/versions/1/card").await;
    let text = other["markdown"].as_str().unwrap();
    assert!(
        text.contains("### Class by class") && text.contains("| `1` |"),
        "{text}"
    );
    // Without a run there is less to say.
    let platform = &ground.app.platform;
    let signature = testkit::empty_signature();
    platform
        .version(
            &platform.project(),
            &name("foreign"),
            b"an artifact",
            &signature,
        )
        .await;
    let foreign = ground.get("/models/foreign/versions/1/card").await;
    let text = foreign["markdown"].as_str().unwrap();
    assert!(text.contains("was not trained here"), "{text}");

    let download = ground.send(Method::GET, &format!("{CARD}.md"), None).await;
    assert_eq!(
        download.headers()[CONTENT_TYPE],
        "text/markdown; charset=utf-8"
    );
    assert_eq!(
        download.headers()[CONTENT_DISPOSITION],
        "attachment; filename=\"fare-v1.md\""
    );
    assert_eq!(
        download.text().await.unwrap(),
        card["markdown"].as_str().unwrap()
    );
    problem(
        ground
            .send(Method::GET, "/models/fare/versions/9/card", None)
            .await,
        404,
    )
    .await;
}

#[tokio::test]
async fn no_edit_is_lost_and_each_is_in_the_ledger() {
    let ground = Ground::new().await;
    ground.train(&fare("linear_regression", 0)).await;
    let first = put(&ground, "# Mine\r\ntext", Some("\"0\"")).await;
    assert_eq!(first.headers()[ETAG], "\"1\"");
    let first = json(first, 200).await;
    assert_eq!(
        (&first["markdown"], &first["revision"]),
        (&body!("# Mine\ntext"), &body!(1))
    );
    assert!(
        first["updated_by"].as_str().unwrap().starts_with("key:"),
        "{first}"
    );
    // The same again changes nothing, whoever sends it with whatever revision.
    assert_eq!(
        json(put(&ground, "# Mine\ntext", Some("\"0\"")).await, 200).await["revision"],
        1
    );
    let stale = problem(put(&ground, "# Theirs", Some("\"0\"")).await, 412).await;
    assert!(
        stale["detail"].as_str().unwrap().contains("revision 1"),
        "{stale}"
    );
    problem(put(&ground, "# Theirs", Some("mine")).await, 412).await;
    json(put(&ground, "# Theirs", None).await, 200).await;
    for (markdown, status, text) in [
        (String::new(), 422, "a card can not be empty"),
        ("a\0b".to_owned(), 422, "NUL"),
        ("ü".repeat(40_000), 413, "65536 at most"),
    ] {
        let refused = problem(put(&ground, &markdown, None).await, status).await;
        assert!(
            refused["detail"].as_str().unwrap().contains(text),
            "{refused}"
        );
    }
    assert_eq!(ground.get(CARD).await["markdown"], "# Theirs");
    let ledger = ground.get("/ledger?limit=10").await;
    let written: Vec<&Value> = ledger["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["action"] == "model_card.written")
        .collect();
    assert_eq!(written.len(), 2, "{ledger}");
    assert_eq!(written[0]["subject"], "model/fare");
    assert_eq!(
        (
            &written[0]["before"]["revision"],
            &written[0]["after"]["revision"]
        ),
        (&body!(1), &body!(2))
    );

    // Two at once: one of them is told.
    let (one, two) = tokio::join!(
        put(&ground, "one", Some("\"2\"")),
        put(&ground, "two", Some("\"2\""))
    );
    let mut statuses = [one.status().as_u16(), two.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}

#[tokio::test]
async fn the_page_shows_it_safely_and_keeps_what_was_typed() {
    let ground = Ground::new().await;
    ground.train(&fare("linear_regression", 0)).await;
    let session = ground.session(Role::Editor).await;
    let page = "/p/default/models/fare/versions/1";
    has(
        &ground.page(&session, page).await,
        &[
            "Model card",
            "<h3>fare v1</h3>",
            "Edit the card",
            "Download .md",
            "card.md",
        ],
    );
    let save = async |revision: &str, markdown: &str| {
        let fields = [
            ("project", "default"),
            ("model", "fare"),
            ("version", "1"),
            ("revision", revision),
            ("markdown", markdown),
        ];
        let form = ground.app.form("/_fn/write_model_card", &fields);
        let form = form
            .header("cookie", &session)
            .header("accept", "text/html");
        let referer = format!("{}{page}", ground.app.origin());
        form.header("referer", referer).send().await.unwrap()
    };
    // A line that begins with a tag is HTML as a whole, in which nothing is a link; within a line the tag alone is.
    let hostile = "# Ours\n\n<script>alert(0)</script>\n\nHere: <script>alert(1)</script> [x](javascript:alert(1)) \
                   ![i](https://example.com/i.png) [ok](https://example.com/)\n\n\
                   | a |\n|:-:|\n| <img src=x onerror=alert(1)> |\n";
    assert!(save("0", hostile).await.status().is_redirection());
    let shown = ground.page(&session, page).await;
    let (_, card) = shown.split_once("class=\"markdown\"").unwrap();
    let (card, _) = card.split_once("card-edit").unwrap();
    has(
        card,
        &[
            "<h3>Ours</h3>",
            "&lt;script&gt;alert(0)",
            "Here: &lt;script&gt;alert(1)",
            "<a href=\"https://example.com/\">ok</a>",
            "Revision 1 by",
        ],
    );
    for bad in [
        "<script",
        "<img",
        "javascript:",
        "style=",
        "onerror=alert(1)>",
    ] {
        assert!(!card.contains(bad), "{bad} is in {card}");
    }

    // Somebody else was quicker: what was typed is on the page again, and is saved with the revision that it shows.
    let typed = "what I typed <b></textarea><script>alert(2)</script>\n";
    let refused = save("0", typed).await;
    assert!(refused.status().is_redirection());
    let place = crate::harness::location(&refused).to_owned();
    assert!(place.contains("__err"), "{place}");
    let shown = ground.page(&session, page).await;
    has(
        &shown,
        &[
            "what I typed &lt;b&gt;&lt;/textarea&gt;&lt;script&gt;alert(2)",
            "was not saved",
            "name=\"revision\" value=\"1\"",
        ],
    );
    assert!(!shown.contains("<script>alert"), "{shown}");
    let other = ground.app.member("other@example.com", Role::Editor).await;
    assert!(!ground.page(&other, page).await.contains("what I typed"));
    assert!(save("1", typed).await.status().is_redirection());
    let shown = ground.page(&session, page).await;
    assert!(!shown.contains("was not saved") && !shown.contains("<script>alert"));
    assert_eq!(ground.get(CARD).await["revision"], 2);
    // Too long a text is kept, too.
    let long = format!("{}the end", "long ".repeat(14_000));
    assert!(save("2", &long).await.status().is_redirection());
    has(
        &ground.page(&session, page).await,
        &["the end", "was not saved"],
    );
    assert_eq!(ground.get(CARD).await["revision"], 2);

    let viewer = ground.session(Role::Viewer).await;
    let shown = ground.page(&viewer, page).await;
    has(
        &shown,
        &["what I typed", "Editing the card needs the role editor"],
    );
    assert!(!shown.contains("write_model_card"));
    let refused = ground.app.form(
        "/_fn/write_model_card",
        &[
            ("project", "default"),
            ("model", "fare"),
            ("version", "1"),
            ("revision", "2"),
            ("markdown", "mine"),
        ],
    );
    let refused = refused.header("cookie", &viewer).send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 403);
}
