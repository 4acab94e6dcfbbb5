use sqlx::{AssertSqlSafe, ConnectOptions};
use testkit::TestPlatform;

#[tokio::test]
async fn rows_are_only_ever_added() {
    let kit = TestPlatform::new().await;
    kit.admin().await;
    let options: sqlx::postgres::PgConnectOptions = kit.database.url().parse().unwrap();
    let mut conn = options.connect().await.unwrap();
    let count = "SELECT count(*) FROM ledger";
    let before: i64 = sqlx::query_scalar(count)
        .fetch_one(&mut conn)
        .await
        .unwrap();
    assert!(before > 0);
    for statement in [
        "UPDATE ledger SET reason = 'another'",
        "DELETE FROM ledger",
        "TRUNCATE ledger",
    ] {
        let refused = sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut conn)
            .await
            .unwrap_err();
        assert!(
            refused.to_string().contains("only ever added"),
            "{statement}: {refused}"
        );
    }
    assert_eq!(
        sqlx::query_scalar::<_, i64>(count)
            .fetch_one(&mut conn)
            .await
            .unwrap(),
        before
    );
}
