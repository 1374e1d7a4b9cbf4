import { type Kysely, sql } from 'kysely'

// The trail where no MongoDB is configured. Its rows are those of the outbox.
export async function up(db: Kysely<never>): Promise<void> {
  await sql`create table audit_events (like audit_outbox including defaults including constraints)`.execute(db)
  await db.schema.alterTable('audit_events').addPrimaryKeyConstraint('audit_events_pkey', ['id']).execute()
  await db.schema.createIndex('audit_events_user').on('audit_events').columns(['user_id', 'id desc']).execute()
  await db.schema
    .createIndex('audit_events_user_type')
    .on('audit_events')
    .columns(['user_id', 'type', 'id desc'])
    .execute()
  await db.schema.createIndex('audit_events_age').on('audit_events').column('occurred_at').execute()
}

export async function down(db: Kysely<never>): Promise<void> {
  await db.schema.dropTable('audit_events').execute()
}
