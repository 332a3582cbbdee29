/** What to do about what PostgreSQL and the operating system say in words of their own, by the code they give it. */
const remedies: Readonly<Record<string, string>> = {
  '28P01': 'correct user or password in DATABASE_URL',
  '28000': 'let this user in (pg_hba.conf on the server), or correct DATABASE_URL',
  '3D000': 'make it (createdb), or correct the name in DATABASE_URL',
  '42501': 'give this role what it needs: psql -f schema/grants.sql, see docs/security.md',
  '42P01': 'the tables are not there: run enrollment migrate',
  '53100': 'free disk on the database server',
  '53300': 'raise max_connections on the database server, or run fewer processes',
  ENOTFOUND: 'correct the host in DATABASE_URL or RABBITMQ_ADDRESS',
  ECONNREFUSED: 'start the server that is meant, or correct DATABASE_URL or RABBITMQ_ADDRESS',
  ENOENT: 'correct the path',
  EACCES: 'let this user in, or choose another path',
  ENOSPC: 'free disk',
}

/** The message with what to do about it, where that is known. */
export function withRemedy(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const remedy = remedies[code]
  return remedy === undefined ? error.message : `${error.message}; ${remedy}`
}
