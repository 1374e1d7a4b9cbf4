/** An address in its two forms. */
export interface Email {
  /** As typed, without outer spaces, in NFC: what is shown and written to. */
  email: string
  /** What two spellings of one address have in common; unique in the database. */
  emailKey: string
}

/** Both forms of an address that the schema has accepted. */
export function parseEmail(raw: string): Email {
  const email = raw.trim().normalize('NFC')
  return { email, emailKey: email.toLowerCase().normalize('NFC') }
}
