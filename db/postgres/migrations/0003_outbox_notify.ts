import { type Kysely, sql } from 'kysely'

// Tells the relays of all instances that events have come in, when the transaction that brought them commits.
export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    create function notify_audit_outbox() returns trigger language plpgsql as $$
    begin
      perform pg_notify('audit_outbox', '');
      return null;
    end $$`.execute(db)
  await sql`
    create trigger audit_outbox_notify after insert on audit_outbox
    for each statement execute function notify_audit_outbox()`.execute(db)
  // A queue is emptied as fast as it is filled: left to the default, its dead rows would outnumber the live ones.
  await sql`
    alter table audit_outbox set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`.execute(db)
}

export async function down(db: Kysely<never>): Promise<void> {
  await sql`alter table audit_outbox reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)`.execute(db)
  await sql`drop trigger audit_outbox_notify on audit_outbox`.execute(db)
  await sql`drop function notify_audit_outbox()`.execute(db)
}
