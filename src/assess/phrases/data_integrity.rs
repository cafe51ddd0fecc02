//! Data integrity: schemas, migrations, bulk writes, transactions, wrong or lost stored data, backups.

use super::{DATA, Group, Pair, RELIABILITY, code, group, pair};

pub(super) const GROUPS: &[Group] = &[
    group(
        "migration",
        &[(DATA, 1.0)],
        "schema migration | database migration | db migration | data migration | migration script | migrate data | \
        migrate the data | migrate existing | migrate all | add-migration | alembic | flyway | liquibase | knex migration | rails migration | \
        django migration | ef migration | entity framework migration | makemigrations | schema change | change the schema | schema evolution | \
        backfill* | back-fill* | data model change | rename column | rename the column | drop column | drop the column | drop the old column | \
        add column | add a column | new column | change column | column type | not null constraint | unique constraint | foreign key constraint | \
        add foreign key | primary key change | change the primary key | renumber* | re-key | dual write | dual-write | double write | \
        zero-downtime migration | merge the tables | split the table | merge duplicate* | deduplicat* | dedupe | \
        datenmigration | schemaänderung | spalte | migración | migrar los datos | columna | 数据迁移 | 迁移数据 | 表结构 | 加字段 | 回填 | \
        マイグレーション | データ移行 | カラム",
    ),
    group(
        "migrating",
        &[(DATA, 0.6)],
        "migration | migrating | migrate | schema | transaction | rollback | roll back | commit log | consistency | \
        inconsistent | checksum | snapshot | replication | restore | export and import | constraint | foreign key | not null | truncate | upsert | soft delete | soft-delete | hard delete",
    ),
    group(
        "lost-data",
        &[(DATA, 1.1)],
        "data loss | lose data | loses data | losing data | lost data | data is lost | data gets lost | lost update | lost write | \
        silently lost | missing rows | missing records | rows missing | records missing | rows are missing | half of the rows | half the rows | \
        data corruption | corrupt* | wrong data | stale data written | overwrit* each other | overwrites the | overwritten by | got overwritten | \
        duplicate row | duplicate record | duplicated rows | orphan* row | orphaned | wiped | lost rows | disappear* from the database | \
        unrecoverable | recover deleted | recover lost | undo the update | undo the delete | dirty read | phantom read | partial write | torn write | \
        not persisted | never persisted | not saved | isn't saved | fsync | not flushed | flush to disk | durability | write-ahead log | \
        datenverlust | daten verloren | überschrieben | verloren gegangen | pérdida de datos | se borraron | sobrescrib* | datos perdidos | \
        数据丢失 | 丢数据 | 数据不一致 | 覆盖了 | 误删 | データが消え* | データ消失 | 上書き",
    ),
    group(
        "backup",
        &[(DATA, 1.0)],
        "backup | backups | back up the | restore from | restore the | restoring | point in time recovery | point-in-time | pitr | \
        pg_dump | pg_restore | mysqldump | disaster recovery | recovery point | wal archiv* | restore all | restore only | \
        sicherung | wiederherstell* | zurückspiel* | copia de seguridad | respaldo | restaurar | 备份 | 还原 | 恢复数据 | バックアップ | 復元 | リストア",
    ),
    group(
        "transactions",
        &[(DATA, 0.9)],
        "in one transaction | same transaction | inside a transaction | transaction isolation | isolation level | transactional | \
        atomically | atomic commit | two-phase commit | 2pc | saga | exactly once | exactly-once | at least once | at-least-once | idempoten* | outbox | \
        eventual consistency | eventually consistent | strong consistency | linearizab* | serializab* isolation | read your writes | \
        out of sync | source of truth | referential integrity | data integrity | integrity check | event sourcing | \
        transaktion* | transacción | 事务 | 一致性 | トランザクション | 整合性",
    ),
    code(
        "sql-change",
        &[(DATA, 1.0)],
        "alter table | drop table | drop column | truncate table | delete from | add column | drop constraint | add constraint | rename column to | \
        create unique index | on delete cascade | change_column | remove_column | add_column | rename_column | drop_table | \
        op.drop_column | op.add_column | op.alter_column | migrationbuilder | removeindex | updatemany | deletemany | dropcollection | \
        on duplicate key update | merge into",
    ),
    code("sql-write", &[(DATA, 0.5)], "update set | insert into | set null | create table | references"),
    group(
        "bulk",
        &[],
        "all | every | each row | every row | all rows | in bulk | bulk | mass | whole table | entire table | older than | thousands | million* | \
        in place | in-place | 000 rows | 000 customers | alle | todos los | todas las | 全部 | 所有 | 批量 | すべて | 全て",
    ),
    group(
        "writing",
        &[],
        "update | delete | deleting | remove | overwrite | purge | drop | truncate | wipe | clean up | cleanup | set to null | change | merge | copy | \
        convert | anonymi* | reset | löschen | ändern | überschreib* | borrar | eliminar | actualizar | 删除 | 删掉 | 更新 | 清理 | 削除 | 更新",
    ),
    group(
        "stored",
        &[],
        "row | rows | record | records | table | database | db | collection | column | column values | entries in | postgres* | mysql | mongo* | sqlite | \
        sql server | dynamodb | cassandra | hbase | redis keys | s3 objects | bucket | datenbank | tabelle | tabla | base de datos | 数据库 | 表 | 记录 | データベース | テーブル | レコード",
    ),
    group(
        "live-table",
        &[],
        "live table | live db | live database | production table | on prod | in prod | big table | large table | m rows | million rows | without downtime | \
        no downtime | blocks writes | blocks reads | locks the table | table lock | exclusive lock | lock_timeout",
    ),
    group(
        "entities",
        &[],
        "tenant | tenants | rows | entries | contacts | transactions | payments | sessions | documents | stores | totals | orders | customers | products | tickets | users | accounts | bookings | comments | contracts | timestamps | events | articles | subscriptions | members | attendees | employees | students | patients | prices in | messages | attachments | documents | devices | pedidos | clientes | bestellungen | datensätze | datensatz | artikel | 订单 | 数据 | 商品 | 注文 | データ",
    ),
    group(
        "moving",
        &[],
        "move | moving | import | imported | transfer | copy over | copy | convert | sync | sync up | merge | split | archive | export and | from mysql to | to postgres | importar | mover | umziehen | übertragen | 导入 | 同步 | 迁到 | 移行 | 取り込*",
    ),
    group(
        "damaged",
        &[(DATA, 0.4)],
        "of another | shifted | off by one hour | hours off | 2h off | wrong timezone | wrong time zone | garbled | mojibake | broken umlauts | encoding got | mixed up | swapped | half of the | halfway | half way | partially | incomplete | leaves both | drops last | drops the last | truncated | is empty | 0 bytes | nothing got lost | lost | \
        loses | unsaved | not restored | reverted | zerstört | beschädigt | vertauscht | se perdieron | borré | dañado | 误执行 | 乱码 | 丢了 | 没带 where | 壊れ* | 消え*",
    ),
    group(
        "dumps",
        &[(DATA, 1.0)],
        "nightly dump | database dump | sql dump | dump from | dump is | binlog | redo log | wal segment | oplog | volcado | snapshot from | archive log | recycle bin of the database",
    ),
    group(
        "column",
        &[],
        "column | columns | field type | nullable | not null | default value | constraint | index on | primary key | foreign key | enum value | table | spalte | columna | 字段 | 列 | カラム",
    ),
    group(
        "altering",
        &[],
        "add | adding | drop | dropping | rename | remove | change | alter | make | convert | widen | merge | split | hinzufügen | umbenennen | añadir | agregar | cambiar | 加 | 新增 | 修改 | 删除 | 追加 | 変更 | 削除",
    ),
    group(
        "sets-state",
        &[],
        "sets status | set status | sets the | set the | mark all | mark them | close all | reset all | update all | fix the data | correct the data | repair the data | clean the data | backfill | repariere | reparar los datos | 修数据 | 修复数据 | データを直*",
    ),
    group(
        "storing",
        &[(DATA, 0.9)],
        "migration file | migration files | generate migration | generating migration | run migrations | running migrations | pending migration | migration fails | migration failed | rollback migration | down migration | cascade delete | delete cascade | soft-deleted | duplicate key | unique violation | unique index | upsert | savepoint | conflict resolution | crdt | merge conflict in data | stale read | replica lag | replication lag | \
        reindex* | offset reset | checkpoint* | utf8mb4 | int to uuid | from int to | to bigint | decimal precision | column precision | truncates the value | loses precision | rounding on save | partition the table | archive old | vacuum full | drift between | data mismatch | counts don't match | does not match the database | block file | flushing | flush block | tombstone* | prune | pruned | compaction | \
        wallet.dat | chainstate | reindex-chainstate | index corruption | hash mismatch | checksum error | bad checksum | read back | reads back | written twice | stored twice | stored wrong | saved wrong | saves wrong | saves the wrong | wrong value in the | inserted twice | not inserted | not updated | isn't updated in | doesn't persist | does not persist | persist the | null in the database | seed data | production data | real data | customer records",
    ),
    group(
        "state-wrong",
        &[(DATA, 0.55)],
        "deleted the wrong | deleted by mistake | wrong tenant | wrong customer | wrong account | come back | bring back | only his | only hers | second one fails | first one succeeds | both or none | all or nothing | no longer match | don't match | do not match | doesn't match | match the detail | existing rows | existing accounts | existing users | existing records | incl. existing | too early | left behind | half written | partly written | write happens | two stores | both stores | summary table | out of step | overwrites | overwritten | overwriting | overwrite | loses the | loses all | loses its | loses modification | changed back | reverts to | reverted to | by itself | doubles everything | doubled | twice in the | second run | run twice | rows less | fewer rows | rows more | is null after | field is null | after reload | ids collide | id collision | collide | wrong value | wrong values | old value | old values | old ones | stale | out of date | inconsistent | diverge* | differs from the primary | replica has | mismatch | keep the values | keep the data | keep existing | existing data | preserve | without losing | verliert | überschreibt | doppelte datensätze | löscht | gelöscht | inactivos | perder datos | 保留数据 | 不丢 | 重复数据 | 数据错 | 消さずに | 重複",
    ),
    group(
        "store-topic",
        &[(DATA, 0.35)],
        "database | db | postgres | mysql | mongodb | mongoose | sqlite | oracle db | sql server | orm | typeorm | sequelize | prisma | hibernate | jpa | entity framework | ef core | activerecord | sqlalchemy | model field | charfield | foreignkey | varchar | datetime field | datatype | data type | record | records | rows | dataset | storage | persist | stored | persisted | saved | save( | save() | parquet | avro | orc | hdfs block | edit log | fsimage | metadata | manifest | index file | checkpoint | snapshot | datenbank | base de datos | 数据库 | 字段 | 数据表 | データベース",
    ),
];

pub(super) const PAIRS: &[Pair] = &[
    pair("writing", "stored", 40, &[(DATA, 0.65)]),
    pair("bulk", "stored", 60, &[(DATA, 0.35)]),
    pair("sql-change", "live-table", 400, &[(DATA, 0.4), (RELIABILITY, 1.0)]),
    pair("migration", "live-table", 300, &[(DATA, 0.4), (RELIABILITY, 1.0)]),
    pair("writing", "stakes-live", 60, &[(DATA, 0.4)]),
    pair("stored", "stakes-wrong", 60, &[(DATA, 0.4)]),
    pair("backup", "stakes-wrong", 100, &[(DATA, 0.4)]),
    pair("moving", "entities", 40, &[(DATA, 0.6)]),
    pair("moving", "stored", 40, &[(DATA, 0.6)]),
    pair("bulk", "entities", 30, &[(DATA, 0.3)]),
    pair("writing", "entities", 30, &[(DATA, 0.35)]),
    pair("damaged", "entities", 80, &[(DATA, 0.6)]),
    pair("damaged", "stored", 100, &[(DATA, 0.5)]),
    pair("column", "altering", 25, &[(DATA, 0.8)]),
    pair("sets-state", "entities", 80, &[(DATA, 0.6)]),
    pair("sets-state", "bulk", 60, &[(DATA, 0.5)]),
    pair("column", "migrating", 120, &[(DATA, 0.4)]),
    pair("stored", "migrating", 80, &[(DATA, 0.3)]),
    pair("storing", "stored", 120, &[(DATA, 0.25)]),
    pair("state-wrong", "store-topic", 150, &[(DATA, 0.4)]),
    pair("state-wrong", "entities", 100, &[(DATA, 0.35)]),
    pair("state-wrong", "moving", 80, &[(DATA, 0.3)]),
    pair("altering", "store-topic", 40, &[(DATA, 0.3)]),
    pair("moving", "store-topic", 60, &[(DATA, 0.3)]),
];
