//! How SQLite finds what is asked for. Nobody runs ANALYZE on an event store, so the plans must be right without it.

use super::{
    super::{holders, keys, read, record, snapshots, tail, views},
    *,
};

#[tokio::test]
async fn every_statement_uses_its_index() {
    let store = SqliteStore::open(SqliteOptions::in_memory()).await.unwrap();
    let writer = lock(&store.core.writer);
    let reads = read::STATEMENTS.into_iter().chain([tail::LAST]);
    let writes = record::STATEMENTS.into_iter().chain(holders::STATEMENTS).chain(keys::STATEMENTS);
    let writes = writes.chain(snapshots::STATEMENTS);
    for statement in reads.chain(writes).chain(views::statements()) {
        let mut explain =
            writer.session.connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let count = explain.parameter_count();
        let plan: Vec<String> = explain
            .query_map(rusqlite::params_from_iter((0..count).map(|_| 1)), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let plan = plan.join("; ");
        assert!(!plan.contains("TEMP B-TREE"), "{statement}: {plan}");
        assert!(!plan.contains("SCAN"), "{statement}: {plan}");
    }
}
