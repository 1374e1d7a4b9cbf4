/** The statements of all hand-written contestants, so that they do the same work; the service has its own. */

/** The user of a live session, as it is answered. Parameters: session id, user id. */
export const findCaller = `
  select u.id, u.email, u.full_name as "fullName", u.role, u.created_at as "createdAt", u.updated_at as "updatedAt"
  from sessions s join users u on u.id = s.user_id
  where s.id = $1 and u.id = $2 and s.expires_at > now() and u.disabled_at is null`

/** Moves a session to its next refresh token. Parameters: session id, generation of the presented token. */
export const rotateSession = `
  update sessions set generation = generation + 1, rotated_at = now(), last_used_at = now(),
    expires_at = least(now() + interval '30 days', ends_at)
  where id = $1 and generation = $2 and expires_at > now() returning user_id as "userId"`

/** What a login is checked against. Parameter: the address. */
export const findCredentials = `
  select id, password_hash as "passwordHash" from users where email_key = $1 and disabled_at is null`

/** Parameters: session id, user id. */
export const openSession = `
  insert into sessions (id, user_id, expires_at, ends_at)
  values ($1, $2, now() + interval '30 days', now() + interval '90 days')`

/** Parameters: id, address, full name, password hash. */
export const insertUser = `
  insert into users (id, email, email_key, full_name, password_hash) values ($1, $2, $2, $3, $4)
  returning id, email, full_name as "fullName", role, created_at as "createdAt", updated_at as "updatedAt"`
